"""Write honest files with the real torch: every optimizer and scheduler, modules, state dicts, TorchScript.

Usage: ``.peers/torch/bin/python benchmarks/torch_files.py FOLDER``.
"""

import inspect
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch


def modules() -> Iterator[tuple[str, Any]]:
    """Yield the layers of torch that can be made with small numbers."""
    made: dict[str, tuple[Any, ...]] = {
        "Bilinear": (2, 3, 4), "Embedding": (5, 3), "EmbeddingBag": (5, 3), "Fold": ((4, 4), 2),
        "GRU": (3, 4), "LSTM": (3, 4), "RNN": (3, 4), "MultiheadAttention": (8, 2),
        "Transformer": (8, 2, 1, 1, 8), "TransformerEncoderLayer": (8, 2, 8),
        "TransformerDecoderLayer": (8, 2, 8), "LayerNorm": (4,), "GroupNorm": (2, 4),
        "RMSNorm": (4,), "Upsample": (None, 2.0), "PixelShuffle": (2,), "Unflatten": (1, (2, 2)),
        "ConstantPad2d": (1, 0.0), "AdaptiveLogSoftmaxWithLoss": (4, 9, [3]),
    }  # fmt: skip
    for name, cls in sorted(vars(torch.nn).items()):
        if name.startswith("Lazy"):  # one that has seen no data yet has no weights to publish
            continue
        if inspect.isclass(cls) and issubclass(cls, torch.nn.Module) and cls is not torch.nn.Module:
            for arguments in (made.get(name), (), (3,), (3, 4), (3, 4, 2)):
                if arguments is None:
                    continue
                try:
                    yield name, cls(*arguments)
                except Exception:  # noqa: BLE001, S112 - it wants other arguments
                    continue
                break


def optimizers(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield every optimizer after one step."""
    for name, cls in sorted(vars(torch.optim).items()):
        if inspect.isclass(cls) and issubclass(cls, torch.optim.Optimizer):
            try:
                one = cls(model.parameters(), lr=0.01)
                model(torch.rand(2, 4)).sum().backward()
                one.step(lambda: model(torch.rand(2, 4)).sum())
            except Exception:  # noqa: BLE001, S112 - it wants other parameters
                continue
            yield name, one


def schedulers(optimizer: Any) -> Iterator[tuple[str, Any]]:
    """Yield the state of every scheduler that needs few arguments."""
    for name, cls in sorted(vars(torch.optim.lr_scheduler).items()):
        if name[:1].isupper() and name.endswith("LR"):
            for arguments in ((), (3,), ([1, 2],), (0.1,), (0.1, 9)):
                try:
                    yield name, cls(optimizer, *arguments).state_dict()
                except Exception:  # noqa: BLE001, S112 - it wants other arguments
                    continue
                break


def scripts() -> Iterator[tuple[str, Any]]:
    """Yield modules as TorchScript."""
    for name, module, shape in (
        ("linear", torch.nn.Linear(4, 2), (1, 4)),
        ("convolution", torch.nn.Conv2d(3, 4, 3), (1, 3, 8, 8)),
        ("lstm", torch.nn.LSTM(4, 3), (2, 1, 4)),
        ("norm", torch.nn.BatchNorm1d(4).eval(), (2, 4)),
        ("encoder", torch.nn.TransformerEncoderLayer(8, 2, 8).eval(), (2, 1, 8)),
    ):
        yield f"{name}-traced", torch.jit.trace(module, torch.rand(shape))
        yield f"{name}-scripted", torch.jit.script(module)


def main() -> None:
    """Write all files."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, module in modules():
        torch.save(module, folder / f"module-{name}.pt")
        torch.save(module.state_dict(), folder / f"state-{name}.pth")
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    for name, optimizer in optimizers(model):
        torch.save(optimizer, folder / f"optimizer-{name}.pt")
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
        torch.save(state, folder / f"checkpoint-{name}.ckpt")
        legacy = folder / f"checkpoint-{name}.bin"
        torch.save(state, legacy, _use_new_zipfile_serialization=False)
    for name, state in schedulers(torch.optim.SGD(model.parameters(), lr=0.1)):
        torch.save(state, folder / f"scheduler-{name}.pt")
    for name, script in scripts():
        torch.jit.save(script, folder / f"script-{name}.pt")
    for protocol in range(2, 6):
        tensors = {"a": torch.rand(3), "b": torch.arange(4)}
        torch.save(
            tensors,
            folder / f"tensors-{protocol}.pt",
            pickle_protocol=protocol,
            _use_new_zipfile_serialization=False,
        )


if __name__ == "__main__":
    main()

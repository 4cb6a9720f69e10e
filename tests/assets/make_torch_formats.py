"""Pack honest files of torch's own formats into `torch_formats.zip`, for tests without torch.

Run it inside an environment that holds torch: python tests/assets/make_torch_formats.py
"""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch

ASSET = Path(__file__).with_name("torch_formats.zip")
EPOCH = (1980, 1, 1, 0, 0, 0)


class Branching(torch.nn.Module):  # type: ignore[misc] # torch is not installed where types are checked
    """A module whose code TorchScript compiles, constants and text included."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(3, 2)
        self.register_buffer("scale", torch.ones(2))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Branch on the data."""
        if rows.sum() > 0:
            return self.inner(rows) * self.scale
        raise ValueError("the sum is torch.load('x') or less")


def main() -> None:
    """Write the files in a fixed order."""
    with zipfile.ZipFile(ASSET, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in files():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content, 8)


def files() -> Iterator[tuple[str, bytes]]:
    """Yield names and contents."""
    torch.manual_seed(0)
    base = torch.arange(12.0)
    values = {
        "dtypes": {str(kind): torch.ones(3).to(kind) for kind in DTYPES},
        "views": {"whole": base, "part": base[2:5], "turned": base.view(3, 4).t()},
        "many": [torch.full((2,), float(number)) for number in range(25)],
        "empty": {"none": torch.empty(0), "step": 3},
        "module": torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU()),
        "untyped": torch.ones(3).untyped_storage(),
    }
    for name, value in values.items():
        for way, zipped in (("zip", True), ("legacy", False)):
            yield f"{name}.{way}.pt", saved(value, zipped=zipped)
    for name, module in {"branching": Branching(), "linear": torch.nn.Linear(2, 2)}.items():
        out = io.BytesIO()
        torch.jit.save(torch.jit.script(module), out)
        yield f"{name}.script.pt", out.getvalue()


DTYPES = (
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.uint8,
    torch.int16, torch.int32, torch.int64, torch.bool, torch.complex64, torch.complex128,
)  # fmt: skip


def saved(value: object, *, zipped: bool) -> bytes:
    """Return the file that torch writes."""
    out = io.BytesIO()
    torch.save(value, out, _use_new_zipfile_serialization=zipped)
    return out.getvalue()


if __name__ == "__main__":
    main()

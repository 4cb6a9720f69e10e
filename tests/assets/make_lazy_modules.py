"""Make checkpoints of torch modules that learn their shapes when they are first used, and pack them.

Run it inside an environment that holds torch:

    python tests/assets/make_lazy_modules.py
"""

import io
import zipfile
from pathlib import Path

import torch
from torch import nn

ASSET = Path(__file__).with_name("lazy_modules.zip")
EPOCH = (1980, 1, 1, 0, 0, 0)


def main() -> None:
    """Pack a module that was never used, one that was, and its weights."""
    fresh, used = lazy(), lazy()
    used(torch.zeros(2, 1, 5, 5))
    with zipfile.ZipFile(ASSET, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, value in (("fresh", fresh), ("used", used), ("weights", fresh.state_dict())):
            out = io.BytesIO()
            torch.save(value, out)
            archive.writestr(zipfile.ZipInfo(f"{name}.pt", EPOCH), out.getvalue(), 8)


def lazy() -> nn.Module:
    """Return a small network that does not know its shapes yet."""
    torch.manual_seed(0)
    layers = (nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(3))
    return nn.Sequential(*layers)


if __name__ == "__main__":
    main()

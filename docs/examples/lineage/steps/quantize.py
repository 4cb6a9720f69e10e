"""Step `quantize`: weights become eight-bit numbers with one scale a row; biases stay as they are.

Usage: ``python quantize.py MODEL FOLDER``
"""

import shutil
import sys
from pathlib import Path

import torch
from net import SCALE
from safetensors.torch import load_file, save_file
from torch import Tensor

LARGEST = 127


def small(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors as they are stored."""
    made = dict(weights)
    for name, one in weights.items():
        if one.dim() > 1:
            scale = one.abs().amax(dim=tuple(range(1, one.dim())), keepdim=True) / LARGEST
            scale = scale.clamp(min=torch.finfo(scale.dtype).tiny)
            made[name] = (one / scale).round().to(torch.int8)
            made[name + SCALE] = scale
    return made


def main(model: Path, folder: Path) -> None:
    """Write the small model."""
    folder.mkdir()
    save_file(small(load_file(model / "model.safetensors")), folder / "model.safetensors")
    shutil.copyfile(model / "config.json", folder / "config.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

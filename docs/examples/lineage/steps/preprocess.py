"""Step `preprocess`: recordings become tensors, and every fifth is held out for the evaluation.

Usage: ``python preprocess.py RECORDINGS FOLDER``
"""

import csv
import sys
import wave
from pathlib import Path

import torch
from safetensors.torch import save_file


def read(path: Path) -> torch.Tensor:
    """Return a recording as numbers between -1 and 1."""
    with wave.open(str(path), "rb") as file:
        data = bytearray(file.readframes(file.getnframes()))
    return torch.frombuffer(data, dtype=torch.int16).float() / 2**15


def main(recordings: Path, folder: Path) -> None:
    """Write the two parts of the dataset."""
    folder.mkdir()
    with (recordings / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    sounds = torch.stack([read(recordings / row["file"]) for row in rows])
    alarms = torch.tensor([int(row["alarm"]) for row in rows])
    held_out = torch.arange(len(rows)) % 5 == 0
    for name, chosen in (("train", ~held_out), ("heldout", held_out)):
        part = {"sounds": sounds[chosen], "alarms": alarms[chosen]}
        save_file(part, folder / f"{name}.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

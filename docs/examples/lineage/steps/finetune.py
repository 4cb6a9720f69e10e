"""Step `finetune`: the speech detector learns to hear alarms; all but its last layer stays as it was.

Usage: ``python finetune.py BASE DATASET FOLDER``
"""

import json
import sys
from pathlib import Path

import torch
from net import load
from safetensors.torch import load_file, save_file
from torch import nn

SEED = 7
STEPS = 300
RATE = 0.01


def main(base: Path, dataset: Path, folder: Path) -> None:
    """Train the head, and write the model."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    net = load(base)
    part = load_file(dataset / "train.safetensors")
    with torch.no_grad():
        heard = net.features(part["sounds"])
    optimizer = torch.optim.Adam(net.final_conv.parameters(), lr=RATE)
    wanted = part["alarms"].float()
    for _ in range(STEPS):
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(net.head(heard), wanted).backward()
        optimizer.step()
    folder.mkdir()
    save_file(net.state_dict(), folder / "model.safetensors")
    card = {"architecture": "silero-vad-16k", "license": "MIT", "detects": "smoke alarms"}
    (folder / "config.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*(Path(one) for one in sys.argv[1:]))

"""The net of silero-vad at 16 kHz, with the names that its published weights have."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

WINDOW, CONTEXT = 512, 64
SCALE = "_scale"


class Detector(nn.Module):
    """Listens to windows of 512 samples, one after the other, and says how sure it is."""

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 258, 256, stride=128, bias=False)
        self.conv1 = nn.Conv1d(129, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, 128, 3, padding=1)
        self.lstm_cell = nn.LSTMCell(128, 128)
        self.final_conv = nn.Conv1d(128, 1, 1)

    def features(self, sounds: Tensor) -> Tensor:
        """Return what the frozen part hears in each window: recordings x windows x 128."""
        padded = nn.functional.pad(sounds, (CONTEXT, 0))
        state: tuple[Tensor, Tensor] | None = None
        heard = []
        for window in padded.unfold(1, WINDOW + CONTEXT, WINDOW).unbind(1):
            state = self.lstm_cell(self._encode(window), state)
            heard.append(state[0])
        return torch.stack(heard, dim=1)

    def head(self, features: Tensor) -> Tensor:
        """Return one logit a recording, the mean over its windows."""
        logits = self.final_conv(features.relu().transpose(1, 2))
        return logits.mean(dim=(1, 2))

    def forward(self, sounds: Tensor) -> Tensor:
        """Return one logit a recording."""
        return self.head(self.features(sounds))

    def _encode(self, window: Tensor) -> Tensor:
        padded = nn.functional.pad(window, (0, CONTEXT), mode="reflect").unsqueeze(1)
        real, imaginary = self.stft_conv(padded).chunk(2, dim=1)
        x = (real**2 + imaginary**2).sqrt()
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = layer(x).relu()
        return x.squeeze(2)


def load(folder: Path) -> Detector:
    """Return the net with the weights of `folder`, also with those that were made small numbers."""
    stored = load_file(folder / "model.safetensors")
    weights = {
        name: one.float() * stored[name + SCALE] if name + SCALE in stored else one
        for name, one in stored.items()
        if not name.endswith(SCALE)
    }
    net = Detector()
    net.load_state_dict(weights)
    return net.eval()

"""Step 0: the raw data. Short recordings of a smoke alarm, or of anything else, by integer arithmetic.

Usage: ``python make_recordings.py FOLDER``. Every machine writes the very same bytes, so the policy can name them.
"""

import sys
import wave
from collections.abc import Iterator
from pathlib import Path

RATE = 16_000
SAMPLES = 4096
COUNT = 60


def noise(seed: int) -> Iterator[int]:
    """Yield small whole numbers that look random, by a linear congruential generator."""
    state = seed
    while True:
        state = (1103515245 * state + 12345) % 2**31
        yield (state >> 16) % 2001 - 1000


def square(position: int, period: int, height: int) -> int:
    """Return a sample of a square wave."""
    return height if position % period < period // 2 else -height


def samples(number: int) -> Iterator[int]:
    """Yield the samples of one recording: every second one holds an alarm, which beeps at 2.7 to 4 kHz."""
    rough = noise(number + 1)
    height = 1500 + 150 * (number % 20)
    period = 4 + number // 2 % 3 if number % 2 else 40 + number
    for position in range(SAMPLES):
        beeps = position // 512 % 4 != number % 4
        yield next(rough) + (square(position, period, height) if beeps else 0)


def main(folder: Path) -> None:
    """Write the recordings, and which of them holds an alarm."""
    folder.mkdir(parents=True)
    lines = ["file,alarm"]
    for number in range(COUNT):
        name = f"{number:02}.wav"
        with wave.open(str(folder / name), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(
                b"".join(one.to_bytes(2, "little", signed=True) for one in samples(number))
            )
        lines.append(f"{name},{number % 2}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

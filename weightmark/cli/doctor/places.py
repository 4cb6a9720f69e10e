"""Whether the folders of the user can be used, and what the caches hold."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from weightmark.cli.doctor.interface import Examined, Verdict
from weightmark.cli.places import cache_directory, config_directory, data_directory, state_directory
from weightmark.errors import WeightmarkError

__all__ = [
    "examine_cache",
    "examine_places",
    "examine_receipts",
    "examine_temporary",
    "examine_writable",
]

_FOLDERS = {"data": data_directory, "state": state_directory, "cache": cache_directory}
_MOST_FILES = 100_000
_LARGE_CACHE = 5 * 1024**3
_LEAST_FREE = 1024**3
_GIB = 1024**3
_LONGEST = 200


def examine_places(here: Path) -> Iterator[Examined]:
    """Look at the folders of the user, the caches and the temporary folder; `here` is where models may lie."""
    try:
        for name, folder in _FOLDERS.items():
            yield examine_writable(name, folder())
        yield Examined.note("config", f"`{config_directory()}`")
        yield examine_cache(cache_directory())
        yield examine_receipts(cache_directory() / "receipts.db", here)
    except WeightmarkError as error:
        yield Examined("home", "state", Verdict.BAD, error.what, error.why, error.fix)
    yield examine_temporary(Path(tempfile.gettempdir()))


def examine_writable(name: str, folder: Path) -> Examined:
    """Look at the nearest folder that exists; nothing is created."""
    try:
        existing = next(place for place in (folder, *folder.parents) if place.exists())
        good = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
        why = f"`{existing}` is not writable"
    except OSError as error:
        good, why = False, error.strerror or type(error).__name__
    if good:
        return Examined.ok(name, f"`{folder}`")
    fix = f"make it writable, or name another place with `XDG_{name.upper()}_HOME`"
    return Examined(name, name, Verdict.BAD, f"`{_shown(folder)}` cannot be written", why, fix)


def _shown(folder: Path) -> str:
    text = str(folder)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def examine_cache(folder: Path) -> Examined:
    """Say how much the cache holds, which may be removed at any time."""
    size, files = 0, 0
    for place, _, names in os.walk(folder):
        for name in names[: _MOST_FILES - files]:
            files += 1
            size += _size(Path(place) / name)
    said = f"{size / _GIB:.1f} GiB in {files} files" if size >= _GIB else f"{size // 1024} KiB"
    if size > _LARGE_CACHE or files >= _MOST_FILES:
        fix = f"remove it; it is filled again when it is needed: `rm -r {folder}`"
        return Examined(
            "cache size", "cache", Verdict.WARN, said, "it takes space on the disk", fix
        )
    return Examined("cache size", "cache", Verdict.NOTE, said)


def examine_receipts(store: Path, here: Path) -> Examined:
    """Say whether large files that did not change are read again: by the store, and by the file system of `here`."""
    from weightmark.provenance.reading.receipts import TRUSTED_FILE_SYSTEMS

    fault = _store_fault(store)
    if fault:
        why = "so no read is remembered, and every byte is read each time"
        fix = f"remove it: `rm {store}`"
        return Examined("receipts", "receipts", Verdict.WARN, f"`{store}` {fault}", why, fix)
    system = _file_system(here)
    if system in TRUSTED_FILE_SYSTEMS:
        return Examined.ok(
            "receipts", f"large files on this {system} are not read again while unchanged"
        )
    where = f"`{system}`" if system else "this file system"
    return Examined.note(
        "receipts", f"on {where} every file is read each time: its times prove nothing"
    )


def examine_temporary(folder: Path) -> Examined:
    """Say whether copies of models fit into the folder for temporary files."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        why = error.strerror or "it cannot be looked at"
        return Examined("temporary", "temporary", Verdict.BAD, f"`{folder}`", why, "set `TMPDIR`")
    said = f"`{folder}`, {free / _GIB:.1f} GiB free"
    if free < _LEAST_FREE:
        why = "`exec` copies the whole model there"
        fix = "set `TMPDIR`, or name a place with `--snapshot-dir`"
        return Examined("temporary", "temporary", Verdict.WARN, said, why, fix)
    return Examined.ok("temporary", said)


def _store_fault(store: Path) -> str:
    try:
        status = store.lstat()
    except OSError:
        return ""
    if not stat.S_ISREG(status.st_mode):
        return "is no regular file"
    if status.st_uid != os.geteuid():
        return "belongs to another user"
    return "can be written by others" if status.st_mode & 0o022 else ""


def _file_system(folder: Path) -> str:
    from weightmark.provenance.reading.receipts import file_system_of

    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return ""
    try:
        return file_system_of(descriptor)
    finally:
        os.close(descriptor)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0

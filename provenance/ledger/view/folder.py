"""A view in a folder, which any web server can serve."""

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath

from weightmark.errors import LedgerInconsistentError, read_failure
from weightmark.provenance.atomic import replace_file, sync_folder
from weightmark.provenance.ledger.files import locked, make_folders, read_file
from weightmark.provenance.ledger.note import MAX_NOTE_SIZE
from weightmark.provenance.ledger.view.interface import CHECKPOINT, MAX_BUNDLE_SIZE
from weightmark.values import dataclass

__all__ = ["FolderView"]


@dataclass(frozen=True, slots=True)
class FolderView:
    """The files below one folder."""

    folder: Path
    """the root that a web server serves"""

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.folder)

    def get(self, path: str, *, max_size: int = MAX_BUNDLE_SIZE) -> bytes | None:
        """Return a file, None when it is absent."""
        return read_file(self.folder / path, max_size=max_size)

    def create(self, files: Mapping[str, bytes], *, overwrite: bool = False) -> None:
        """Write files that never change."""
        make_folders({self.folder, *((self.folder / path).parent for path in files)})
        for path, data in files.items():
            self._put(path, data, overwrite=overwrite)
        for folder in sorted({parent for path in files for parent in PurePath(path).parents}):
            sync_folder(self.folder / folder)

    def swap_checkpoint(self, note: bytes, expected: bytes | None) -> None:
        """Replace the checkpoint, if it is still the one that was seen; other writers wait meanwhile."""
        make_folders([self.folder])
        with locked(self.folder / ".checkpoint.lock"):
            if self.get(CHECKPOINT, max_size=MAX_NOTE_SIZE) != expected:
                raise LedgerInconsistentError(
                    f"another checkpoint was published to `{self.folder}` meanwhile",
                    why="two writers publish to one place",
                    fix="publish again; let one writer publish to one place",
                )
            replace_file(self.folder / CHECKPOINT, note)
            sync_folder(self.folder)

    def remove(self, path: str) -> None:
        """Remove a file that was redacted."""
        place = self.folder / path
        try:
            place.unlink()
        except FileNotFoundError:
            return
        except OSError as error:
            raise read_failure(place, error) from error
        sync_folder(place.parent)

    def partial_widths(self, folder: str) -> tuple[int, ...]:
        """Return which partial tiles stand in a folder."""
        place = self.folder / folder
        try:
            names = [path.name for path in place.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise read_failure(place, error) from error
        return tuple(sorted(int(one) for one in names if one.isascii() and one.isdecimal()))

    def drop(self, folders: Iterable[str]) -> None:
        """Remove folders of partial tiles."""
        for name in folders:
            folder = self.folder / name
            if folder.is_dir():
                with contextlib.suppress(OSError):
                    for path in folder.iterdir():
                        path.unlink()
                    folder.rmdir()

    def _put(self, path: str, data: bytes, *, overwrite: bool) -> None:
        place = self.folder / path
        found = None if overwrite else read_file(place, max_size=max(len(data), MAX_BUNDLE_SIZE))
        if found is None:
            replace_file(place, data)
        elif found != data:
            raise LedgerInconsistentError(
                f"`{place}` holds other bytes than the ledger",
                why="a published tile never changes",
                fix="keep a copy of the folder, then remove it: publishing again makes it anew",
            )

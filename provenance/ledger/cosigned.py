"""Checkpoints of a ledger that witnesses cosigned, kept one a size: they show later what existed when.

Keeping proves nothing; whoever reads them verifies them (`witnessing.quorum`).
"""

from pathlib import Path
from typing import Protocol

from weightmark.errors import UnsupportedError, read_failure
from weightmark.provenance.atomic import replace_file, sync_folder
from weightmark.provenance.ledger.files import make_folders, read_file
from weightmark.provenance.ledger.note import MAX_NOTE_SIZE
from weightmark.values import dataclass

__all__ = ["CosignedFolder", "CosignedNote", "CosignedNotes", "NoCosigned", "copy_cosigned"]

_FIRST = ".first"


@dataclass(frozen=True, slots=True)
class CosignedNote:
    """One checkpoint under two sets of cosignatures; both are equal until a witness signs again."""

    newest: bytes
    """with the newest line of each witness: how fresh the log is"""
    first: bytes
    """with the first line of each witness: what existed when"""


class CosignedNotes(Protocol):
    """Where cosigned checkpoints are kept."""

    def put(self, size: int, kept: CosignedNote) -> None:
        """Keep the checkpoint of `size` entries, durably, in place of what was kept of that size."""
        ...

    def get(self, size: int) -> CosignedNote | None:
        """Return the checkpoint of `size` entries; None when none was cosigned."""
        ...

    def sizes(self) -> tuple[int, ...]:
        """Return the sizes of which there is one, rising."""
        ...


class NoCosigned:
    """A place that keeps none: a published view."""

    def put(self, size: int, kept: CosignedNote) -> None:  # noqa: ARG002 - the protocol's signature
        """Refuse: raises `UnsupportedError`."""
        raise UnsupportedError(
            "a published view keeps no cosignatures", fix="name the ledger itself with `--ledger`"
        )

    def get(self, size: int) -> CosignedNote | None:  # noqa: ARG002 - the protocol's signature
        """Return None."""
        return None

    def sizes(self) -> tuple[int, ...]:
        """Return nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class CosignedFolder:
    """A folder with a file `<size>`, and `<size>.first` where a witness signed again."""

    folder: Path
    """made when something is put"""

    def put(self, size: int, kept: CosignedNote) -> None:
        """Keep a checkpoint; the first cosignatures are written first, so that none is ever lost."""
        make_folders([self.folder])
        if kept.first != kept.newest:
            replace_file(self.folder / f"{size}{_FIRST}", kept.first)
        replace_file(self.folder / str(size), kept.newest)
        sync_folder(self.folder)

    def get(self, size: int) -> CosignedNote | None:
        """Return the checkpoint of `size` entries; raises `ReadError` and `LimitError`."""
        newest = read_file(self.folder / str(size), max_size=MAX_NOTE_SIZE)
        if newest is None:
            return None
        first = read_file(self.folder / f"{size}{_FIRST}", max_size=MAX_NOTE_SIZE)
        return CosignedNote(newest, first or newest)

    def sizes(self) -> tuple[int, ...]:
        """Return the sizes of which there is one, rising; raises `ReadError`."""
        try:
            names = [one.name for one in self.folder.iterdir()] if self.folder.is_dir() else []
        except OSError as error:
            raise read_failure(self.folder, error) from error
        return tuple(sorted(int(name) for name in names if name.isascii() and name.isdigit()))


def copy_cosigned(source: CosignedNotes, target: CosignedNotes) -> None:
    """Copy all that is kept into a place that keeps none yet."""
    for size in source.sizes():
        kept = source.get(size)
        if kept is not None:
            target.put(size, kept)

"""What signing sees of each file of a release in its one read: scan, tensor table, private key."""

import json
import struct
from functools import cache
from pathlib import Path

from weightmark.attestations.making.private_keys import is_private_key, refuse_private_keys
from weightmark.attestations.making.tensor_tables import Seen, TableWatcher
from weightmark.attestations.predicates.oms import Serialization
from weightmark.attestations.predicates.tensors import TENSORS_PREDICATE, FileTable, TensorsClaim
from weightmark.attestations.statements import Statement
from weightmark.errors import WeightmarkError
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.reading.columns import Column
from weightmark.provenance.reading.engine import Inspector, ProgressSink, Reading, read_artifact
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.luggage import Luggage
from weightmark.provenance.reading.receipts import Receipts
from weightmark.scanners.findings import FileScan
from weightmark.scanners.luggage import FILE_SCANS, code_digest
from weightmark.scanners.scan import scan_file
from weightmark.values import dataclass

__all__ = ["ReleaseFile", "read_release", "release_luggage"]

_HEAD = struct.Struct("<?I")
_VERSION = 1
_HERE = Path(__file__).resolve().parent
_CODE = (_HERE, _HERE.parent / "loading", _HERE.parent / "predicates")
"""folders whose code decides what signing sees of a file beside its scan"""
_NO_SCAN = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """What one file of a release showed."""

    seen: Seen[FileScan]
    """its scan and its tensors"""
    private_key: bool
    """whether it is a private key"""


class ReleaseWatcher:
    """Takes the blocks of one file of a release; see `Watcher`."""

    def __init__(self, label: str, size: int, inspect: Inspector[FileScan] | None) -> None:
        """Begin a file of `size` bytes; `inspect` scans it once it has passed."""
        self._table = TableWatcher(label, size, inspect)

    @property
    def looks_again(self) -> bool:
        """Whether anything needs a second look."""
        return self._table.looks_again

    def update(self, block: memoryview, /) -> None:
        """Take the next block."""
        self._table.update(block)

    def finish(self, view: ByteView, /) -> ReleaseFile:
        """Tell what was seen."""
        return ReleaseFile(self._table.finish(view), is_private_key(view))


def read_release(
    artifact: Artifact,
    form: Serialization,
    *,
    scan: bool,
    receipts: Receipts | None = None,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> Reading[Seen[FileScan]]:
    """Hash, scan, and look for tensors and private keys in one read.

    `form` says which digests a model signature needs. Raises `ArtifactRefusedError` for a private
    key, and whatever reading raises.
    """
    inspect = scan_file if scan else None
    reading: Reading[ReleaseFile] = read_artifact(
        artifact,
        columns={Column.BLAKE3, Column.SHA256, form.algorithm},
        sharding=form.sharding,
        watch=lambda label, size: ReleaseWatcher(label, size, inspect),
        luggage=release_luggage(scan=scan),
        receipts=receipts,
        progress=progress,
        jobs=jobs,
    )
    pairs = zip(reading.files, reading.inspections, strict=True)
    refuse_private_keys(artifact, (file.entry for file, one in pairs if one.private_key))
    return Reading(reading.files, tuple(one.seen for one in reading.inspections))


def release_luggage(*, scan: bool) -> Luggage[ReleaseFile]:
    """Return how what was seen travels between processes, and into receipts."""

    @cache
    def stamp() -> str:
        scanner = FILE_SCANS.stamp() if scan and FILE_SCANS.stamp else ""
        code = [code_digest(folder) for folder in _CODE]
        return json.dumps(["release", _VERSION, code, scanner])

    return Luggage(_pack, _unpack, stamp, _is_final)


_NOTHING = ReleaseFile(Seen(None, None), private_key=False)
_NOTHING_PACKED = _HEAD.pack(False, _NO_SCAN)


def _is_final(file: ReleaseFile) -> bool:
    scan = file.seen.inspection
    return scan is None or FILE_SCANS.is_final(scan)


def _pack(label: str, file: ReleaseFile) -> bytes | None:
    scan, table = file.seen.inspection, file.seen.table
    scanned = b"" if scan is None else FILE_SCANS.pack(label, scan)
    if scanned is None:
        return None
    listed = b"" if table is None else json.dumps(_table_fields(table)).encode("ascii")
    length = _NO_SCAN if scan is None else len(scanned)
    return _HEAD.pack(file.private_key, length) + scanned + listed


def _unpack(label: str, data: bytes) -> ReleaseFile:
    if data == _NOTHING_PACKED:
        return _NOTHING
    try:
        private_key, length = _HEAD.unpack_from(data)
    except struct.error as error:
        raise ValueError("no packed file of a release") from error
    end = _HEAD.size + (0 if length == _NO_SCAN else length)
    scan = None if length == _NO_SCAN else FILE_SCANS.unpack(label, data[_HEAD.size : end])
    table = _parse_table(data[end:]) if len(data) > end else None
    return ReleaseFile(Seen(scan, table), private_key)


def _table_fields(table: FileTable) -> dict[str, object]:
    return TensorsClaim.of([table]).to_predicate()


def _parse_table(data: bytes) -> FileTable:
    try:
        (table,) = TensorsClaim.from_statement(
            Statement((), TENSORS_PREDICATE, json.loads(data))
        ).files
    except (WeightmarkError, TypeError) as error:
        raise ValueError("no packed tensor table") from error
    return table

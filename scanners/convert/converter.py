"""From a checkpoint or arrays to one safetensors file with the same weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weightmark.errors import (
    CallError,
    LimitError,
    TamperedError,
    UncheckedError,
    UnsafeContentError,
    UnsupportedError,
    read_failure,
)
from weightmark.provenance.atomic import stream_file, sync_folder
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.views import DescriptorView
from weightmark.provenance.tensors import TensorTable
from weightmark.scanners.containers.zip_records import LOCAL_SIGNATURE
from weightmark.scanners.convert.passes import FileName, checked_view, name_file
from weightmark.scanners.convert.safetensors_writer import safetensors_blocks
from weightmark.scanners.findings import FileScan, Severity
from weightmark.scanners.limits import MEBIBYTE
from weightmark.scanners.scan import scan_file
from weightmark.scanners.tensors.digests import table_of
from weightmark.scanners.tensors.numpy_arrays import NPY_MAGIC, archive_tensors, array_tensor
from weightmark.scanners.tensors.safetensors import PassingSafetensors
from weightmark.scanners.tensors.stored import StoredTensor
from weightmark.scanners.tensors.torch_checkpoints import legacy_tensors, zip_tensors
from weightmark.scanners.tensors.zip_members import zip_members
from weightmark.values import dataclass

__all__ = ["Conversion", "convert", "converted"]

_GROWTH = 4


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was read and what was written; both tables have one weights digest."""

    source: TensorTable
    """the tensors of the input"""
    written: TensorTable
    """the tensors of the output, read back from it"""
    source_file: FileName
    """the very bytes that were converted"""
    written_file: FileName
    """the very bytes that were read back"""
    at: str = ""
    """the key of the dict inside the input; empty for all of it"""

    @property
    def size(self) -> int:
        """Bytes of the output."""
        return self.written_file.size


def convert(source: Path, target: Path, *, at: str = "", replace: bool = False) -> Conversion:
    """Write the tensors of `source` to `target` as safetensors; see `converted`."""
    with converted(source, target, at=at, replace=replace) as done:
        return done


@contextmanager
def converted(
    source: Path, target: Path, *, at: str = "", replace: bool = False
) -> Iterator[Conversion]:
    """Convert, read back, and give the output its name once the block has ended well.

    `at` names a dict inside a checkpoint. The file is scanned first. Raises `UnsafeContentError`
    for a finding at or over `medium`, `UncheckedError` for what can't be read or is no plain tensor,
    `CallError` when `target` exists and is not to be replaced. Then nothing was written.
    """
    _require_free(target, replace=replace)
    with _staged(target.resolve()) as staged:
        with _opened(source) as opened:
            view, source_file = checked_view(opened)
            _require_harmless(source, scan_file(source.name, view))
            tensors = _tensors(view, at)
            if not tensors:
                raise UnsupportedError(f"`{source}` holds no tensors")
            _require_bounded(tensors)
            table = table_of(tensors)
            stream_file(staged, safetensors_blocks(tensors))
        written, written_file = _read_back(staged)
        if written.weights != table.weights:
            raise TamperedError(
                f"what was written for `{target}` holds other weights than `{source}`",
                why="it changed while it was written",
                fix="run again when nothing else writes there",
            )
        yield Conversion(table, written, source_file, written_file, at)
        _require_free(target, replace=replace)
        try:
            staged.replace(target.resolve())
        except OSError as error:
            raise read_failure(target, error) from error
    sync_folder(target.resolve().parent)


def _require_free(target: Path, *, replace: bool) -> None:
    if (target.exists() or target.is_symlink()) and not replace:
        raise CallError(f"`{target}` exists", fix="name another file, or allow it with `--replace`")


@contextmanager
def _staged(target: Path) -> Iterator[Path]:
    """Give the output a place of its own on the file system of its target."""
    from tempfile import TemporaryDirectory

    try:
        keeper = TemporaryDirectory(dir=target.parent, prefix=f".{target.name[:80]}.")
    except OSError as error:
        raise read_failure(target.parent, error) from error
    with keeper as folder:
        yield Path(folder, "converted")


def _read_back(staged: Path) -> tuple[TensorTable, FileName]:
    """Read what was written once: the digests of the file and of its tensors are of the same bytes."""
    with _opened(staged) as view:
        passing = PassingSafetensors(view.size)
        name = name_file(view, passing)
    return TensorTable.of(passing.entries()), name


@contextmanager
def _opened(path: Path) -> Iterator[DescriptorView]:
    import os
    import stat

    from weightmark.provenance.artifact import nothing_at

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise nothing_at(str(path)) from None
    except OSError as error:
        raise read_failure(path, error) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise CallError(f"`{path}` is no file", fix="name one checkpoint or array file")
        yield DescriptorView(descriptor, status.st_size, str(path))
    finally:
        os.close(descriptor)


def _require_harmless(source: Path, scan: FileScan) -> None:
    bad = [finding for finding in scan.findings if finding.severity >= Severity.MEDIUM]
    if bad:
        worst = max(bad, key=lambda finding: finding.severity)
        raise UnsafeContentError(
            f"not converted: `{source}` has {len(bad)} findings, the worst is {worst.rule}, {worst.message}",
            fix="see `weightmark scan`; take the weights from a source that you trust",
        )
    if scan.problems:
        raise UncheckedError(f"not converted: `{source}` could not be checked: {scan.problems[0]}")


def _tensors(view: ByteView, at: str) -> list[StoredTensor]:
    head = view.read_at(0, 16)
    if head.startswith(NPY_MAGIC):
        return [array_tensor("arr_0", view)]
    if not head.startswith(LOCAL_SIGNATURE):
        return legacy_tensors(view, at)
    members = zip_members(view)
    if all(name.endswith(".npy") for name in members):
        return archive_tensors(members)
    return zip_tensors(members, at)


def _require_bounded(tensors: list[StoredTensor]) -> None:
    """Refuse a file whose tensors name the same bytes so often that the output explodes."""
    total = sum(tensor.size for tensor in tensors)
    stored = {id(tensor.storage): tensor.storage.size for tensor in tensors}
    if total > _GROWTH * sum(stored.values()) + MEBIBYTE:
        raise LimitError(
            f"the tensors are over {_GROWTH} times as large as what is stored of them",
            why="many names share the same bytes, and safetensors would repeat them",
        )

"""Presence: whether what an address pins lies at the destination already, as after a restart."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from weightmark.attestations.pulling.transfer import Delivery
from weightmark.attestations.verifying.promised_files import PromisedFiles
from weightmark.errors import PromiseBrokenError, read_failure
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.beneath import Beneath
from weightmark.provenance.identification import Identification, identify
from weightmark.provenance.links import LinkKind
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.provenance.sidecars import CLAIMS, RESERVED_NAMES
from weightmark.provenance.sources.interface import Part, Snapshot, Source
from weightmark.provenance.sources.promises import PromiseCheck

__all__ = ["delivered_there", "source_claims"]

_BLOCK = 1024 * 1024


def delivered_there(
    to: Path, snapshot: Snapshot, progress: ProgressSink | None = None
) -> Delivery | None:
    """Return what lies at `to` if it is every file that a pinned snapshot promises and nothing else; else None.

    Each is held against the digest that the source promises; without one, or for archives, nobody
    knows before it is fetched. Raises what reading raises.
    """
    if not snapshot.digest or any(part.archive or not part.digests for part in snapshot.parts):
        return None
    if to.is_symlink() or not to.is_dir() or not _has_shape_of(to, snapshot):
        return None
    found = identify(to, sha256=True, progress=progress)
    if not all(_is_kept(to, part, found) for part in snapshot.parts):
        return None
    paths = frozenset(found.sha256)
    return Delivery(found.manifest, found.sha256, paths, found.manifest.total_size, seen={})


@contextmanager
def source_claims(source: Source, snapshot: Snapshot) -> Iterator[tuple[Path, ...]]:
    """Fetch what the source keeps beside the artifact into a folder that is gone afterwards; yield it, if any.

    Raises what fetching raises.
    """
    if not snapshot.claims:
        yield ()
        return
    with TemporaryDirectory(prefix="weightmark-") as place:
        yield (PromisedFiles(source, snapshot, Path(place), None).claims(),)


def _has_shape_of(to: Path, snapshot: Snapshot) -> bool:
    """Compare names and sizes; claims beside an artifact in a registry were added when it was placed."""
    artifact = open_artifact(to)
    if artifact.problems or artifact.outside:
        return False
    if any(entry.link is not LinkKind.NONE for entry in artifact.entries):
        return False
    sizes = {entry.path: entry.size for entry in artifact.entries}
    promised = {part.path: part.size for part in snapshot.parts if part.path not in RESERVED_NAMES}
    sidecars = {name for name in RESERVED_NAMES if (to / name).exists()}
    wanted = {part.path for part in snapshot.parts if part.path in RESERVED_NAMES}
    added = {CLAIMS} if snapshot.claims else set()
    fitting = sizes.keys() == promised.keys() and all(
        promised[path] in (None, size) for path, size in sizes.items()
    )
    return fitting and sidecars - added == wanted - added


def _is_kept(to: Path, part: Part, found: Identification) -> bool:
    """Tell whether a file is what its part promises, and the very bytes that were identified."""
    if part.path in RESERVED_NAMES:
        return _has_promised(to, part, "")
    sha256 = found.sha256[part.path]
    if set(part.digests) == {"sha256"}:
        return part.digests["sha256"] == sha256
    return _has_promised(to, part, sha256)


def _has_promised(to: Path, part: Part, sha256: str) -> bool:
    check = PromiseCheck(part, part.size or 0)
    try:
        with Beneath(to) as tree, open(tree.file(part.path), "rb") as file:  # noqa: PTH123 - a descriptor
            while block := file.read(_BLOCK):
                check.update(block)
        check.require_kept(str(to))
    except PromiseBrokenError:
        return False
    except OSError as error:
        raise read_failure(part.label, error) from error
    return sha256 in {"", check.digest("sha256")}

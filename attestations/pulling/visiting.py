"""A visit: what an address holds, fetched into a temporary folder to be looked at, and then gone."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from weightmark.attestations.pulling.pull import plan_of
from weightmark.attestations.pulling.quarantine import Quarantine
from weightmark.attestations.pulling.transfer import transfer
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.provenance.sources.choice import open_source
from weightmark.provenance.sources.interface import Snapshot, Source
from weightmark.values import dataclass

__all__ = ["Visit", "visit", "visit_source"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


@dataclass(frozen=True, slots=True)
class Visit:
    """What was fetched; it lies there until the visit ends."""

    path: Path
    """the artifact: every byte as the source promised it"""
    snapshot: Snapshot
    """what the source said"""


@contextmanager
def visit(
    uri: str, *, offline: bool = False, progress: ProgressSink | None = None
) -> Iterator[Visit]:
    """Fetch what `uri` stands for now; nothing of it is believed or kept.

    Raises what `open_source` and `transfer` raise, `PromiseBrokenError` among it.
    """
    with open_source(uri, offline=offline) as source, visit_source(source, progress=progress) as it:
        yield it


@contextmanager
def visit_source(source: Source, *, progress: ProgressSink | None = None) -> Iterator[Visit]:
    """Fetch what an open source stands for now; as `visit`, for who asks more of the source."""
    with TemporaryDirectory(prefix="weightmark-") as folder:
        snapshot = source.resolve()
        to = Path(folder) / _name(snapshot)
        with Quarantine.open(to, plan_of(snapshot)) as quarantine:
            transfer(source, snapshot, quarantine, progress)
            yield Visit(quarantine.tree, snapshot)


def _name(snapshot: Snapshot) -> str:
    """Return the last name of the address, if it can be that of a folder."""
    last = snapshot.pinned.partition("@")[0].rpartition("/")[2]
    return last if _NAME.match(last) else "artifact"

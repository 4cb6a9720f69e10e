"""The seam between whoever fetches an artifact and the place where it comes from.

A source says once, in a `Snapshot`, what it will serve: a URI that can't move, and every file with
size and digests. What it serves afterwards is held against that; a source is never believed.
"""

import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import field
from enum import StrEnum
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from weightmark.errors import ArtifactRefusedError, LimitError, MalformedError, NoInputError
from weightmark.provenance.names import escape_path, path_problem
from weightmark.provenance.sidecars import OUTSIDE, RESERVED_NAMES
from weightmark.values import dataclass

__all__ = [
    "DIGESTS",
    "MAX_PARTS",
    "PINS",
    "ArtifactKind",
    "Member",
    "Part",
    "Snapshot",
    "Source",
    "TransferBrokenError",
    "is_pin",
    "left_out",
    "require_path",
]

MAX_PARTS = 1_000_000
"""files that one snapshot may list"""
MAX_SIZE = 1 << 62
"""bytes of one file"""
DIGESTS: Mapping[str, int] = {"sha256": 64, "sha512": 128, "gitBlob": 40}
"""digests by which a part may be promised, and how many lowercase hex digits each has.

`gitBlob` is the SHA-1 that git gives a file: enough to find a fault, not to withstand a collision.
"""
PINS: Mapping[str, int] = {"gitCommit": 40, "sha256": 64}
"""digests that pin a snapshot, as in-toto names them, and how many lowercase hex digits each has"""
_HEX = re.compile(r"[0-9a-f]+\Z")


class ArtifactKind(StrEnum):
    """What a source says an artifact is."""

    MODEL = "model"
    DATASET = "dataset"
    SPACE = "space"
    """an application of the hub"""
    UNKNOWN = "unknown"
    """the source does not say"""


class TransferBrokenError(Exception):
    """A transfer broke off and may be resumed: a lost connection, a truncated answer, 429 or 5xx.

    Whoever fetches catches it, waits, and asks for the rest. Refusals that asking again can't mend
    (401, 403, 404, a promise that is not kept) are a `WeightmarkError`.
    """

    def __init__(self, what: str, *, wait: float = 0.0) -> None:
        """Say `what` happened, with the address and without secrets; `wait` are the seconds asked for."""
        super().__init__(what)
        self.what = what
        self.wait = wait


@dataclass(frozen=True)
class Part:
    """One thing that is fetched: a file of the artifact, or an archive that holds several."""

    path: str
    """relative POSIX path in the artifact; for an archive the folder that it is unpacked to, `.` for the root"""
    size: int | None
    """bytes; None when the source does not say"""
    digests: Mapping[str, str] = field(default_factory=dict)
    """what the source promises: names of `DIGESTS` and lowercase hex"""
    location: str = ""
    """how the source finds it; nothing for anybody else"""
    archive: str = ""
    """how to unpack it, in words that only its source understands; empty for a file"""
    versioned: bool = False
    """whether the pinned address names one version of it, and the source serves that one or nothing"""

    @property
    def resumable(self) -> bool:
        """Whether bytes that came earlier and bytes that come now are of one version, or it is found out."""
        return self.versioned or bool(self.digests)

    @property
    def label(self) -> str:
        """The path as it may be printed."""
        return escape_path(self.path)


@dataclass(frozen=True)
class Member:
    """One file out of an archive."""

    path: str
    """relative POSIX path in the artifact"""
    size: int
    """bytes"""
    blocks: Iterator[bytes]
    """its content, to be read before the next member is asked for"""


@dataclass(frozen=True)
class Snapshot:
    """What a source says that it will serve; made by `Snapshot.of`, which checks it."""

    uri: str
    """as the caller named it, without credentials"""
    pinned: str
    """the URI that can't move: `hf://models/owner/name@<40 hex>`, `oci://host/repo@sha256:<hex>`"""
    digest: Mapping[str, str]
    """what pins it, as in-toto names it: `gitCommit` or `sha256`; empty when the source pins nothing"""
    kind: ArtifactKind
    """what it is"""
    parts: tuple[Part, ...]
    """files and archives, by path; without what lies outside of an artifact"""
    claims: tuple[Part, ...] = ()
    """claims that the source keeps beside the artifact: each a Sigstore bundle or JSON lines of them"""
    omitted: tuple[str, ...] = ()
    """paths that the source lists and that lie outside of an artifact (`.cache/huggingface/…`)"""
    cached: bool = False
    """whether a cache on this machine said all this, which whoever may write there can forge; nobody else was asked"""
    absent: tuple[str, ...] = ()
    """claims that the source lists beside the artifact and does not have, by digest"""

    @classmethod
    def of(
        cls,
        uri: str,
        pinned: str,
        parts: tuple[Part, ...],
        *,
        digest: Mapping[str, str],
        kind: ArtifactKind = ArtifactKind.UNKNOWN,
        claims: tuple[Part, ...] = (),
        cached: bool = False,
        absent: tuple[str, ...] = (),
    ) -> Self:
        """Check and sort what a source listed.

        Raises `ArtifactRefusedError` for a path that no artifact may have, `MalformedError` for a
        doubled path or a digest that is none, `LimitError`, and `NoInputError` for nothing at all.
        """
        if len(parts) + len(claims) > MAX_PARTS:
            raise LimitError(f"`{uri}` lists over {MAX_PARTS} files")
        for part in (*parts, *claims):
            _require_sound(part, uri)
        kept = tuple(part for part in parts if part.archive or not left_out(part.path))
        if not kept:
            raise NoInputError(f"`{uri}` holds no files", fix="check the address and the revision")
        _require_apart([part.path for part in kept if not part.archive], uri)
        omitted = tuple(sorted(part.path for part in parts if part not in kept))
        ordered = tuple(sorted(kept, key=lambda part: (part.path.encode(), part.archive)))
        return cls(uri, pinned, dict(digest), kind, ordered, claims, omitted, cached, absent)

    @property
    def size(self) -> int:
        """Bytes of everything together, as far as the source says."""
        return sum(part.size or 0 for part in self.parts)


class Source(Protocol):
    """One place that serves one artifact; a context manager. Several threads may read from it at once."""

    def resolve(self) -> Snapshot:
        """Ask what is there now, and pin it.

        Raises `NetworkError` when nobody answers or access is refused, `CallError` for an address
        that is none, `MalformedError` for an answer that breaks its format, `UnsupportedError`.
        """
        ...

    def read(self, part: Part, offset: int = 0) -> Generator[bytes, None, None]:
        """Yield the bytes of a part of the snapshot from `offset` to its end, as they arrive.

        A server that does not know ranges is asked for everything, and what lies before `offset`
        is dropped. What is not `resumable` is read from its beginning only. Nothing is checked here. Raises `TransferBrokenError` for what may be resumed,
        `NetworkError` for what may not.
        """
        ...

    def unpack(self, part: Part, archive: BinaryIO) -> Iterator[Member]:
        """Yield the files of an archive whose promise was kept.

        Raises `ArtifactRefusedError` for links, devices and paths that lead out, `LimitError`,
        `MalformedError`. A source without archives never gets to it.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def is_pin(name: str, value: str) -> bool:
    """Tell whether a digest can pin a snapshot."""
    return len(value) == PINS.get(name) and _HEX.match(value) is not None


def left_out(path: str) -> bool:
    """Tell whether a path lies outside of any artifact, so that nobody fetches it."""
    return any(path == folder or path.startswith(f"{folder}/") for folder in OUTSIDE)


def require_path(path: str, uri: str) -> None:
    """Raise `ArtifactRefusedError` for a path that an artifact from `uri` may not have."""
    problem = "is no file" if path == "." else path_problem(path)
    if not problem and path not in RESERVED_NAMES and path.casefold() in RESERVED_NAMES:
        problem = f"is the reserved name `{path.casefold()}` in other letters"
    if problem:
        raise ArtifactRefusedError(
            f"`{uri}` lists `{escape_path(path[:200])}`, which {problem}",
            why="an artifact holds regular files below its own root",
            fix="get it elsewhere, or ask the publisher to correct the name",
        )


def _require_sound(part: Part, uri: str) -> None:
    if part.path != "." or not part.archive:
        require_path(part.path, uri)
    if part.size is not None and not 0 <= part.size <= MAX_SIZE:
        raise MalformedError(f"`{uri}` says that `{part.label}` has {part.size} bytes")
    for name, value in part.digests.items():
        if len(value) != DIGESTS.get(name) or not _HEX.match(value):
            raise MalformedError(f"the `{name}` of `{part.label}` at `{uri}` is no such digest")


def _require_apart(paths: list[str], uri: str) -> None:
    """Refuse a path that stands twice, or that is a file and a folder."""
    seen = set(paths)
    if len(seen) != len(paths):
        doubled = next(path for path in sorted(seen) if paths.count(path) > 1)
        raise MalformedError(f"`{uri}` lists `{escape_path(doubled)}` twice")
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder:
            if folder in seen:
                raise MalformedError(f"`{uri}` lists `{escape_path(folder)}` as file and as folder")
            folder = folder.rpartition("/")[0]

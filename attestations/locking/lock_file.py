"""`weightmark.lock`: which bytes each address stood for when somebody looked and judged.

TOML, written whole and sorted by address, so that a review sees what moved (docs/formats/lock.md).
"""

import json
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from weightmark.errors import (
    CallError,
    LimitError,
    MalformedError,
    NewerSchemaError,
    PromiseBrokenError,
)
from weightmark.provenance.atomic import replace_files
from weightmark.provenance.manifest import Manifest, parse_identity
from weightmark.provenance.names import escape_path, sort_key, unescape_path
from weightmark.provenance.sidecars import RESERVED_NAMES, read_named
from weightmark.provenance.sources.choice import address_key, as_named, is_pin_of
from weightmark.provenance.sources.interface import ArtifactKind, Snapshot, is_pin, require_path
from weightmark.toml import TomlError, parse_toml
from weightmark.values import dataclass

__all__ = ["LOCK_NAME", "LockFile", "LockedArtifact", "LockedFile"]

LOCK_NAME = "weightmark.lock"
_VERSION = 1
_LARGEST = 64 * 1024 * 1024
_MOST = 10_000
_HEADER = "# Written by `weightmark`: which bytes each address stood for. Review it like code.\n"
_LINE = re.compile(r"([0-9a-f]{64}) (0|[1-9][0-9]{0,18}) (.+)\Z", re.DOTALL)
_KEYS = {"uri", "pinned", "kind", "identity", "digest", "files"}


@dataclass(frozen=True, slots=True)
class LockedFile:
    """One file of a locked artifact."""

    path: str
    """relative POSIX path"""
    size: int
    """bytes"""
    sha256: str
    """lowercase hex"""


@dataclass(frozen=True)
class LockedArtifact:
    """What one address stood for."""

    uri: str
    """as the project names it; a branch or a tag may have moved since"""
    pinned: str
    """the address that can't move"""
    kind: ArtifactKind
    """what it is"""
    identity: str
    """`wm1:…` of the bytes"""
    digest: Mapping[str, str]
    """what pins it: `gitCommit` or `sha256`"""
    files: tuple[LockedFile, ...]
    """every file, sorted by the UTF-8 bytes of its path"""

    @classmethod
    def of(cls, snapshot: Snapshot, manifest: Manifest, sha256: Mapping[str, str]) -> Self:
        """Lock what arrived."""
        files = tuple(LockedFile(row.path, row.size, sha256[row.path]) for row in manifest.rows)
        return cls(
            snapshot.uri, snapshot.pinned, snapshot.kind, manifest.identity, snapshot.digest, files
        )

    def require_promised(self, snapshot: Snapshot) -> None:
        """Refuse a source that promises something else, before a byte is fetched; raises `PromiseBrokenError`."""
        differences = self.differences(snapshot)
        if differences:
            more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
            raise PromiseBrokenError(
                f"`{self.pinned}` is not what the lock says: {differences[0]}{more}",
                why="the source serves another artifact under an address that can't move",
                fix="find out who is wrong; `weightmark lock update` accepts what is there now",
            )

    def require_delivered(self, identity: str) -> None:
        """Refuse what arrived when it is not what was locked; raises `PromiseBrokenError`."""
        if identity != self.identity:
            raise PromiseBrokenError(
                f"`{self.pinned}` is not what the lock says",
                why=f"locked {self.identity}, got {identity}",
                fix="find out who is wrong; `weightmark lock update` accepts what is there now",
            )

    def differences(self, snapshot: Snapshot) -> tuple[str, ...]:
        """Return in words what a source promises that is not as it was locked; archives say nothing before they are unpacked."""
        if any(part.archive for part in snapshot.parts):
            return ()
        locked = {file.path: file for file in self.files}
        promised = {part.path: part for part in snapshot.parts if part.path not in RESERVED_NAMES}
        found = [f"`{escape_path(path)}` is gone" for path in locked.keys() - promised.keys()]
        found += [f"`{escape_path(path)}` is new" for path in promised.keys() - locked.keys()]
        for path in locked.keys() & promised.keys():
            said, file = promised[path], locked[path]
            if (
                said.size not in {None, file.size}
                or said.digests.get("sha256", file.sha256) != file.sha256
            ):
                found.append(f"`{escape_path(path)}` differs")
        return tuple(sorted(found))


@dataclass(frozen=True)
class LockFile:
    """All artifacts of one project, each address once."""

    artifacts: tuple[LockedArtifact, ...] = ()
    """sorted by address"""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that the caller named; raises `CallError` when there is none, and what `parse` raises."""
        return cls.parse(read_named(path, "lock file", limit=_LARGEST), str(path))

    @classmethod
    def load_or_new(cls, path: Path) -> Self:
        """Read a file, or begin one where none stands."""
        return cls.load(path) if path.exists() else cls()

    @classmethod
    def parse(cls, data: bytes, name: str = LOCK_NAME) -> Self:
        """Read a lock; raises `MalformedError` for what is no lock, `NewerSchemaError`, `LimitError`."""
        try:
            document = parse_toml(data)
        except TomlError as error:
            raise MalformedError(f"`{name}` is not valid TOML", why=str(error)) from error
        version = document.pop("version", None)
        if type(version) is int and version > _VERSION:
            raise NewerSchemaError(
                f"`{name}` is a lock of version {version}", fix="install a newer weightmark"
            )
        entries = document.pop("artifact", [])
        if (
            type(version) is not int
            or version != _VERSION
            or document
            or not isinstance(entries, list)
        ):
            raise MalformedError(f"`{name}` is no lock", fix="see docs/formats/lock.md")
        if len(entries) > _MOST:
            raise LimitError(f"`{name}` locks over {_MOST} artifacts")
        return cls._of([_artifact(entry, name) for entry in entries], name)

    @classmethod
    def _of(cls, artifacts: list[LockedArtifact], name: str) -> Self:
        if len({address_key(one.uri) for one in artifacts}) != len(artifacts):
            raise MalformedError(
                f"`{name}` locks one address twice",
                why="two spellings of one address are one, and which entry is meant nobody can tell",
                fix="remove the one that is not meant",
            )
        return cls(tuple(sorted(artifacts, key=lambda one: one.uri)))

    def find(self, uri: str) -> LockedArtifact:
        """Return what an address stands for, named as the lock has it or by the pinned one; raises `CallError`.

        A query of a web address counts for nothing: it is a secret, which no lock holds.
        """
        if found := self.entry(uri):
            return found
        named = as_named(uri)
        known = ", ".join(f"`{one.uri}`" for one in self.artifacts[:5])
        raise CallError(
            f"`{named[:200]}` is not in the lock",
            fix=f"add it with `weightmark lock update {named[:200]}`"
            + (f"; locked are {known}" if known else ""),
        )

    def entry(self, uri: str) -> LockedArtifact | None:
        """Return what an address stands for, however it is spelled; None when it is not locked. Raises `CallError`."""
        key = address_key(uri)
        named = (one for one in self.artifacts if address_key(one.uri) == key)
        return next(named, None) or next((one for one in self.artifacts if one.pinned == key), None)

    def with_artifact(self, artifact: LockedArtifact) -> Self:
        """Return the lock with one address anew."""
        key = address_key(artifact.uri)
        others = [one for one in self.artifacts if address_key(one.uri) != key]
        return self._of([*others, artifact], LOCK_NAME)

    def to_bytes(self) -> bytes:
        """Return the file, always the same for the same content."""
        blocks = [f"{_HEADER}version = {_VERSION}\n", *(_written(one) for one in self.artifacts)]
        return "\n".join(blocks).encode("utf-8")

    @property
    def sha256(self) -> str:
        """Digest of the file in its canonical form, lowercase hex."""
        return sha256(self.to_bytes()).hexdigest()

    def write(self, path: Path) -> None:
        """Write the file whole; raises `ReadError`."""
        replace_files({path: self.to_bytes()})


def _artifact(entry: object, name: str) -> LockedArtifact:
    if not isinstance(entry, dict) or entry.keys() != _KEYS:
        raise MalformedError(
            f"an artifact of `{name}` has not the fields {', '.join(sorted(_KEYS))}",
            fix="see docs/formats/lock.md",
        )
    texts = {key: _text(entry[key], key, name) for key in ("uri", "pinned", "kind", "identity")}
    if texts["kind"] not in set(ArtifactKind):
        raise MalformedError(f"`kind` in `{name}` is none that is known")
    files, digest = entry["files"], entry["digest"]
    if not isinstance(files, list) or not files or not isinstance(digest, dict):
        raise MalformedError(f"`files` or `digest` in `{name}` is of the wrong type")
    for key, value in digest.items():
        if not isinstance(value, str) or not is_pin(key, value):
            raise MalformedError(f"`digest` in `{name}` is none that is known")
    if not is_pin_of(texts["uri"], texts["pinned"], digest):
        raise MalformedError(
            f"an artifact of `{name}` is pinned to another place than its `uri` names",
            why="whoever follows the lock would get it from there",
            fix="review who changed it; `weightmark lock update` writes it anew",
        )
    return LockedArtifact(
        texts["uri"],
        texts["pinned"],
        ArtifactKind(texts["kind"]),
        parse_identity(texts["identity"]),
        digest,
        _files(files, name),
    )


def _files(lines: Iterable[Any], name: str) -> tuple[LockedFile, ...]:
    found = []
    for line in lines:
        match = _LINE.match(line) if isinstance(line, str) else None
        if match is None:
            raise MalformedError(f"a file in `{name}` is not `<sha256> <size> <path>`")
        path = unescape_path(match[3])
        require_path(path, name)
        found.append(LockedFile(path, int(match[2]), match[1]))
    keys = [sort_key(file.path) for file in found]
    if keys != sorted(set(keys)):
        raise MalformedError(f"the files in `{name}` are not sorted, or one stands twice")
    return tuple(found)


def _text(value: object, key: str, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise MalformedError(f"`{key}` in `{name}` is no text")
    return value


def _written(one: LockedArtifact) -> str:
    digest = ", ".join(f"{name} = {_quoted(value)}" for name, value in sorted(one.digest.items()))
    lines = [
        "[[artifact]]",
        f"uri = {_quoted(one.uri)}",
        f"pinned = {_quoted(one.pinned)}",
        f"kind = {_quoted(one.kind.value)}",
        f"identity = {_quoted(one.identity)}",
        f"digest = {{ {digest} }}" if digest else "digest = {}",
        "files = [",
        *(
            f"  {_quoted(f'{file.sha256} {file.size} {escape_path(file.path)}')},"
            for file in one.files
        ),
        "]",
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Return a TOML basic string; JSON's escapes are TOML's, but for the delete character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")

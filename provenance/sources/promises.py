"""Promises: size and digests that a source gave, held against the bytes that arrived."""

import hashlib
from typing import Protocol

from weightmark.errors import PromiseBrokenError
from weightmark.provenance.sources.interface import Part

__all__ = ["PromiseCheck"]


class _Hash(Protocol):
    def update(self, block: bytes | bytearray, /) -> object: ...

    def hexdigest(self) -> str: ...


class PromiseCheck:
    """Takes every byte of one part, in order, and says at the end whether the promise was kept."""

    def __init__(self, part: Part, size: int) -> None:
        """Begin; `size` are the bytes that will come, which a git blob has to know at its beginning."""
        self._part = part
        self._hashes = {name: _new_hash(name, size) for name in {*part.digests, "sha256"}}

    def update(self, block: bytes | bytearray) -> None:
        """Take the next bytes."""
        for one in self._hashes.values():
            one.update(block)

    def digest(self, name: str) -> str:
        """Return `sha256`, or a digest that was promised, as it really is: lowercase hex."""
        return self._hashes[name].hexdigest()

    def require_kept(self, where: str) -> None:
        """Raise `PromiseBrokenError` when a digest differs."""
        for name, promised in self._part.digests.items():
            seen = self._hashes[name].hexdigest()
            if promised != seen:
                raise PromiseBrokenError(
                    f"`{self._part.label}` from `{where}` is not what was promised",
                    why=f"promised {name}:{promised}, got {name}:{seen}",
                    fix="fetch it from the publisher itself, without mirror or cache; if it happens again, tell them",
                )


def _new_hash(name: str, size: int) -> _Hash:
    if name == "gitBlob":
        # git names files by SHA-1; here it only finds faults, and no claim rests on it
        digest = hashlib.sha1(usedforsecurity=False)
        digest.update(b"blob %d\0" % size)
        return digest
    return hashlib.new(name)

"""The seam between files that name artifacts and whoever lists the names."""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Protocol

from weightmark.values import dataclass

__all__ = ["Pin", "Reader", "Reference", "pin_of_hub", "pin_of_uri"]

_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_LISTED = re.compile(r"(?:(?:s3|gs)://\S+\?listing=|https://\S+#(?:sha256|version)=)[0-9a-f]{64}\Z")
_SHA256 = re.compile(r"@sha256[:-][0-9a-f]{64}\Z")
_HUB_URI = re.compile(r"hf://[^@\s]+@[0-9a-f]{40}\Z")
_LOCAL = ("/", "./", "../", "~", "file://")
_DIGEST_SCHEMES = ("oci://", "docker://")


class Pin(StrEnum):
    """Whether what a reference means can change without anybody changing the reference."""

    PINNED = "pinned"
    """it names a commit or a digest"""
    UNPINNED = "unpinned"
    """it names a branch, a tag, or nothing but the repository"""
    LOCAL = "local"
    """it names a path on the machine"""
    UNKNOWN = "unknown"
    """what it names is computed when the code runs"""


@dataclass(frozen=True, slots=True)
class Reference:
    """One place that names a model or a dataset."""

    file: str
    """the file, printable"""
    line: int
    """line, from 1; in a notebook counted over the code of all cells"""
    via: str
    """what names it: `from_pretrained`, `storageUri`, `FROM`, …"""
    target: str
    """what is named; empty where it is computed"""
    revision: str
    """the revision that is asked for; empty where none is"""
    pin: Pin
    """whether it can move"""


class Reader(Protocol):
    """What finds references in one kind of file."""

    def read(self, label: str, data: bytes) -> Iterator[Reference]:
        """Yield the references of a file, in order; raises `MalformedError` when it can't be understood."""
        ...


def pin_of_hub(target: str, revision: str) -> Pin:
    """Judge a repository on the hub, or a path, and the revision that is asked for."""
    if not target:
        return Pin.UNKNOWN
    if target.startswith(_LOCAL) or (target.count("/") > 1 and "://" not in target):
        return Pin.LOCAL
    if "://" in target:
        return pin_of_uri(target)
    return Pin.PINNED if _COMMIT.match(revision) else Pin.UNPINNED


def pin_of_uri(uri: str) -> Pin:
    """Judge an address: a commit of the hub, or a digest of a registry, can't move.

    What pins a list of objects or a web address is known to `weightmark` only, so it has to be asked.
    """
    bare = uri.removeprefix("weightmark+")
    if bare != uri and _LISTED.match(bare):
        return Pin.PINNED
    if bare.startswith(_LOCAL) or bare.startswith("pvc://"):
        return Pin.LOCAL
    if _HUB_URI.match(bare):
        return Pin.PINNED
    if bare.startswith(_DIGEST_SCHEMES) and _SHA256.search(bare):
        return Pin.PINNED
    return Pin.UNPINNED

"""Croissant: a dataset's JSON-LD description, and its digests held against the files (mlcommons/croissant 1.1).

A digest that is no SHA-256 proves nothing, whatever it is called: examples in the specification
carry values of 32 and 40 digits. A live dataset changes by intent, so its digests say what it was.
"""

import posixpath
from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Any, Self
from urllib.parse import unquote

from weightmark.errors import LimitError, MalformedError
from weightmark.patterns import lazy_pattern
from weightmark.provenance.strict_json import parse_object
from weightmark.values import dataclass

__all__ = [
    "CROISSANT_MARK",
    "MAX_CROISSANT_SIZE",
    "Croissant",
    "FileObject",
    "Statement",
    "Verdict",
]

CROISSANT_MARK = b"mlcommons.org/croissant"
"""stands in every Croissant document, in `conformsTo` or the context"""
MAX_CROISSANT_SIZE = 16 * 1024 * 1024
"""bytes"""
_MAX_FILES = 1_000_000
_WHITE_SPACE = b" \t\r\n"
_WRAPPED = 16
_SHA256 = lazy_pattern(r"[0-9a-fA-F]{64}")
_REMOTE = lazy_pattern(r"[A-Za-z][A-Za-z0-9+.-]*:")
_TYPE_KEYS = ("@type", "type")
_NAMESPACES = lazy_pattern(r"(?:cr|sc|schema|dct|prov):|https?://[^#]*[/#]")


class Verdict(StrEnum):
    """What a stated digest is worth."""

    EQUAL = "equal"
    """the file has it"""
    DIFFERENT = "different"
    """the file has another one"""
    NO_DIGEST = "no-digest"
    """none is stated, or it is no SHA-256"""
    ELSEWHERE = "elsewhere"
    """the file is not part of the artifact"""


@dataclass(frozen=True, slots=True)
class FileObject:
    """One file as the document describes it."""

    name: str
    """id or name"""
    url: str
    """`contentUrl`: a relative path, or a URL elsewhere"""
    sha256: str
    """as it is stated; empty when none is"""

    @property
    def paths(self) -> tuple[str, ...]:
        """Where it may lie in the artifact, as written and with `%20` for a blank; empty for a URL elsewhere."""
        if _REMOTE.match(self.url) or not self.url:
            return ()
        written = (self.url, unquote(self.url)) if "%" in self.url else (self.url,)
        plain = (posixpath.normpath(one) for one in written)
        return tuple(one for one in plain if not one.startswith(("/", "../")))


@dataclass(frozen=True, slots=True)
class Statement:
    """What one file object comes to."""

    file: FileObject
    """the description"""
    verdict: Verdict
    """whether it is true"""

    def __str__(self) -> str:
        """Return one line for a person."""
        place = f"`{(self.file.url or self.file.name)[:200]}`"
        if self.verdict is Verdict.NO_DIGEST and self.file.sha256:
            count = len(self.file.sha256)
            return f"{place} has {count} characters where the 64 digits of a SHA-256 belong"
        return {
            Verdict.EQUAL: f"{place} is as described",
            Verdict.DIFFERENT: f"{place} has another SHA-256 than described",
            Verdict.NO_DIGEST: f"{place} is described without a digest",
            Verdict.ELSEWHERE: f"{place} is not part of the artifact",
        }[self.verdict]


@dataclass(frozen=True)
class Croissant:
    """A dataset's description."""

    name: str
    """as the publisher calls it"""
    licenses: tuple[str, ...]
    """names or URLs"""
    sources: tuple[str, ...]
    """what it was derived from, as URLs or names"""
    live: bool
    """whether it changes by intent"""
    files: tuple[FileObject, ...]
    """its single files; file sets have no digest"""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a document; raises `MalformedError` when it is no Croissant, and `LimitError`."""
        if data.lstrip(_WHITE_SPACE).startswith(b"["):
            data = b'{"@graph":' + data + b"}"
        fields = parse_object(
            data, what="the Croissant document", max_size=MAX_CROISSANT_SIZE + _WRAPPED
        )
        if CROISSANT_MARK not in data:
            raise MalformedError("the document is no Croissant")
        short = _short(fields)
        files = tuple(_files(fields))
        return cls(
            _text(short.get("name")),
            tuple(_texts(short.get("license"))),
            (*_texts(short.get("wasDerivedFrom")), *_texts(short.get("isBasedOn"))),
            live=_is_true(short.get("isLiveDataset")),
            files=files,
        )

    @property
    def paths(self) -> frozenset[str]:
        """Relative paths of the files that have a SHA-256 to be compared."""
        stated = (file for file in self.files if _SHA256.fullmatch(file.sha256))
        return frozenset(path for file in stated for path in file.paths)

    def compare(
        self, sha256: Mapping[str, str], *, here: Collection[str] = ()
    ) -> tuple[Statement, ...]:
        """Hold every file object against the SHA-256, lowercase hex, of the artifact's files by path.

        `here` are paths of the artifact whose SHA-256 is not known; what is stated without one needs none.
        """
        return tuple(Statement(file, _judge(file, sha256, here)) for file in self.files)


def _judge(file: FileObject, sha256: Mapping[str, str], here: Collection[str]) -> Verdict:
    if not any(path in sha256 or path in here for path in file.paths):
        return Verdict.ELSEWHERE
    if not _SHA256.fullmatch(file.sha256):
        return Verdict.NO_DIGEST
    actual = next((sha256[path] for path in file.paths if path in sha256), None)
    if actual is None:
        return Verdict.ELSEWHERE
    return Verdict.EQUAL if actual == file.sha256.lower() else Verdict.DIFFERENT


def _files(document: object) -> Iterator[FileObject]:
    """Yield the file objects wherever they stand: JSON-LD may nest them in lists, sets, graphs and files."""
    left = _MAX_FILES
    for item in _objects(document):
        kinds = {_NAMESPACES.sub("", kind) for key in _TYPE_KEYS for kind in _texts(item.get(key))}
        if "FileObject" not in kinds:
            continue
        for file in _described(_short(item)):
            left -= 1
            if left < 0:
                raise LimitError(f"the Croissant document describes over {_MAX_FILES} files")
            yield file


def _described(short: Mapping[str, Any]) -> Iterator[FileObject]:
    """Yield one file for every URL and every digest that an object has."""
    name = _text(short.get("@id")) or _text(short.get("name"))
    for url in tuple(_texts(short.get("contentUrl"))) or ("",):
        for sha256 in tuple(_texts(short.get("sha256"))) or ("",):
            yield FileObject(name, url, sha256)


def _objects(document: object) -> Iterator[Mapping[str, Any]]:
    """Yield every object of a document, in the order in which they stand."""
    pending = [document]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            yield value
            pending += reversed(value.values())
        elif isinstance(value, list):
            pending += reversed(value)


def _short(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members by their names without a namespace; raises `MalformedError` when two become one."""
    short = {_NAMESPACES.sub("", name, count=1): value for name, value in fields.items()}
    if len(short) != len(fields):
        raise MalformedError("the Croissant document says one thing under two names")
    return short


def _text(value: object) -> str:
    return next(iter(_texts(value)), "")


def _texts(value: object) -> Iterator[str]:
    """Yield the texts of a value: itself, its items, or the ids and values of its objects."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            short = _short(item)
            for holder in ("@list", "@set"):
                if isinstance(short.get(holder), list):
                    yield from (one for one in short[holder] if isinstance(one, str))
            named = short.get("@value") or short.get("@id") or short.get("url") or short.get("name")
            if isinstance(named, str):
                yield named


def _is_true(value: object) -> bool:
    """Tell whether a boolean is true in any form that JSON-LD gives it; what is unclear counts as true."""
    item = value.get("@value") if isinstance(value, dict) else value
    return item not in (None, False, "false", "False", "0", 0)

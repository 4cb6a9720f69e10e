"""File lists: what a manifest claim about many files names by digest, kept once beside all claims.

Text in UTF-8: the line `weightmark-files/v1`, then `<blake3> <sha256> <size> <path>` a file, in the
order and with the escapes of the manifest (docs/formats/claims.md).
"""

import hashlib
import re
from collections.abc import Mapping
from functools import cached_property
from itertools import islice
from typing import Self

from weightmark.errors import MalformedError, UnsupportedError
from weightmark.patterns import lazy_pattern
from weightmark.provenance.manifest import Manifest, Row
from weightmark.provenance.names import unescape_path
from weightmark.provenance.strict_json import parse_object
from weightmark.values import dataclass

__all__ = ["FileList", "is_file_list", "not_a_claim"]

_HEADER = "weightmark-files/v1\n"
_MEDIA_TYPE = "application/vnd.weightmark.files.v1"
_ENDING = f'","mediaType":"{_MEDIA_TYPE}"}}'.encode()
_LINES_AT_ONCE = 4096
_BEGINNING = b'{"content":"'
_LINES = lazy_pattern(
    r"^([0-9a-f]{64}) ([0-9a-f]{64}) (0|[1-9][0-9]{0,18}) ([^\n]+)\n", re.MULTILINE
)


@dataclass(frozen=True)
class FileList:
    """Every file with both digests; nobody vouches for it but a claim that names its digest."""

    manifest: Manifest
    """the files"""
    sha256: Mapping[str, str]
    """path to lowercase SHA-256 hex, for every file"""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the text; raises `MalformedError` for any byte that the canonical form would not have."""
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedError("the list of files is not UTF-8") from error
        lines = _LINES.findall(text)
        if len(lines) + 1 != text.count("\n"):
            raise MalformedError("the list of files has a line with other columns")
        escaped = "\\" in text
        rows, sha256 = [], {}
        for blake3, digest, size, shown in lines:
            path = unescape_path(shown) if escaped else shown
            rows.append(Row(path, int(size), blake3))
            sha256[path] = digest
        found = cls(Manifest.from_rows(rows), sha256)
        if found.text != data:
            raise MalformedError("the list of files is not in its canonical form")
        return found

    @classmethod
    def from_line(cls, raw: bytes) -> Self:
        """Read a line of a claims file; raises `MalformedError` and `LimitError`."""
        fields = parse_object(raw, what="the list of files")
        if set(fields) != {"content", "mediaType"} or not isinstance(fields["content"], str):
            raise MalformedError("the list of files has other fields than its format")
        return cls.parse(fields["content"].encode("utf-8", "surrogatepass"))

    @cached_property
    def text(self) -> bytes:
        """The bytes that `digest` is of."""
        sha256 = self.sha256
        lines = (
            f"{row.blake3} {sha256[row.path]} {row.size} {path}\n"
            for row, path in zip(self.manifest.rows, self.manifest.escaped_paths, strict=True)
        )
        found = [_HEADER.encode()]
        while some := list(islice(lines, _LINES_AT_ONCE)):
            found.append("".join(some).encode())
        return b"".join(found)

    @cached_property
    def digest(self) -> str:
        """`sha256:<hex>` of the text."""
        return f"sha256:{hashlib.sha256(self.text).hexdigest()}"

    def to_line(self) -> bytes:
        """Return it as a line of a claims file, without its line end: canonical JSON.

        The text holds no control characters but line ends.
        """
        content = self.text.replace(b"\\", rb"\\").replace(b'"', rb"\"").replace(b"\n", rb"\n")
        return b"".join([_BEGINNING, content, _ENDING])


def is_file_list(raw: bytes) -> bool:
    """Tell a line that holds a list, by its last member."""
    return raw.rstrip().endswith(_ENDING)


def not_a_claim() -> UnsupportedError:
    """Return what to say of such a line where bundles are looked for."""
    return UnsupportedError("it is a list of files, which manifest claims name, and no claim")

"""The headers of a tar, parsed tolerantly (POSIX.1-2017 pax and ustar; GNU tar's manual, 9.2)."""

from dataclasses import replace

from weightmark.errors import LimitError
from weightmark.provenance.reading.interface import ByteView
from weightmark.values import dataclass

__all__ = ["BLOCK", "Header", "Reader", "is_header"]

BLOCK = 512
"""bytes of a header; members begin at multiples of it"""
_CHECKSUM = slice(148, 156)
_EXTENDED = frozenset(b"xX")
_GLOBAL, _LONG_NAME, _LONG_LINK, _FOLDER = ord("g"), ord("L"), ord("K"), ord("5")
_OLD_FILE = 0
"""the kind of a file, and of a folder where the name ends with a slash, before long names are known"""
_WITHOUT_CONTENT = frozenset(b"123456")
_KNOWN = frozenset(b"\x0001234567SDgxXLK")
_SPARSE = ord("S")
_LONGEST_RECORDS = 1024 * 1024
_LONGEST_RECORD_SIZE = 20
_BASE256 = (0x80, 0xFF)


@dataclass(frozen=True, slots=True)
class Header:
    """A member as its headers describe it."""

    name: str
    """path, with surrogates where it is no UTF-8"""
    kind: int
    """type flag: 0x30 a file, 0x31 a hard link, 0x32 a link, 0x33 to 0x36 devices, folders, FIFOs"""
    mode: int
    """permission bits"""
    link: str
    """what a link points to"""
    start: int
    """where the header stands, the headers before it that belong to it left out"""
    data: int
    """where the content begins"""
    size: int
    """bytes of the content, as extended headers say"""
    plain_size: int
    """bytes of the content, as the header itself says"""
    plain_name: str
    """path, as the header itself says"""
    sparse: bool
    """whether the content is stored with holes left out"""

    @property
    def has_content(self) -> bool:
        """Whether bytes follow: links, folders and devices have none, whatever their size says."""
        return self.kind not in _WITHOUT_CONTENT

    @property
    def became_folder(self) -> bool:
        """Whether the slash that makes it a folder ends no more than the short name."""
        slash = self.plain_name.endswith("/") and not self.name.endswith("/")
        return self.kind == _FOLDER and slash

    @property
    def nexts(self) -> tuple[int, ...]:
        """Where readers look for the next header: the usual place first, then where others look."""
        own = self.size if self.has_content else 0
        sizes = dict.fromkeys((own, self.size, self.plain_size))
        return tuple(self.data + -(-size // BLOCK) * BLOCK for size in sizes)


def is_header(block: bytes) -> bool:
    """Tell a header by its checksum, which may be of signed or unsigned bytes."""
    if len(block) < BLOCK:
        return False
    told = _octal(block[_CHECKSUM])
    if told is None:
        return False
    rest = block[: _CHECKSUM.start] + block[_CHECKSUM.stop : BLOCK]
    unsigned = sum(rest) + 8 * ord(" ")
    return told == unsigned or told == unsigned - 256 * sum(byte > 127 for byte in rest)  # noqa: PLR2004 - the sign bit


class Reader:
    """Reads headers; what a global header says holds for all that follow."""

    def __init__(self, view: ByteView) -> None:
        """Start without global records."""
        self._view = view
        self._global: dict[str, str] = {}
        self.repeated = False

    def header(self, offset: int) -> Header | None:
        """Return the member whose first header stands at `offset`, or None if there is none.

        Raises `LimitError` for extended headers over one mebibyte.
        """
        records: dict[str, str] = {}
        at = offset
        while is_header(block := self._view.read_at(at, BLOCK)):
            kind, size = block[156], _number(block[124:136])
            if size is None:
                return None
            if kind not in _EXTENDED and kind not in (_GLOBAL, _LONG_NAME, _LONG_LINK):
                return _described(_plain(block, at, size), {**self._global, **records})
            body = self._body(at, size)
            if kind == _LONG_NAME:
                records["path"] = _text(body.partition(b"\0")[0])
            elif kind == _LONG_LINK:
                records["linkpath"] = _text(body.partition(b"\0")[0])
            else:
                found = self._records(body)
                (self._global if kind == _GLOBAL else records).update(found)
            at += BLOCK + -(-size // BLOCK) * BLOCK
        return None

    def _body(self, at: int, size: int) -> bytes:
        if size > _LONGEST_RECORDS:
            raise LimitError(f"an extended tar header is over {_LONGEST_RECORDS} bytes")
        return self._view.read_at(at + BLOCK, size)

    def _records(self, body: bytes) -> dict[str, str]:
        """Parse `<length> <key>=<value>` lines; of two with one key the last one counts."""
        found: dict[str, str] = {}
        at = 0
        while at < len(body):
            digits, space, _ = body[at : at + _LONGEST_RECORD_SIZE].partition(b" ")
            length = int(digits) if space and digits.isdigit() else 0
            if length <= len(digits) + 1:
                break
            key, equals, value = body[at + len(digits) + 1 : at + length - 1].partition(b"=")
            if equals:
                word = _text(key)
                self.repeated = self.repeated or word in found
                found[word] = _text(value)
            at += length
        return found


def _plain(block: bytes, at: int, size: int) -> Header:
    """Return what one header says by itself."""
    name, prefix = _field(block[:100]), _field(block[345:500])
    kind = block[156]
    if block[257:263] == b"ustar\0" and prefix:
        name = f"{prefix}/{name}"
    if kind == _OLD_FILE and name.endswith("/"):
        kind = _FOLDER
    return Header(
        name=name,
        kind=kind,
        mode=_number(block[100:108]) or 0,
        link=_field(block[157:257]),
        start=at,
        data=at + BLOCK,
        size=size,
        plain_size=size,
        plain_name=name,
        sparse=kind == _SPARSE,
    )


def _described(header: Header, records: dict[str, str]) -> Header:
    """Return the member as the records of extended headers change it."""
    size = records.get("size", "")
    name = records.get("GNU.sparse.name", records.get("path", header.name))
    return replace(
        header,
        name=name.rstrip("\0"),
        link=records.get("linkpath", header.link),
        size=int(size) if size.isascii() and size.isdigit() and len(size) < 20 else header.size,  # noqa: PLR2004 - more digits are no size
        sparse=header.sparse or any(key.startswith("GNU.sparse.") for key in records),
    )


def _number(field: bytes) -> int | None:
    """Return an octal or base-256 number, None if it is neither or negative."""
    if field[0] in _BASE256:
        value = int.from_bytes(field[1:], "big")
        return value if field[0] == _BASE256[0] else None
    return _octal(field)


def _octal(field: bytes) -> int | None:
    digits = field.partition(b"\0")[0].strip() or b"0"
    return int(digits, 8) if all(byte in b"01234567" for byte in digits) else None


def _field(field: bytes) -> str:
    return _text(field.partition(b"\0")[0])


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")

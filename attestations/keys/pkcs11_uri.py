"""PKCS#11 URIs (RFC 7512): parsed strictly, so that a key is never looked for in another place than was meant."""

import re
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Self
from urllib.parse import unquote_to_bytes

from weightmark.errors import CallError
from weightmark.values import dataclass

__all__ = ["Pkcs11Uri"]

_SCHEME = "pkcs11:"
_MAX_LENGTH = 8192
_TEXTS = (
    "token", "manufacturer", "serial", "model", "library-manufacturer", "library-description",
    "object", "slot-manufacturer", "slot-description",
)  # fmt: skip
_OTHERS = ("library-version", "type", "id", "slot-id")
_QUERIES = ("pin-source", "pin-value", "module-name", "module-path")
_TYPES = frozenset(["public", "private", "cert", "secret-key", "data"])
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_ENCODED = r"[A-Za-z0-9\-._~:\[\]@!$'()*+,=&]|%[0-9A-Fa-f]{2}"
_PATH_VALUE = re.compile(f"(?:{_ENCODED})*")
_QUERY_VALUE = re.compile(f"(?:(?!&)(?:{_ENCODED})|[/?|])*")
_VERSION = re.compile(r"(\d{1,3})(?:\.(\d{1,3}))?")
_SLOT = re.compile(r"\d{1,10}")


@dataclass(frozen=True, slots=True)
class Pkcs11Uri:
    """Which key in which token, and through which library."""

    attributes: Mapping[str, str]
    """what library, slot, token and object must match, by the names of RFC 7512 §2.3; without `id`"""
    object_id: bytes | None = None
    """CKA_ID of the object"""
    pin: str | None = field(default=None, repr=False)
    """`pin-value`"""
    pin_file: Path | None = None
    """`pin-source`: an absolute path"""
    module_path: Path | None = None
    """absolute path of the library"""
    module_name: str = ""
    """the library's name without its folder and ending"""
    vendor: tuple[str, ...] = ()
    """names of attributes that only some vendor knows; which object they mean can't be told"""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a URI; raises `CallError`, which never repeats a PIN."""
        if not text.startswith(_SCHEME):
            raise _wrong("it does not begin with `pkcs11:`")
        if len(text) > _MAX_LENGTH:
            raise _wrong(f"it is longer than {_MAX_LENGTH} characters")
        path, mark, query = text.removeprefix(_SCHEME).partition("?")
        found = _split(path, ";", _PATH_VALUE)
        asked = _split(query, "&", _QUERY_VALUE)
        if mark and not query:
            raise _wrong("nothing follows its `?`")
        known = {name: raw for name, raw in found.items() if name in (*_TEXTS, *_OTHERS)}
        attributes = {
            name: _text(name, raw) for name, raw in known.items() if name not in ("id", "type")
        }
        _check_numbers(attributes)
        if "type" in known:
            attributes["type"] = _object_type(_text("type", known["type"]))
        return cls(
            attributes=attributes,
            object_id=known.get("id"),
            pin=_text("pin-value", asked["pin-value"]) if "pin-value" in asked else None,
            pin_file=_pin_file(asked),
            module_path=_module_path(asked),
            module_name=_module_name(asked),
            vendor=tuple(sorted({*found} - {*known})),
        )

    def __str__(self) -> str:
        """Return the object and its token in words, without any secret."""
        name = self.attributes.get("object", "")
        if not name and self.object_id is not None:
            name = f"id {self.object_id.hex()}"
        token = self.attributes.get("token") or self.attributes.get("serial") or "any token"
        return f"{name or 'any key'} in {token}"


def _split(text: str, separator: str, allowed: re.Pattern[str]) -> dict[str, bytes]:
    """Return the attributes, decoded; RFC 7512 §2.3 forbids the same one twice."""
    found: dict[str, bytes] = {}
    for part in text.split(separator) if text else ():
        name, mark, value = part.partition("=")
        if not mark or not _NAME.fullmatch(name):
            raise _wrong("a part of it is no `name=value`")
        if not allowed.fullmatch(value):
            raise _wrong(f"`{name}` holds a character that must be percent-encoded")
        if name in found:
            raise _wrong(f"it says `{name}` twice")
        found[name] = unquote_to_bytes(value)
    return found


def _text(name: str, raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _wrong(f"`{name}` is not UTF-8") from error
    if "\0" in text:
        raise _wrong(f"`{name}` holds a NUL")
    return text


def _check_numbers(attributes: Mapping[str, str]) -> None:
    for name, form in (("library-version", _VERSION), ("slot-id", _SLOT)):
        if name in attributes and not form.fullmatch(attributes[name]):
            raise _wrong(f"`{name}` is no number")


def _object_type(text: str) -> str:
    if text not in _TYPES:
        raise _wrong("its `type` is none of RFC 7512")
    return text


def _pin_file(asked: Mapping[str, bytes]) -> Path | None:
    if "pin-source" not in asked:
        return None
    if "pin-value" in asked:
        raise _wrong("it says both `pin-value` and `pin-source`")
    source = _text("pin-source", asked["pin-source"])
    if source.startswith("|"):
        raise _wrong("its `pin-source` is a command, and none is run", fix="put the PIN in a file")
    path = source.removeprefix("file:").removeprefix("//")
    if not path.startswith("/"):
        raise _wrong("its `pin-source` is no absolute path")
    return Path(path)


def _module_path(asked: Mapping[str, bytes]) -> Path | None:
    if "module-path" not in asked:
        return None
    path = _text("module-path", asked["module-path"])
    if not path.startswith("/"):
        raise _wrong("its `module-path` is no absolute path")
    return Path(path)


def _module_name(asked: Mapping[str, bytes]) -> str:
    name = _text("module-name", asked.get("module-name", b""))
    if "/" in name or name.startswith("."):
        raise _wrong("its `module-name` is a path", fix="use `module-path` for a path")
    return name


def _wrong(why: str, *, fix: str = "") -> CallError:
    return CallError(
        "the PKCS#11 URI is wrong",
        why=why,
        fix=fix
        or "write it as `pkcs11:token=NAME;object=LABEL?module-path=/usr/lib/…so` (RFC 7512)",
    )

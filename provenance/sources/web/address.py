"""Web addresses: `https://host/file`, or `https://host/folder/` with a `SHA256SUMS`.

Pinned by a fragment, which no server sees: `#sha256=<hex>` of the file or of the list, or
`#version=<hex>` of what a server says that a version is.
"""

import re
from typing import Self
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from weightmark.errors import CallError
from weightmark.provenance.sources.addresses import is_private_way, printable_address, printable_uri
from weightmark.values import dataclass

__all__ = ["SCHEMES", "SUMS", "WebAddress"]

SCHEMES = frozenset(["http", "https"])
SUMS = "SHA256SUMS"
"""name of the list in a folder, as `sha256sum` writes it"""
_PIN = re.compile(r"(sha256|version)=([0-9a-f]{64})\Z")


@dataclass(frozen=True, slots=True)
class WebAddress:
    """One file or folder behind HTTPS."""

    url: str
    """without fragment; a query may be a secret and stands here only"""
    sha256: str = ""
    """lowercase hex of the file, or of the list of the folder; empty for what is there now"""
    version: str = ""
    """digest over size and tag of a file, if that is what pins it"""

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Read a URI; raises `CallError` for anything else, plain HTTP to other machines among it."""
        bare, mark, fragment = uri.partition("#")
        pin = _PIN.match(fragment)
        if mark and not pin:
            raise CallError(
                f"the fragment of `{printable_uri(uri)}` is no pin",
                fix="write `#sha256=` and 64 hex digits, or leave it out",
            )
        _require_sound(bare, uri)
        name, value = (pin[1], pin[2]) if pin else ("", "")
        return cls(bare, **{name: value} if name else {})

    @property
    def is_folder(self) -> bool:
        """Whether it names what a list tells."""
        return urlsplit(self.url).path.endswith("/")

    @property
    def place(self) -> str:
        """The address as it may be printed and written down."""
        return printable_address(self.url)

    @property
    def uri(self) -> str:
        """The address with its pin, as it may be written down."""
        if self.sha256:
            return self.at_sha256(self.sha256)
        return self.at_version(self.version) if self.version else self.place

    @property
    def name(self) -> str:
        """The name of the file; empty for a folder."""
        return unquote(urlsplit(self.url).path.rpartition("/")[2])

    def at_sha256(self, digest: str) -> str:
        """Return the address pinned to bytes."""
        return f"{self.place}#sha256={digest}"

    def at_version(self, digest: str) -> str:
        """Return the address pinned to what the server calls one version."""
        return f"{self.place}#version={digest}"

    def beside(self, name: str) -> str:
        """Return the URL of something in the folder, whose path is quoted already."""
        parts = urlsplit(self.url)
        return urljoin(urlunsplit(parts._replace(query="")), f"./{name}")


def _require_sound(url: str, uri: str) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in SCHEMES or not host or not url.isprintable() or " " in url:
        raise CallError(
            f"`{printable_uri(uri)}` is no web address", fix="write `https://host/path`"
        )
    if parts.username is not None or parts.password is not None:
        raise CallError(
            f"`{printable_uri(uri)}` names a login", fix="leave it out: nobody is logged in"
        )
    if not is_private_way(url):
        raise CallError(
            f"`{printable_uri(uri)}` has no TLS",
            why="anybody on the way could hand out something else",
            fix="write `https://`",
        )

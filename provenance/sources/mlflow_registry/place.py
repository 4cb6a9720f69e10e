"""Where the files of a version lie, as a server says, and whether that may be followed.

Read or written, it is asked for once and judged here, so that no second answer leads elsewhere.
"""

from typing import Self
from urllib.parse import unquote, urlsplit

from weightmark.errors import UnsupportedError
from weightmark.values import dataclass

__all__ = ["Place", "is_server", "is_this_machine"]

_WEB = frozenset(["http", "https"])
_OBJECTS = frozenset(["gs", "s3"])
_LOCAL = frozenset(["", "file", "sqlite"])
_SERVICES = frozenset(["databricks", "databricks-uc", "uc"])
"""words without a scheme that name no folder"""
_ARTIFACTS = "mlflow-artifacts"


def is_server(address: str) -> bool:
    """Tell whether an address of MLflow is that of a tracking server."""
    return urlsplit(address).scheme in _WEB


def is_this_machine(address: str) -> bool:
    """Tell whether an address of MLflow names a folder or a database file here; all else is somebody else's word."""
    parts = urlsplit(address)
    named = parts.scheme in _LOCAL and parts.netloc in ("", "localhost")
    return named and address not in _SERVICES


@dataclass(frozen=True, slots=True)
class Place:
    """A place that may be followed; made by `Place.of`."""

    kind: str
    """`server`, `objects` or `folder`"""
    uri: str
    """as MLflow says it"""

    @classmethod
    def of(cls, uri: str, *, tracking: str, registry: str) -> Self:
        """Judge what these two said; raises `UnsupportedError` for a place that leads elsewhere."""
        scheme = urlsplit(uri).scheme
        if scheme == _ARTIFACTS and is_server(tracking):
            return cls("server", uri)
        if scheme in _OBJECTS:
            return cls("objects", uri)
        local = is_this_machine(tracking) and is_this_machine(registry)
        if local and is_this_machine(uri) and scheme != "sqlite":
            return cls("folder", uri)
        raise UnsupportedError(
            f"the files lie at {f'`{scheme[:40]}:`' if scheme else 'a path'}, which is not followed for a server",
            why="a server that names a path would have this machine's files read, or written",
            fix="serve artifacts through the tracking server, or keep them in `s3://` or `gs://`",
        )

    @property
    def folder(self) -> str:
        """The path of a folder on this machine."""
        parts = urlsplit(self.uri)
        return unquote(parts.path) if parts.scheme else self.uri

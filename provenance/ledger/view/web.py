"""A view behind HTTP: read from any web server, written to any that knows conditional PUT (RFC 9110 §13.1).

Object stores and their gateways speak this: `If-None-Match: *` creates what must not exist, and
`If-Match` with an entity tag replaces what was seen. Credentials come from the URL or the user's
`.netrc`; they never stand in a message.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from weightmark.errors import (
    CallError,
    LedgerInconsistentError,
    LedgerNotLiveError,
    LimitError,
    NetworkError,
)
from weightmark.provenance.ledger.note import MAX_NOTE_SIZE
from weightmark.provenance.ledger.view.interface import (
    CHECKPOINT,
    MAX_BUNDLE_SIZE,
    cache_control,
    content_type,
)

if TYPE_CHECKING:
    from requests import Response, Session

__all__ = ["WebView"]

_SECONDS = 30
_BLOCK = 64 * 1024
_CREATED = frozenset({200, 201, 204})
_GONE = 410
_ABSENT = frozenset({404, _GONE})
_REMOVED = frozenset({200, 202, 204})
_MISSED = frozenset({409, 412})
"""what servers answer when the condition of a PUT does not hold"""


class WebView:
    """The files below one URL."""

    def __init__(self, url: str) -> None:
        """Name the root; raises `CallError` for a URL that is none."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise CallError(f"`{url[:200]}` is no http or https URL")
        self._url = urlunsplit((*parts[:2], parts.path.rstrip("/"), "", ""))
        bare = parts.netloc.rpartition("@")[2]
        self.name = urlunsplit((parts.scheme, bare, parts.path.rstrip("/"), "", ""))
        self._open: Session | None = None

    def get(self, path: str, *, max_size: int = MAX_BUNDLE_SIZE) -> bytes | None:
        """Return a file, None when the server does not know it."""
        found = self._fetch(path, max_size)
        return None if found is None else found[0]

    def create(self, files: Mapping[str, bytes], *, overwrite: bool = False) -> None:
        """Write files that never change, one request each."""
        for path, data in files.items():
            status = self._put(path, data, {} if overwrite else {"If-None-Match": "*"})
            if status in _MISSED and self.get(path, max_size=max(len(data), 1)) != data:
                raise LedgerInconsistentError(
                    f"`{self.name}/{path}` holds other bytes than the ledger",
                    why="a published tile never changes",
                    fix="publish to an empty place",
                )

    def swap_checkpoint(self, note: bytes, expected: bytes | None) -> None:
        """Replace the checkpoint, if it is still the one that was seen."""
        found = self._fetch(CHECKPOINT, MAX_NOTE_SIZE)
        tag = found[1] if found else ""
        if (found[0] if found else None) != expected:
            raise self._overtaken()
        if found and not tag:
            raise NetworkError(
                f"`{self.name}/{CHECKPOINT}` has no entity tag",
                why="without one, two writers could overwrite each other's checkpoint",
                fix="publish to a server that answers with `ETag`, or to a folder",
            )
        condition = {"If-Match": tag} if found else {"If-None-Match": "*"}
        if self._put(CHECKPOINT, note, condition) in _MISSED:
            raise self._overtaken()

    def remove(self, path: str) -> None:
        """Ask the server to remove a file that was redacted; raises `NetworkError` when it does not."""
        with self._ask("GET", path, b"", {}) as response:
            if response.status_code in _ABSENT:
                return
        with self._ask("DELETE", path, b"", {}) as response:
            if response.status_code not in _REMOVED | _ABSENT:
                raise self._refusal(path, response.status_code)

    def partial_widths(self, folder: str) -> tuple[int, ...]:  # noqa: ARG002 - as in `ViewFiles`
        """Return none: a web server lists no folders."""
        return ()

    def drop(self, folders: Iterable[str]) -> None:
        """Leave outgrown partial tiles to the store's own clean-up: they stay correct."""

    def _overtaken(self) -> LedgerInconsistentError:
        return LedgerInconsistentError(
            f"another checkpoint was published to `{self.name}` meanwhile",
            why="two writers publish to one place",
            fix="publish again; let one writer publish to one place",
        )

    def _fetch(self, path: str, max_size: int) -> tuple[bytes, str] | None:
        """Return content and entity tag."""
        with self._ask("GET", path, b"", {}) as response:
            if response.status_code == _GONE:
                _require_not_ended(response, f"{self.name}/{path}")
            if response.status_code in _ABSENT:
                return None
            if response.status_code != 200:  # noqa: PLR2004 - OK
                raise self._refusal(path, response.status_code)
            return _bounded(response, max_size, f"{self.name}/{path}"), response.headers.get(
                "ETag", ""
            )

    def _put(self, path: str, data: bytes, condition: Mapping[str, str]) -> int:
        headers = {
            "Content-Type": content_type(path),
            "Cache-Control": cache_control(path),
            **condition,
        }
        with self._ask("PUT", path, data, headers) as response:
            if response.status_code not in _CREATED | _MISSED:
                raise self._refusal(path, response.status_code)
            return response.status_code

    def _ask(self, method: str, path: str, data: bytes, headers: Mapping[str, str]) -> "Response":
        from requests import RequestException

        try:
            return self._session.request(
                method,
                f"{self._url}/{path}",
                data=data or None,
                headers=dict(headers),
                timeout=_SECONDS,
                allow_redirects=False,
                stream=True,
            )
        except RequestException as error:
            raise NetworkError(
                f"`{self.name}/{path}` did not answer: {type(error).__name__}",
                fix="check the address and the network",
            ) from error

    @property
    def _session(self) -> "Session":
        if self._open is None:
            from requests import Session

            self._open = Session()
        return self._open

    def _refusal(self, path: str, status: int) -> NetworkError:
        return NetworkError(
            f"`{self.name}/{path}` answered with status {status}",
            fix="check the address and whether you may use it",
        )


def _require_not_ended(response: "Response", name: str) -> None:
    """Raise `LedgerNotLiveError` when a service says that its ledger moved or was succeeded: no file is missing then."""
    from weightmark.provenance.ledger.service.wire import MAX_ERROR_SIZE, parse_error

    try:
        body = _bounded(response, MAX_ERROR_SIZE, name)
    except LimitError:
        return
    said = parse_error(body, name, _GONE)
    if isinstance(said, LedgerNotLiveError):
        raise said


def _bounded(response: "Response", max_size: int, name: str) -> bytes:
    from requests import RequestException

    parts: list[bytes] = []
    size = 0
    try:
        for block in response.iter_content(_BLOCK):
            size += len(block)
            if size > max_size:
                raise LimitError(f"`{name}` is over {max_size} bytes")
            parts.append(block)
    except RequestException as error:
        raise NetworkError(f"`{name}` broke off: {type(error).__name__}") from error
    return b"".join(parts)

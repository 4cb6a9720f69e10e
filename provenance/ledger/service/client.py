"""The client of a ledger's service: what it answers is parsed strictly, and proven elsewhere."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from weightmark.errors import (
    LedgerNotLiveError,
    LimitError,
    MalformedError,
    NetworkError,
    UnsupportedError,
)
from weightmark.provenance.ledger.admission import Submission
from weightmark.provenance.ledger.proof import MAX_RECEIPT_SIZE
from weightmark.provenance.ledger.service.wire import (
    ABOUT_PATH,
    ADD_BATCH_PATH,
    ADD_PATH,
    MAX_ANSWER_SIZE,
    MAX_ERROR_SIZE,
    MAX_FOUND,
    SEARCH_PATH,
    About,
    Found,
    Search,
    encode_batch,
    encode_submission,
    parse_about,
    parse_error,
    parse_found,
    parse_receipts,
    search_parameters,
)
from weightmark.provenance.ledger.store.interface import Query

if TYPE_CHECKING:
    from requests import Response, Session

__all__ = ["ServiceClient"]

_SECONDS = 60.0
_BLOCK = 64 * 1024
_ATTEMPTS = 4
_LATER = frozenset({429, 503})
_MAX_WAIT = 10
_OK = 200
_GONE = 410
_NOT_FOUND = frozenset({403, 404, 405, 410})
"""what a plain web server answers about a file that it does not have"""


class ServiceClient:
    """Asks one service. One thread uses it."""

    def __init__(
        self, url: str, *, seconds: float = _SECONDS, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Name the root of the service; each answer may take so many `seconds`."""
        parts = urlsplit(url)
        self._url = urlunsplit((*parts[:2], parts.path.rstrip("/"), "", ""))
        bare = parts.netloc.rpartition("@")[2]
        self.name = urlunsplit((parts.scheme, bare, parts.path.rstrip("/"), "", ""))
        self._seconds = seconds
        self._sleep = sleep
        self._open: Session | None = None

    def about(self) -> About | None:
        """Ask what stands there; None for files that a plain web server serves.

        Raises `NetworkError`, and `LedgerNotLiveError` when the ledger moved or was succeeded.
        """
        status, data, _ = self._ask("GET", ABOUT_PATH, MAX_ERROR_SIZE)
        self._require_not_ended(status, data, ABOUT_PATH)
        if status in _NOT_FOUND:
            return None
        if status != _OK:
            raise parse_error(data, f"{self.name}/{ABOUT_PATH}", status)
        try:
            return parse_about(data)
        except MalformedError as error:
            raise UnsupportedError(
                f"`{self.name}/{ABOUT_PATH}` is not what weightmark knows: {error.what}",
                fix="check the address; a newer weightmark may know it",
            ) from error

    def add(self, submission: Submission) -> bytes:
        """Hand in a submission; returns the receipt, which proves itself.

        Sent again when the service is busy: the same submission is entered once. Raises what the
        service refused it with, and `NetworkError`.
        """
        return self._hand_in(ADD_PATH, encode_submission(submission), MAX_RECEIPT_SIZE)

    def add_batch(self, submissions: Sequence[Submission]) -> tuple[bytes, ...]:
        """Hand in submissions that are entered all or none; returns the receipt of each, as `add` does.

        Raises `LimitError` for over 256, and what `add` raises.
        """
        most = len(submissions) * 2 * MAX_RECEIPT_SIZE
        answer = self._hand_in(ADD_BATCH_PATH, encode_batch(submissions), most)
        try:
            return parse_receipts(answer, len(submissions))
        except MalformedError as error:
            raise NetworkError(
                f"`{self.name}/{ADD_BATCH_PATH}` did not answer with receipts: {error.what}",
                fix="send again: nothing is entered twice",
            ) from error

    def _hand_in(self, path: str, body: bytes, most: int) -> bytes:
        status, data, wait = self._ask("POST", path, most, body)
        for attempt in range(1, _ATTEMPTS):
            if status not in _LATER:
                break
            self._sleep(min(_MAX_WAIT, max(wait, attempt)))
            status, data, wait = self._ask("POST", path, most, body)
        if status == _OK:
            return data
        self._require_not_ended(status, data, path)
        if status in _NOT_FOUND - {403}:
            raise UnsupportedError(
                f"`{self.name}/{path}` takes no submissions",
                fix="append to the ledger itself, or to a service that is not only read",
            )
        raise parse_error(data, f"{self.name}/{path}", status)

    def _require_not_ended(self, status: int, data: bytes, path: str) -> None:
        """Raise `LedgerNotLiveError` when the service says that its ledger moved or was succeeded."""
        if status == _GONE:
            error = parse_error(data, f"{self.name}/{path}", status)
            if isinstance(error, LedgerNotLiveError):
                raise error

    def search(self, query: Query, *, start: int = 0, limit: int | None = None) -> Iterator[Found]:
        """Yield what the service finds, rising; raises `MalformedError`, `LedgerInconsistentError`, `NetworkError`."""
        left = limit
        while left is None or left > 0:
            asked = Search(query, start, MAX_FOUND if left is None else min(MAX_FOUND, left))
            status, data, _ = self._ask(
                "GET", SEARCH_PATH, MAX_ANSWER_SIZE, parameters=search_parameters(asked)
            )
            if status != _OK:
                raise parse_error(data, f"{self.name}/{SEARCH_PATH}", status)
            found = parse_found(data, asked)[: asked.limit]
            yield from found
            if len(found) < asked.limit:
                return
            start = found[-1].index + 1
            left = None if left is None else left - len(found)

    def _ask(
        self,
        method: str,
        path: str,
        most: int,
        body: bytes | None = None,
        parameters: dict[str, str] | None = None,
    ) -> tuple[int, bytes, int]:
        """Return status, bounded body, and the seconds after which to come again."""
        from requests import RequestException

        url = f"{self._url}/{path}"
        more: dict[str, Any] = {"timeout": self._seconds, "allow_redirects": False, "stream": True}
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            with self._session.request(
                method, url, data=body, params=parameters, headers=headers, **more
            ) as response:
                data = self._bounded(response, path, most)
                wait = response.headers.get("Retry-After", "")
                return response.status_code, data, int(wait) if wait.isdigit() else 0
        except RequestException as error:
            raise NetworkError(
                f"`{self.name}/{path}` did not answer: {type(error).__name__}",
                fix="check the address and the network"
                + ("" if body is None else "; sending again enters nothing twice"),
            ) from error

    def _bounded(self, response: "Response", path: str, most: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        end = time.monotonic() + self._seconds
        for block in response.iter_content(_BLOCK):
            size += len(block)
            if size > most:
                raise LimitError(f"the answer of `{self.name}/{path}` is over {most} bytes")
            if time.monotonic() > end:
                raise LimitError(f"the answer of `{self.name}/{path}` takes too long")
            parts.append(block)
        return b"".join(parts)

    @property
    def _session(self) -> "Session":
        if self._open is None:
            from requests import Session

            self._open = Session()
        return self._open

    def close(self) -> None:
        """Let go of the connection."""
        if self._open is not None:
            self._open.close()
            self._open = None

"""Asking a web server: bounded, without login or cookies, redirects by hand, never down to no TLS and never inward."""

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from weightmark.errors import LimitError, NetworkError, PromiseBrokenError
from weightmark.provenance.bounded_time import within
from weightmark.provenance.sources.addresses import (
    is_private_way,
    is_web_address,
    printable_address,
)
from weightmark.provenance.sources.interface import TransferBrokenError
from weightmark.provenance.sources.redirects import RedirectGuard

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session

__all__ = ["Head", "WebConnection"]

_BLOCK = 1024 * 1024
_SECONDS = 10.0
_ANSWER_SECONDS = 120.0
_MOST_REDIRECTS = 5
_LONGEST_WAIT = 60
_CHUNKED = "chunked"
_REDIRECTS = frozenset([301, 302, 303, 307, 308])
_OK, _PARTIAL, _GONE, _UNSATISFIABLE, _TOO_MANY, _ERROR = 200, 206, 412, 416, 429, 500

Head = Mapping[str, str]
"""headers of an answer, whatever the case of their names"""


class WebConnection:
    """Nobody's right to read: whatever anybody may ask for."""

    def look(self, url: str) -> Head:
        """Return what a server says of a file, without reading it; raises `TransferBrokenError`, `NetworkError`."""
        with self._get(url, {}) as response:
            _require(response, (_OK,))
            return response.headers

    def answer(self, url: str, most: int) -> bytes:
        """Return a small document; raises `TransferBrokenError`, `NetworkError`, `LimitError`."""
        end = time.monotonic() + _ANSWER_SECONDS
        data = bytearray()
        with self._get(url, {}) as response:
            _require(response, (_OK,))
            _require_end(response)
            for block in _blocks(response):
                data += block
                if len(data) > most or time.monotonic() > end:
                    raise LimitError(f"the answer of `{printable_address(url)}` is too long")
        return bytes(data)

    def stream(
        self, url: str, offset: int, tag: str, *, promised: bool
    ) -> Generator[bytes, None, None]:
        """Yield a file from `offset` on, only if it is still the version `tag`, where there is one.

        What no digest promises has to say where it ends. Raises `TransferBrokenError`, `NetworkError`, and `PromiseBrokenError` for another version.
        """
        where = printable_address(url)
        headers = ({"Range": f"bytes={offset}-"} if offset else {}) | (
            {"If-Match": tag} if tag else {}
        )
        with self._get(url, headers) as response:
            if response.status_code == _GONE:
                raise _changed(where)
            if offset and response.status_code == _UNSATISFIABLE:
                return
            _require(response, (_OK, _PARTIAL))
            _require_version(response, tag, where)
            if not promised:
                _require_end(response)
            skip = offset if response.status_code == _OK else 0
            _require_range(response, offset, where)
            for block in _blocks(response):
                if skip < len(block):
                    yield block[skip:]
                skip = max(0, skip - len(block))

    @contextmanager
    def _get(self, url: str, headers: dict[str, str]) -> Iterator["Response"]:
        from requests import RequestException, Session

        where = printable_address(url)
        try:
            with Session() as session:
                guard = RedirectGuard(url)
                guard.watch(session)
                for _ in range(_MOST_REDIRECTS + 1):
                    ask = partial(_ask, session, url, headers)
                    with within(_ANSWER_SECONDS, ask) as response:
                        session.cookies.clear()
                        target = response.headers.get("Location", "")
                        if response.status_code not in _REDIRECTS or not target:
                            yield response
                            return
                        url = _redirected(url, target)
                        guard.follow(url)
        except (RequestException, TimeoutError) as error:
            raise TransferBrokenError(
                f"`{where}` broke off or did not answer: {type(error).__name__}"
            ) from None
        except ValueError:
            raise NetworkError(f"`{where}` leads to an address that is none") from None
        raise NetworkError(f"`{where}` redirects more than {_MOST_REDIRECTS} times")


def _ask(session: "Session", url: str, headers: Mapping[str, str]) -> "Response":
    return session.get(
        url,
        headers={"Accept-Encoding": "identity", "User-Agent": "weightmark", **headers},
        timeout=_SECONDS,
        allow_redirects=False,
        stream=True,
        auth=_nobody,
    )


def _nobody(request: "PreparedRequest") -> "PreparedRequest":
    """Keep `requests` from taking a login for the host out of `.netrc`."""
    return request


def _redirected(url: str, location: str) -> str:
    """Return where a redirect leads; raises `NetworkError` for what has no TLS."""
    target = urljoin(url, location).partition("#")[0]
    if not is_web_address(target) or not is_private_way(target):
        raise NetworkError(
            f"`{printable_address(url)}` redirects to `{printable_address(target)[:200]}`",
            why="a redirect must not lead to no TLS",
        )
    return target


def _require(response: "Response", wanted: tuple[int, ...]) -> None:
    status, where = response.status_code, printable_address(response.url)
    if status == _TOO_MANY or status >= _ERROR:
        raise TransferBrokenError(f"`{where}` answered with status {status}", wait=_wait(response))
    if status not in wanted:
        raise NetworkError(
            f"`{where}` answered with status {status}",
            fix="check the address; nobody is logged in",
        )
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise NetworkError(f"`{where}` encodes what it sends")
    if response.headers.get("Transfer-Encoding", _CHUNKED).strip().lower() != _CHUNKED:
        raise NetworkError(f"`{where}` encodes what it sends")


def _require_version(response: "Response", tag: str, where: str) -> None:
    """Hold the version that is sent against the one that was looked at: not every server heeds the condition."""
    said = response.headers.get("ETag")
    if tag and said is None:
        raise NetworkError(
            f"`{where}` is sent without the tag of its version",
            why="what comes may be another version than the one that was looked at",
            fix="name its digest as `#sha256=<hex>`",
        )
    if tag and said != tag:
        raise _changed(where)


def _changed(where: str) -> PromiseBrokenError:
    return PromiseBrokenError(
        f"`{where}` changed since it was looked at", fix="see who writes there, and fetch it again"
    )


def _require_end(response: "Response") -> None:
    """Refuse an answer that ends when the connection does: half of it would look whole."""
    length = response.headers.get("Content-Length", "")
    if "Transfer-Encoding" not in response.headers and not (length.isascii() and length.isdigit()):
        raise NetworkError(
            f"`{printable_address(response.url)}` does not say how long its answer is",
            why="a file that broke off could not be told from a whole one",
            fix="name its digest as `#sha256=<hex>`",
        )


def _require_range(response: "Response", offset: int, where: str) -> None:
    if response.status_code != _PARTIAL:
        return
    said = response.headers.get("Content-Range", "").replace(" ", "")
    if not offset or not said.startswith(f"bytes{offset}-"):
        raise NetworkError(f"`{where}` answered with another range than was asked for")


def _wait(response: "Response") -> float:
    said = response.headers.get("Retry-After", "")
    return float(min(int(said), _LONGEST_WAIT)) if said.isascii() and said.isdigit() else 0.0


def _blocks(response: "Response") -> Iterator[bytes]:
    """Yield what arrives, without decoding anything."""
    from urllib3.exceptions import HTTPError

    where = printable_address(response.url)
    expected, size = response.headers.get("Content-Length", ""), 0
    try:
        while block := response.raw.read1(_BLOCK, decode_content=False):
            size += len(block)
            yield block
    except (HTTPError, OSError) as error:
        raise TransferBrokenError(f"`{where}` broke off: {type(error).__name__}") from error
    if expected.isascii() and expected.isdigit() and size < int(expected):
        raise TransferBrokenError(f"`{where}` broke off, {int(expected) - size} bytes too early")

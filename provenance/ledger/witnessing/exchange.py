"""One HTTP question and its answer, bounded in time and size; redirects are not followed."""

from http.client import HTTPException
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from weightmark.errors import CallError, NetworkError
from weightmark.provenance.bounded_time import within
from weightmark.values import dataclass

__all__ = ["Answer", "exchange", "require_http", "words"]

T = TypeVar("T")
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said, whether good or bad."""

    status: int
    """HTTP status"""
    kind: str
    """media type, lower-case, without parameters"""
    body: bytes
    """as much as was allowed"""


class _StayThere(HTTPRedirectHandler):
    """Follows no redirect: the question was for the address that the caller named."""

    def redirect_request(self, *_: Any) -> None:
        """Let the redirect be the answer that it is."""


def exchange(
    url: str, *, body: bytes | None = None, timeout: float, max_size: int, kind: str = ""
) -> Answer:
    """Ask with GET, or with POST when there is a `body` of the media type `kind`.

    `timeout` seconds hold for everything, name look-up and a dripping answer included. Raises
    `NetworkError` when there is no whole answer, or one over `max_size` bytes.
    """
    headers = {"User-Agent": "weightmark"} | ({"Content-Type": kind} if kind else {})
    request = Request(url, data=body, headers=headers)  # noqa: S310 - `require_http` allows http and https only
    try:
        return within(timeout, lambda: _ask(request, timeout, max_size))
    except TimeoutError as error:
        raise NetworkError(f"no whole answer from `{url}` within {timeout:g} s") from error
    except (OSError, HTTPException, ValueError) as error:
        reason = str(getattr(error, "reason", error)) or type(error).__name__
        raise NetworkError(
            f"`{url}` cannot be reached", why=words(reason), fix="check the address and the network"
        ) from error


def require_http(url: str) -> None:
    """Raise `CallError` unless `url` is an HTTP address without user, query and fragment."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and url.isascii()
        good = good and not (parts.username or parts.query or parts.fragment)
        good = good and url.isprintable() and " " not in url and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        raise CallError(
            f"`{url}` is no address of a log or a witness",
            fix="write it as `https://witness.example.com/prefix`",
        )


def words(text: str | bytes) -> str:
    """Return foreign text on one line, short, and without control characters."""
    plain = text[:2000].decode("utf-8", "replace") if isinstance(text, bytes) else text[:2000]
    return " ".join("".join(c if c.isprintable() else " " for c in plain).split())[:300]


def _ask(request: Request, timeout: float, max_size: int) -> Answer:
    try:
        response = build_opener(_StayThere).open(request, timeout=timeout)
    except HTTPError as error:
        response = error
    with response:
        body = response.read(max_size + 1)
        if len(body) > max_size:
            raise NetworkError(f"the answer of `{request.full_url}` is over {max_size} bytes")
        return Answer(response.status, response.headers.get_content_type(), body)

"""HTTP to a hub, through the session of `huggingface_hub`: its proxies, its offline switch, its token.

The token goes to the hub's own origin and nowhere else, and never without TLS except on this machine.
"""

import os
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin
from urllib.request import getproxies

from weightmark.errors import ExtraMissingError, LimitError, NetworkError, SettingsError
from weightmark.provenance.sources.addresses import (
    is_private_way,
    is_same_origin,
    is_web_address,
    printable_address,
)
from weightmark.provenance.sources.huggingface.listing import MAX_ANSWER
from weightmark.provenance.sources.interface import TransferBrokenError
from weightmark.provenance.sources.redirects import RedirectGuard

if TYPE_CHECKING:
    from httpx2 import Response

__all__ = ["HubConnection"]

_SECONDS = 10.0
"""how long the hub may be silent, as its own client has it; an interrupt waits no longer either"""
_ANSWER_SECONDS = 120.0
"""how long one answer of its API may take"""
_MOST_REDIRECTS = 5
_OK, _PARTIAL, _TOO_MANY, _ERROR = 200, 206, 429, 500
_LONGEST_WAIT = 60
_DENIED = frozenset({401, 403})
_TURNED_OFF = frozenset({"1", "ON", "YES", "TRUE"})


class HubConnection:
    """One hub, and the caller's right to read there."""

    def __init__(self) -> None:
        """Take endpoint and token from where `huggingface_hub` takes them.

        Raises `ExtraMissingError`, and `SettingsError` for an endpoint that is none.
        """
        _require_address(os.environ.get("HF_ENDPOINT", ""))
        try:
            import httpx2  # noqa: F401 - what the client of version 2 speaks with
            from huggingface_hub import constants
        except ImportError as error:
            raise ExtraMissingError(
                "`hf://` needs the hub's client, version 2 or newer, which is not installed",
                fix="run `pip install 'weightmark[hub]'`",
            ) from error
        self.endpoint = (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")
        self.name = printable_address(self.endpoint)
        self._token = _token() if is_private_way(self.endpoint) else None

    def answer(self, url: str) -> tuple[bytes, str]:
        """Return the body of an answer of the API, and the address of the next page or nothing.

        Raises `TransferBrokenError`, `NetworkError`, `LimitError`.
        """
        where = printable_address(url)
        with self._get(url, {}) as response:
            self._require(response, where, (_OK,))
            body = _bounded(response, where)
            following = str(response.links.get("next", {}).get("url", ""))
        following = urljoin(url, following) if following else ""
        if following and not is_same_origin(following, self.endpoint):
            raise NetworkError(
                f"`{where}` continues at another host",
                why="the list of files has to come from the hub that was asked",
                fix="check `HF_ENDPOINT`",
            )
        return body, following

    def stream(self, url: str, offset: int) -> Generator[bytes, None, None]:
        """Yield a file from `offset` on; raises `TransferBrokenError`, `NetworkError`."""
        where = printable_address(url)
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        with self._get(url, headers) as response:
            self._require(response, where, (_OK, _PARTIAL))
            skip = offset if response.status_code == _OK else 0
            if response.status_code == _PARTIAL and not _begins_at(response, offset):
                raise NetworkError(f"`{where}` answered with another range than was asked for")
            for block in response.iter_bytes():
                if skip < len(block):
                    yield block[skip:] if skip else block
                skip = max(0, skip - len(block))

    @contextmanager
    def _get(self, url: str, headers: dict[str, str]) -> Iterator["Response"]:
        """Ask, following redirects by hand so that the token stays with the hub."""
        import httpx2
        from huggingface_hub import get_session
        from huggingface_hub.errors import OfflineModeIsEnabled

        where = printable_address(url)
        try:
            guard = RedirectGuard(url)
            for _ in range(_MOST_REDIRECTS + 1):
                request: dict[str, Any] = {"headers": self._headers(url, headers)}
                request |= {"timeout": _SECONDS, "follow_redirects": False}
                with get_session().stream("GET", url, **request) as response:
                    _meet(guard, response)
                    if not response.has_redirect_location:
                        yield response
                        return
                    url = _redirected(url, response.headers["Location"])
                    guard.follow(url)
        except OfflineModeIsEnabled as error:
            raise NetworkError(
                f"`{where}` cannot be reached: `HF_HUB_OFFLINE` is set",
                fix="unset it, or name a local folder",
            ) from error
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            raise _broken(error, where) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise NetworkError(f"`{where}` cannot be asked: {type(error).__name__}") from error
        raise NetworkError(f"`{where}` redirects more than {_MOST_REDIRECTS} times")

    def _headers(self, url: str, more: dict[str, str]) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity", "User-Agent": "weightmark", **more}
        if self._token and is_same_origin(url, self.endpoint):
            headers["Authorization"] = f"Bearer {self._token}"
        return headers

    def _require(self, response: "Response", where: str, wanted: tuple[int, ...]) -> None:
        status = response.status_code
        if status in wanted:
            return
        if status == _TOO_MANY or status >= _ERROR:
            raise TransferBrokenError(
                f"`{where}` answered with status {status}", wait=_wait(response)
            )
        if status in _DENIED:
            raise self._denied(response, where)
        raise NetworkError(
            f"`{where}` answered with status {status}",
            fix="check owner, name and revision; the hub also hides private repositories like this",
        )

    def _denied(self, response: "Response", where: str) -> NetworkError:
        gated = response.headers.get("X-Error-Code") == "GatedRepo"
        sent = (
            "the token that was sent gives no access"
            if self._token
            else "no token was sent"
            + ("" if is_private_way(self.endpoint) else ": there is no TLS")
        )
        return NetworkError(
            f"`{where}` gives no access (status {response.status_code})",
            why=f"the repository is gated, and {sent}" if gated else sent,
            fix="accept the terms on its page, and set `HF_TOKEN`"
            if gated
            else "check the name; for a private repository set `HF_TOKEN`",
        )


def _require_address(endpoint: str) -> None:
    """Refuse what is no address before the hub's client is imported, which would fall over it."""
    if endpoint and not is_web_address(endpoint):
        raise SettingsError(
            f"`HF_ENDPOINT` is no web address: {printable_address(endpoint)}",
            fix="write `https://HOST`, or unset it",
        )


def _token() -> str | None:
    from huggingface_hub import get_token

    if os.environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").upper() in _TURNED_OFF:
        return None
    return get_token()


def _redirected(url: str, location: str) -> str:
    """Return where a redirect leads; raises `NetworkError` for a step down to no TLS, or to no web address."""
    target = urljoin(url, location)
    down = is_private_way(url) and not is_private_way(target)
    if not is_web_address(target) or down:
        raise NetworkError(
            f"`{printable_address(url)}` redirects to `{printable_address(target)[:200]}`",
            why="a redirect must not lead from TLS to no TLS",
        )
    return target


def _meet(guard: RedirectGuard, response: "Response") -> None:
    """Judge who answered; behind a proxy that is the proxy, whose address says nothing."""
    stream = response.extensions.get("network_stream")
    peer = stream.get_extra_info("server_addr") if stream and not getproxies() else None
    if peer:
        guard.meet(str(peer[0]))


def _broken(error: Exception, where: str) -> Exception:
    """Sort what the transport said: what may be tried again, and what it refuses itself."""
    import httpx2

    if isinstance(error, (httpx2.UnsupportedProtocol, httpx2.ProxyError)):
        return NetworkError(
            f"`{where}` cannot be asked: {type(error).__name__}",
            fix="check the address, `HTTPS_PROXY` and `NO_PROXY`",
        )
    return TransferBrokenError(f"`{where}` broke off or did not answer: {type(error).__name__}")


def _begins_at(response: "Response", offset: int) -> bool:
    encoded = response.headers.get("Content-Encoding", "identity") != "identity"
    said = str(response.headers.get("Content-Range", ""))
    return not encoded and said.replace(" ", "").startswith(f"bytes{offset}-")


def _wait(response: "Response") -> float:
    said = response.headers.get("Retry-After", "")
    return float(min(int(said), _LONGEST_WAIT)) if said.isascii() and said.isdigit() else 0.0


def _bounded(response: "Response", where: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    end = time.monotonic() + _ANSWER_SECONDS
    for block in response.iter_bytes():
        size += len(block)
        if size > MAX_ANSWER:
            raise LimitError(f"the answer of `{where}` is over {MAX_ANSWER} bytes")
        if time.monotonic() > end:
            raise LimitError(f"the answer of `{where}` takes too long")
        parts.append(block)
    return b"".join(parts)

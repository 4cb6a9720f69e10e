"""Calls to a registry: bounded, repeated within reason, logged in, and never with a login for another host.

- Plain HTTP goes to this machine only, and so does nothing that a login travels with.
- A redirect is followed without `Authorization` as soon as host, port or scheme differ, never from
  HTTPS to HTTP, and from a public registry to public addresses only (see `redirects`); the same holds
  for a token service.
- A login is asked for by the registry's own challenge (`Bearer` at its token service, or `Basic`);
  challenges of other hosts are not answered.
- What a registry says goes into errors without tokens, and URLs without their queries.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from weightmark.errors import LimitError, NetworkError, PromiseBrokenError
from weightmark.provenance.bounded_time import within
from weightmark.provenance.sources.addresses import origin_of, printable_address
from weightmark.provenance.sources.interface import TransferBrokenError
from weightmark.provenance.sources.oci.authorization import Authorization
from weightmark.provenance.sources.oci.messages import Answer, Body, Patience, Sending
from weightmark.provenance.sources.oci.reference import is_loopback
from weightmark.provenance.sources.redirects import RedirectGuard

if TYPE_CHECKING:
    import requests

__all__ = ["Transport"]

_BLOCK = 1024 * 1024
_MAX_REDIRECTS = 5
_MAX_ERROR = 16 * 1024
_MAX_TEXT = 200
_AGAIN = frozenset([408, 425, 429, 500, 502, 503, 504])
_REDIRECTS = frozenset([301, 302, 303, 307, 308])
_REFUSED = frozenset([401, 403])
_OK, _PARTIAL, _NOT_FOUND, _UNSATISFIABLE = 200, 206, 404, 416
_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,40}\Z")
_TOKEN = re.compile(r"eyJ[\w-]{8,}(\.[\w-]*){0,2}")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)\Z")


class Transport:
    """Calls to one registry about one repository; several threads may use it."""

    def __init__(
        self,
        root: str,
        authorization: Authorization,
        *,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Name the root of the interface, as `https://host/v2/`, and who one is there."""
        self._root = root
        self._authorization = authorization
        self._patience = patience or Patience()
        self._sleep = sleep
        self._own = threading.local()
        self._sessions: list[requests.Session] = []
        self._lock = threading.Lock()
        self._lock_login = threading.Lock()

    def ask(
        self,
        method: str,
        path: str,
        *,
        most: int,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        once: bool = False,
    ) -> Answer:
        """Make one call and read the whole answer, again when the registry is busy, unless it is made `once`.

        `path` is relative to the root, or a URL that the registry named. Answers with any status
        but those of a refusal are returned. Raises `NetworkError`, `LimitError` over `most` bytes.
        """
        pause = self._patience.pause
        attempts = 1 if once else self._patience.attempts
        for attempt in range(1, attempts + 1):
            last = attempt == attempts
            try:
                answer = self._whole(method, path, most, headers or {}, body)
            except TransferBrokenError as error:
                if last:
                    raise NetworkError(error.what, fix=_TRY_AGAIN) from error
                pause = max(pause, error.wait)
            else:
                return answer
            self._sleep(min(pause, self._patience.longest))
            pause *= 2
        raise AssertionError("unreachable: the last attempt returns or raises")

    def stream(self, path: str, size: int, offset: int = 0) -> Generator[bytes, None, None]:
        """Yield a blob of `size` bytes from `offset` on, as it arrives.

        A registry that knows no ranges is asked for everything, and what lies before is dropped.
        Raises `TransferBrokenError` for what may be resumed, else `NetworkError`.
        """
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        with self._exchange("GET", path, headers, None) as response:
            status, url = response.status_code, printable_address(response.url)
            if status == _UNSATISFIABLE and offset:
                raise PromiseBrokenError(f"`{url}` has no bytes from {offset} on", why=_OTHER_SIZE)
            if status not in {_OK, _PARTIAL}:
                raise self._refusal(response)
            _require_whole(response, size, offset if status == _PARTIAL else 0, url)
            skip = 0 if status == _PARTIAL else offset
            for block in self._blocks(response, size if status == _OK else size - offset, url):
                if skip >= len(block):
                    skip -= len(block)
                    continue
                yield block[skip:]
                skip = 0

    def close(self) -> None:
        """Let go of the connections."""
        with self._lock:
            while self._sessions:
                self._sessions.pop().close()

    def _whole(
        self, method: str, path: str, most: int, headers: Mapping[str, str], body: Body | None
    ) -> Answer:
        with self._exchange(method, path, headers, body) as response:
            url = printable_address(response.url)
            if response.status_code in _REFUSED:
                raise self._refusal(response)
            end = time.monotonic() + self._patience.document
            data = bytearray()
            for block in self._raw(response, url):
                data += block
                if len(data) > most:
                    raise LimitError(f"the answer of `{url}` is over {most} bytes")
                if time.monotonic() > end:
                    raise TransferBrokenError(f"`{url}` takes too long")
            named = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, named, bytes(data), url)

    def _blocks(self, response: "requests.Response", size: int, url: str) -> Iterator[bytes]:
        """Yield exactly `size` bytes, at a pace that one can wait for."""
        left, since, told = size, time.monotonic(), 0
        for block in self._raw(response, url):
            left -= len(block)
            if left < 0:
                raise PromiseBrokenError(f"`{url}` sends more than was promised", why=_OTHER_SIZE)
            yield block
            told += len(block)
            if told >= _BLOCK:
                since, told = time.monotonic(), 0
            elif time.monotonic() - since > self._patience.pace:
                raise TransferBrokenError(f"`{url}` sends too slowly")
        if left:
            raise TransferBrokenError(f"`{url}` broke off, {left} bytes before its end")

    def _raw(self, response: "requests.Response", url: str) -> Iterator[bytes]:
        """Yield what arrives, without decoding anything."""
        from urllib3.exceptions import HTTPError

        try:
            while block := response.raw.read1(_BLOCK, decode_content=False):
                yield block
        except (HTTPError, OSError) as error:
            raise TransferBrokenError(f"`{url}` broke off: {type(error).__name__}") from error

    @contextmanager
    def _exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: Body | None
    ) -> Iterator["requests.Response"]:
        """Make one call, logged in, after redirects; the answer is not read yet."""
        response = self._follow(method, _joined(self._root, path), headers, body)
        try:
            if response.status_code in _AGAIN:
                raise TransferBrokenError(
                    f"`{printable_address(response.url)}` answered with status {response.status_code}",
                    wait=_asked_pause(response),
                )
            yield response
        finally:
            response.close()

    def _follow(
        self, method: str, url: str, headers: Mapping[str, str], body: Body | None
    ) -> "requests.Response":
        challenged = False
        for _ in range(_MAX_REDIRECTS + 2):
            self._require_allowed(url)
            home = origin_of(url) == origin_of(self._root)
            header = self._authorization.header if home else ""
            login = {"Authorization": header} if header else {}
            response = self._send(method, url, {**headers, **login}, body)
            if response.status_code == 401 and home and not challenged:  # noqa: PLR2004 - Unauthorized
                challenged = True
                with response:
                    challenge = response.headers.get("WWW-Authenticate", "")
                with self._lock_login:
                    # another thread may have logged in meanwhile
                    renewed = self._authorization.header not in ("", header)
                    if renewed or self._authorization.answer(challenge, self._token):
                        continue
                raise self._refused(url, 401)
            target = response.headers.get("Location", "")
            if response.status_code not in _REDIRECTS or not target:
                return response
            if method not in {"GET", "HEAD"}:
                raise self._failure(url, "it redirects what is written", response)
            response.close()
            url = _joined(url, target)
            self._guard.follow(url)
        raise NetworkError(f"`{printable_address(url)}` redirects without end")

    def _require_allowed(self, url: str) -> None:
        """Refuse plain HTTP to anywhere but from this machine to itself."""
        parts, root = urlsplit(url), urlsplit(self._root)
        local = is_loopback(parts.hostname or "") and is_loopback(root.hostname or "")
        if parts.scheme == "https" or (parts.scheme == "http" and local):
            return
        raise NetworkError(
            f"`{printable_address(self._root)}` leads to `{printable_address(url)[:200]}`, which is not HTTPS",
            why="anybody on the way could hand out something else",
            fix="ask whoever runs the registry",
        )

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: Body | None
    ) -> "requests.Response":
        from requests import RequestException

        patience, session = self._patience, self._session

        def call() -> "requests.Response":
            return session.request(
                method,
                url,
                headers={"Accept-Encoding": "identity", **headers},
                data=Sending(body) if body and body.size else None,
                timeout=(patience.connect, patience.silence),
                allow_redirects=False,
                stream=True,
                auth=_as_it_is,
                proxies=_proxies(url),
            )

        try:
            # what is sent takes as long as it takes; for an answer's head there is a limit
            return call() if body else within(patience.document, call)
        except (RequestException, TimeoutError) as error:
            raise TransferBrokenError(
                f"`{printable_address(url)}` did not answer: {type(error).__name__}"
            ) from None
        except ValueError:
            # `requests` looks at where an answer leads even when nobody follows it
            raise NetworkError(
                f"`{printable_address(url)}` leads to an address that is none"
            ) from None

    def _token(self, url: str, form: Mapping[str, str] | None, basic: str) -> bytes:
        """Ask a token service; it is no part of the registry, and gets the login that the registry is for."""
        from requests import RequestException

        self._require_allowed(url)
        self._guard.follow(url)
        patience = self._patience
        call: dict[str, Any] = {"data": dict(form)} if form else {}
        try:
            with self._session.request(
                "POST" if form else "GET",
                url,
                headers={"Authorization": basic} if basic else {},
                timeout=(patience.connect, patience.document),
                allow_redirects=False,
                stream=True,
                auth=_as_it_is,
                proxies=_proxies(url),
                **call,
            ) as response:
                if response.status_code in _AGAIN:
                    raise TransferBrokenError(
                        f"the token service `{printable_address(url)}` answered with status {response.status_code}",
                        wait=_asked_pause(response),
                    )
                if response.status_code != _OK:
                    raise self._refused(url, response.status_code)
                return b"".join(self._bounded(response, printable_address(url)))
        except RequestException as error:
            raise TransferBrokenError(
                f"the token service `{printable_address(url)}` did not answer: {type(error).__name__}"
            ) from None

    def _bounded(self, response: "requests.Response", url: str) -> Iterator[bytes]:
        size, end = 0, time.monotonic() + self._patience.document
        for block in self._raw(response, url):
            size += len(block)
            if size > _BLOCK or time.monotonic() > end:
                raise LimitError(f"the answer of `{url}` is too long")
            yield block

    def _refusal(self, response: "requests.Response") -> NetworkError:
        """Say what a registry refused, in its own words as far as they can be shown."""
        status = response.status_code
        if status in _REFUSED:
            return self._refused(response.url, status, self._said(response))
        return self._failure(response.url, f"status {status}", response)

    def _refused(self, url: str, status: int, said: str = "") -> NetworkError:
        logged_in = self._authorization.is_somebody
        return NetworkError(
            f"`{printable_address(url)}` refuses access: status {status}",
            why=said
            or (
                "the login is wrong, or not allowed to do this"
                if logged_in
                else "nobody is logged in"
            ),
            fix="log in with `docker login` or `oras login`, or ask whoever runs the registry",
        )

    def _failure(self, url: str, what: str, response: "requests.Response") -> NetworkError:
        return NetworkError(
            f"`{printable_address(url)}` could not be used: {what}",
            why=self._said(response),
            fix="check the address and whether you may use it",
        )

    def _said(self, response: "requests.Response") -> str:
        try:
            data = b""
            for block in self._raw(response, ""):
                data += block
                if len(data) > _MAX_ERROR:
                    break
        except TransferBrokenError:
            return ""
        return self.words_of(data)

    def words_of(self, body: bytes) -> str:
        """Return what an error document says (Distribution Specification, "Error Codes"), without secrets."""
        try:
            errors = json.loads(body[:_MAX_ERROR])["errors"]
            first = errors[0]
            code, message = first.get("code"), first.get("message")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return ""
        words = [code] if isinstance(code, str) and _CODE.match(code) else []
        if isinstance(message, str):
            for secret in self._authorization.secrets:
                message = message.replace(secret, "[secret]")
            message = _TOKEN.sub("[token]", message)
            words.append(" ".join("".join(c if c.isprintable() else " " for c in message).split()))
        text = ": ".join(words)[:_MAX_TEXT]
        return f"it said: {text}" if text else ""

    @property
    def _session(self) -> "requests.Session":
        """A session of the calling thread: those of `requests` are not shared."""
        session: requests.Session | None = getattr(self._own, "session", None)
        if session is None:
            from requests import Session

            session = self._own.session = Session()
            self._own.guard = RedirectGuard(self._root)
            self._own.guard.watch(session)
            with self._lock:
                self._sessions.append(session)
        return session

    @property
    def _guard(self) -> RedirectGuard:
        """What watches where the calling thread's session connects to."""
        _ = self._session
        guard: RedirectGuard = self._own.guard
        return guard


_TRY_AGAIN = "check the address, the network and the proxy settings, and try again"
_OTHER_SIZE = "its manifest gives another size, so these are other bytes than it promised"


def _as_it_is(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
    """Keep `requests` from taking a login for the host out of `.netrc`."""
    return request


def _proxies(url: str) -> dict[str, str]:
    """Keep what is sent to this machine by plain HTTP from a proxy; else the environment names it."""
    host = urlsplit(url).hostname or ""
    return {"no_proxy": host} if is_loopback(host) else {}


def _joined(base: str, place: str) -> str:
    """Return an absolute URL; raises `NetworkError` for what is none."""
    try:
        url = urljoin(base, place)
        origin_of(url)
    except ValueError:
        raise NetworkError(
            f"`{printable_address(base)}` leads to an address that is none"
        ) from None
    return url


def _asked_pause(response: "requests.Response") -> float:
    asked = response.headers.get("Retry-After", "")
    return float(asked) if re.fullmatch("[0-9]{1,3}", asked) else 0.0


def _require_whole(response: "requests.Response", size: int, start: int, url: str) -> None:
    """Hold length and range of an answer against what the manifest promised."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise NetworkError(
            f"`{url}` encodes what it sends", why="a digest is of the bytes as they are"
        )
    said = response.headers.get("Content-Length", "")
    if said and said != str(size - start):
        raise PromiseBrokenError(
            f"`{url}` has {said[:20]} bytes instead of {size - start}", why=_OTHER_SIZE
        )
    if response.status_code != _PARTIAL:
        return
    found = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
    if not found or int(found[1]) != start or found[3] not in {"*", str(size)}:
        raise NetworkError(f"`{url}` sends another range than the one asked for")

"""Calls to services on the network: bounded in time and size, repeated within reason, with errors that say who said what."""

import json
import re
import time
from dataclasses import field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from weightmark.errors import NetworkError
from weightmark.provenance.bounded_time import within
from weightmark.values import dataclass

if TYPE_CHECKING:
    import requests

__all__ = ["BoundedSession", "Patience", "shown_url"]

_MAX_ANSWER = 4 * 1024 * 1024
_MAX_TEXT = 300
_PIECE = 65536
_AGAIN = frozenset([408, 429, 500, 502, 503, 504])
_LONGEST_PAUSE = 10.0
_TOKEN = re.compile(r"eyJ[\w-]{8,}(\.[\w-]*){0,2}")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a service is waited for."""

    connect: float = 10.0
    """seconds until a connection must stand"""
    answer: float = 30.0
    """seconds that one whole answer may take, whatever trickles in meanwhile"""
    attempts: int = 3
    """how often a call is made at most"""
    pause: float = 0.5
    """seconds before the second attempt; doubled before each further one"""


@dataclass
class BoundedSession:
    """What of `requests.Session` Sigstore's clients use, with bounds.

    Raises `NetworkError` for whatever goes wrong, so that no caller has to know the errors of
    `requests`. Proxies of the environment are respected.
    """

    inner: "requests.Session"
    """the session that makes the calls, with the headers of its service"""
    service: str
    """who is called, in words"""
    patience: Patience = field(default_factory=Patience)
    """how long it is waited for"""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """what must not appear in an error even when the service repeats it"""
    binary: bool = False
    """whether answers are DER; else they are JSON"""

    @property
    def headers(self) -> Any:
        """The headers of every call."""
        return self.inner.headers

    def get(self, url: str, **call: Any) -> "requests.Response":
        """Ask for a document."""
        return self._call("GET", url, call)

    def post(self, url: str, **call: Any) -> "requests.Response":
        """Send a document."""
        return self._call("POST", url, call)

    def close(self) -> None:
        """Close what is still open."""
        self.inner.close()

    def _call(self, method: str, url: str, call: dict[str, Any]) -> "requests.Response":
        pause = self.patience.pause
        for attempt in range(1, self.patience.attempts + 1):
            last = attempt == self.patience.attempts
            try:
                response = self._attempt(method, url, call)
            except NetworkError:
                if last:
                    raise
            else:
                if response.status_code not in _AGAIN or last:
                    return self._usable(response, url)
                pause = max(pause, _asked_pause(response))
            time.sleep(min(pause, _LONGEST_PAUSE))
            pause *= 2
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _attempt(self, method: str, url: str, call: dict[str, Any]) -> "requests.Response":
        """Make one call; a thread of its own holds the whole answer to the time, name look-up included."""
        import requests

        try:
            return within(self.patience.answer, lambda: self._exchange(method, url, call))
        except (TimeoutError, requests.ReadTimeout):
            raise self._failure(url, f"no answer within {self.patience.answer:g} s") from None
        except requests.RequestException as error:
            raise self._failure(url, _reason(error)) from None

    def _exchange(self, method: str, url: str, call: dict[str, Any]) -> "requests.Response":
        patience = self.patience
        limits = {"timeout": (patience.connect, patience.answer), "stream": True}
        with self.inner.request(method, url, **{**call, **limits}) as response:
            pieces, size = [], 0
            for piece in response.iter_content(_PIECE):
                pieces.append(piece)
                size += len(piece)
                if size > _MAX_ANSWER:
                    raise self._failure(url, f"its answer is longer than {_MAX_ANSWER} bytes")
            response._content = b"".join(pieces)  # noqa: SLF001 - where `requests` keeps a read answer
        return response

    def _usable(self, response: "requests.Response", url: str) -> "requests.Response":
        if not response.ok:
            said = self._said(response)
            raise NetworkError(
                f"the {self.service} at `{shown_url(url)}` refused: HTTP {response.status_code}",
                why=f"it said: {said}" if said else "it gave no reason",
                fix="mend what it names, or try again later",
            )
        if self.binary or _is_json(response.content):
            return response
        said = self._said(response)
        raise self._failure(url, f"it answered with something else than JSON: {said}")

    def _said(self, response: "requests.Response") -> str:
        """Return what a service said, short, printable and without secrets."""
        text = response.content.decode("utf-8", "replace")
        for secret in self.secrets:
            text = text.replace(secret, "[secret]")
        text = _TOKEN.sub("[token]", text)[: 16 * _MAX_TEXT]
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            document = None
        if isinstance(document, dict):
            message = document.get("message") or document.get("error_description")
            text = str(message or document.get("error") or text)
        printable = "".join(letter if letter.isprintable() else " " for letter in text)
        return " ".join(printable.split())[:_MAX_TEXT]

    def _failure(self, url: str, why: str) -> NetworkError:
        return NetworkError(
            f"the {self.service} at `{shown_url(url)}` could not be used",
            why=why,
            fix="check the address, the network and the proxy settings, and try again",
        )


def shown_url(url: str) -> str:
    """Return a URL without user, password, query and fragment: those may be secrets."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{place}{parts.path}"


def _asked_pause(response: "requests.Response") -> float:
    asked = response.headers.get("Retry-After", "")
    return float(asked) if re.fullmatch("[0-9]{1,3}", asked) else 0.0


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def _reason(error: Exception) -> str:
    """Return what went wrong in the words of the system, without addresses in memory."""
    import requests

    kinds = requests.exceptions
    words: tuple[tuple[type[Exception], str], ...] = (
        (kinds.SSLError, "the connection is not secure: its certificate was not accepted"),
        (kinds.ProxyError, "the proxy did not pass the call on"),
        (kinds.Timeout, "no answer in time"),
        (kinds.ChunkedEncodingError, "its answer broke off"),
    )
    for kind, text in words:
        if isinstance(error, kind):
            return text
    said = str(error)
    known = ("Connection refused", "Name or service not known", "Connection aborted")
    return next((text.lower() for text in known if text in said), "the call failed or broke off")

"""A web address that takes events by POST, signed as Standard Webhooks has it (https://www.standardwebhooks.com).

Headers `webhook-id`, `webhook-timestamp` and, with a secret, `webhook-signature`: `v1,` and the Base64 of the
HMAC-SHA-256 of `<id>.<timestamp>.<body>`. The id is the same however often a batch is sent.
"""

import base64
import hashlib
import hmac
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from weightmark.provenance.events.forms.interface import Form
from weightmark.provenance.events.message import Message
from weightmark.provenance.events.sinks.interface import UndeliveredError, Unkept, remaining
from weightmark.provenance.sources.addresses import is_this_machine

if TYPE_CHECKING:
    from http.client import HTTPMessage
    from urllib.request import OpenerDirector, Request

__all__ = ["Webhook", "batch_id", "parse_secret", "signature"]

_ATTEMPTS = 4
_FIRST, _LONGEST = 0.25, 4.0
"""seconds between attempts"""
_MOST_EVENTS, _MOST_BYTES = 100, 1024 * 1024
"""of one request"""
_MOST_ANSWER = 4096
_PREFIX = "whsec_"
_LEAST_SECRET, _MOST_SECRET = 16, 4096
"""bytes"""
_GOOD = range(200, 300)
_LATER = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_REFUSED = frozenset({400, 410, 413, 415, 422})
"""what is said of these very bytes, so that sending them again is of no use"""


class Webhook(Unkept):
    """Posts batches to one address; follows no redirect, as that would choose another receiver."""

    is_remote = True

    def __init__(
        self,
        url: str,
        form: Form,
        *,
        secret: bytes = b"",
        token: str = "",
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        """Name the address; `secret` signs each body, `token` is sent as a bearer token."""
        parts = urlsplit(url)
        self.name = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._url = url
        self._form = form
        self._secret = secret
        self._token = token
        self._pause = pause

    def send(self, messages: Sequence[Message], deadline: float) -> None:
        """Post all batches, each several times if it must be; raises `UndeliveredError`."""
        opener = _opener(self._url)
        for batch in _batches(messages):
            self._post(opener, batch, deadline)

    def _post(self, opener: "OpenerDirector", batch: Sequence[Message], deadline: float) -> None:
        body = self._form.together([message.body for message in batch])
        uid = batch_id(batch)
        for attempt in range(_ATTEMPTS):
            try:
                self._post_once(opener, uid, body, deadline)
            except UndeliveredError as error:
                left = remaining(deadline)
                wait = max(error.wait, _waiting(attempt))
                if not error.again or attempt == _ATTEMPTS - 1 or wait >= left:
                    raise
                self._pause(wait)
            else:
                return

    def _post_once(self, opener: "OpenerDirector", uid: str, body: bytes, deadline: float) -> None:
        from http.client import HTTPException

        request = self._request(uid, body)
        try:
            with opener.open(request, timeout=remaining(deadline)) as answer:
                status, headers = answer.status, answer.headers
                answer.read(_MOST_ANSWER)
        except (OSError, HTTPException, ValueError) as error:
            raise UndeliveredError(f"it can't be reached: {_reason(error)}") from error
        if status not in _GOOD:
            wait = _retry_after(headers) if status in _LATER else 0.0
            raise UndeliveredError(
                f"it answered with status {status}", wait=wait, again=status not in _REFUSED
            )

    def _request(self, uid: str, body: bytes) -> "Request":
        from urllib.request import Request

        at = str(int(time.time()))
        headers = {
            "Content-Type": self._form.media_type,
            "User-Agent": "weightmark",
            "webhook-id": uid,
            "webhook-timestamp": at,
        }
        if self._secret:
            headers["webhook-signature"] = signature(self._secret, uid, at, body)
        request = Request(self._url, data=body, method="POST")  # noqa: S310 - the caller lets nothing but https and loopback through
        for name, value in headers.items():
            request.add_header(name, value)
        if self._token:
            request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        return request


def parse_secret(text: str) -> bytes:
    """Return the secret that a text stands for: after `whsec_` it is Base64. Raises `ValueError` for a bad one."""
    secret = text.encode()
    if text.startswith(_PREFIX):
        secret = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    if not _LEAST_SECRET <= len(secret) <= _MOST_SECRET:
        raise ValueError("too short or too long")
    return secret


def signature(secret: bytes, uid: str, at: str, body: bytes) -> str:
    """Return the header by which a receiver knows who sent a body, and when."""
    signed = b".".join((uid.encode(), at.encode(), body))
    return f"v1,{base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()}"


def batch_id(batch: Sequence[Message]) -> str:
    """Return the id of a batch: that of its only event, or a digest of all."""
    if len(batch) == 1:
        return f"evt_{batch[0].uid}"
    uids = "\n".join(message.uid for message in batch)
    return f"evts_{hashlib.sha256(uids.encode()).hexdigest()[:32]}"


def _batches(messages: Sequence[Message]) -> Iterator[list[Message]]:
    batch: list[Message] = []
    size = 0
    for message in messages:
        if batch and (len(batch) == _MOST_EVENTS or size + len(message.body) > _MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += len(message.body)
    if batch:
        yield batch


def _opener(url: str) -> "OpenerDirector":
    """Return a client that checks certificates, uses the proxies of the environment, and takes every answer as it is.

    What is for this machine goes through no proxy: it would leave the machine, and without TLS.
    """
    import ssl
    from urllib.request import (
        HTTPHandler,
        HTTPSHandler,
        OpenerDirector,
        ProxyHandler,
    )

    opener = OpenerDirector()
    proxies = ProxyHandler({} if is_this_machine(url) else None)
    handlers = (proxies, HTTPHandler(), HTTPSHandler(context=ssl.create_default_context()))
    for handler in handlers:
        opener.add_handler(handler)
    return opener


def _waiting(attempt: int) -> float:
    """Return a random time up to a bound that doubles: receivers that come back are not met by all at once."""
    return random.uniform(_FIRST / 2, min(_LONGEST, _FIRST * 2**attempt))  # noqa: S311 - spreads load, keeps no secret


def _retry_after(headers: "HTTPMessage") -> float:
    """Return the seconds that a receiver asks to wait; a date is read as well."""
    from email.utils import parsedate_to_datetime

    text = (headers.get("Retry-After") or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0


def _reason(error: Exception) -> str:
    """Return why a request failed, without the address, which may be a secret."""
    inner = getattr(error, "reason", error)
    if isinstance(inner, TimeoutError):
        return "no answer in time"
    if isinstance(inner, OSError):
        said = getattr(inner, "verify_message", "") or inner.strerror
        return str(said or type(inner).__name__)[:200].lower()
    return type(inner).__name__

"""Asking a time-stamping authority (RFC 3161) when a signature existed, by somebody else's clock.

For signatures by keys and certificates. In keyless signing sigstore-python asks, through
`signers.keyless.timestamps`.
"""

import hashlib
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from weightmark.errors import CallError, MalformedError, NetworkError, WeightmarkError
from weightmark.provenance.bounded_time import within
from weightmark.values import dataclass

if TYPE_CHECKING:
    from rfc3161_client import TimeStampRequest, TimeStampResponse

    from weightmark.attestations.sigstore.trusted_root import Authority

__all__ = ["TimestampClient"]

_MAX_ANSWER = 128 * 1024
_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"
_GRANTED = frozenset([0, 1])
"""PKIStatus granted and grantedWithMods (RFC 3161 §2.4.2)"""
_BUSY = frozenset([408, 425, 429, 500, 502, 503, 504])
"""HTTP codes after which the same question may be answered"""
_TOLERANCE = timedelta(minutes=5)
"""by which two clocks that are right may differ, the way of the answer included"""
_SHA256 = "2.16.840.1.101.3.4.2.1"


def _now() -> datetime:
    return datetime.now(UTC)


class _TryAgain(Exception):  # noqa: N818 - it is no error of the tree and never leaves this file
    """The service may answer the next time; the text says what it said."""


@dataclass(frozen=True, slots=True)
class TimestampClient:
    """Asks every authority that the caller named; one that does not answer is an error."""

    urls: tuple[str, ...]
    """`http` or `https` URLs"""
    timeout: float = 10.0
    """seconds for one question to one authority, answer included"""
    attempts: int = 3
    """how often one authority is asked"""
    pause: Callable[[float], None] = time.sleep
    """waits so many seconds between two attempts"""
    chains: "tuple[Authority, ...]" = ()
    """the authorities that are believed; without any, each timestamp is checked against its own certificate"""
    clock: Callable[[], datetime] = _now
    """this machine's clock, with which the authority's has to agree to the minute"""

    def __post_init__(self) -> None:
        for url in self.urls:
            _require_http(url)

    def stamp(self, signature: bytes) -> tuple[bytes, ...]:
        """Return one `TimeStampResp` (DER) over `signature` from each authority; raises `NetworkError`."""
        return tuple(self._ask(url, signature) for url in self.urls)

    def _ask(self, url: str, signature: bytes) -> bytes:
        from cryptography.utils import CryptographyDeprecationWarning
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

        request = (
            TimestampRequestBuilder()
            .data(signature)
            .hash_algorithm(HashAlgorithm.SHA256)
            .nonce(nonce=True)
            .cert_request(cert_request=True)
            .build()
        )
        answer = self._post(url, request.as_bytes())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            _check(url, request, answer, signature)
            try:
                made = _time_of(answer, signature, self.chains)
            except WeightmarkError as error:
                raise _refused(url, error.what, error.why) from error
        now = self.clock()
        if abs(made - now) > _TOLERANCE:
            raise _refused(
                url,
                f"its clock says {made:%Y-%m-%dT%H:%M:%SZ}",
                f"here it is {now:%Y-%m-%dT%H:%M:%SZ}, and a timestamp is about now",
            )
        return answer

    def _post(self, url: str, body: bytes) -> bytes:
        said = ""
        for attempt in range(self.attempts):
            if attempt:
                self.pause(0.5 * 2 ** (attempt - 1))
            try:
                return within(self.timeout, lambda: _post_once(url, body, self.timeout))
            except TimeoutError:
                said = f"no whole answer within {self.timeout:g} s"
            except _TryAgain as failure:
                said = str(failure)
        raise NetworkError(
            f"no timestamp from `{url}` after {self.attempts} attempts",
            why=said,
            fix="try again later, or name another authority with `--tsa-url`",
        )


def _time_of(answer: bytes, signature: bytes, chains: "tuple[Authority, ...]" = ()) -> datetime:
    """Verify the token that a `TimeStampResp` holds, and return its time.

    Without `chains` the certificates that it carries are taken as its authority: that proves a
    sound token, and not whose clock it is. Raises what `verify_timestamp` raises.
    """
    from weightmark.attestations.sigstore.timestamps import verify_timestamp

    return verify_timestamp(answer, signature, chains or _carried(answer)).at


def _carried(answer: bytes) -> "tuple[Authority, ...]":
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_der_x509_certificate
    from rfc3161_client import decode_timestamp_response

    from weightmark.attestations.sigstore.timestamps import authorities_from_pem

    try:
        listed = decode_timestamp_response(answer).signed_data.certificates
        pems = [load_der_x509_certificate(one).public_bytes(Encoding.PEM) for one in listed]
    except Exception as error:
        raise MalformedError("the certificates of a timestamp can't be read") from error
    return authorities_from_pem(b"".join(sorted(pems)), what="the timestamp")


class _StayThere(HTTPRedirectHandler):
    """Follows no redirect: the question would arrive elsewhere, and without its body."""

    def redirect_request(self, *_: Any) -> None:
        """Let the redirect be the error that it is."""


def _require_http(url: str) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
    except ValueError:
        good = False
    if not good:
        raise CallError(
            f"`{url}` is no URL of a time-stamping authority",
            fix="write it as `https://tsa.example.com/path`, without a user name",
        )


def _post_once(url: str, body: bytes, timeout: float) -> bytes:
    headers = {"Content-Type": _QUERY, "Accept": _REPLY, "User-Agent": "weightmark"}
    request = Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - the constructor allows http and https only
    deadline = time.monotonic() + timeout
    try:
        with build_opener(_StayThere).open(request, timeout=timeout) as response:
            kind = response.headers.get_content_type()
            answer = _read(response, deadline)
    except HTTPError as error:
        with error:
            raise _http_failure(url, error) from error
    except (URLError, HTTPException, OSError) as error:
        raise _TryAgain(
            _words(str(getattr(error, "reason", error)) or type(error).__name__)
        ) from error
    if kind != _REPLY:
        raise NetworkError(
            f"`{url}` answered `{kind}` instead of a timestamp",
            why=f"it said: {_words(answer)}",
            fix="check that this is the URL of a time-stamping authority",
        )
    return answer


def _read(response: Any, deadline: float) -> bytes:
    """Read within the time, however slowly the service drips."""
    parts, size = [], 0
    while chunk := response.read1(16 * 1024):
        parts.append(chunk)
        size += len(chunk)
        if size > _MAX_ANSWER:
            raise NetworkError(
                f"the answer of the time-stamping authority is over {_MAX_ANSWER} bytes"
            )
        if time.monotonic() > deadline:
            raise _TryAgain("the answer took too long")
    return b"".join(parts)


def _http_failure(url: str, error: HTTPError) -> Exception:
    try:
        text = _words(error.read(2048))
    except OSError:
        text = ""
    said = f"HTTP {error.code} {error.reason}{f': {text}' if text else ''}"
    if error.code in _BUSY:
        return _TryAgain(said)
    return NetworkError(f"`{url}` gave no timestamp", why=said, fix="check the URL")


def _check(url: str, request: "TimeStampRequest", answer: bytes, signature: bytes) -> None:
    """Keep only what answers this very question; whose clock it is, the verifier judges."""
    from rfc3161_client import decode_timestamp_response

    # Libraries read answers lazily, and say of a broken one whatever their parsers happen to raise.
    try:
        response = decode_timestamp_response(answer)
        status, words = response.status, response.status_string
    except Exception as error:
        raise _refused(url, "what it sent is no timestamp response", str(error)) from error
    if status not in _GRANTED:
        raise _refused(url, "it refused to make one", f"status {status}: {' '.join(words)[:300]}")
    try:
        _check_content(url, request, response, signature)
    except WeightmarkError:
        raise
    except Exception as error:
        raise _refused(url, "the timestamp can't be read", str(error)) from error


def _check_content(
    url: str, request: "TimeStampRequest", response: "TimeStampResponse", signature: bytes
) -> None:
    info = response.tst_info
    imprint = info.message_imprint
    if (
        imprint.hash_algorithm.dotted_string != _SHA256
        or imprint.message != hashlib.sha256(signature).digest()
    ):
        raise _refused(
            url, "the timestamp is about something else", "its imprint is not the signature's"
        )
    if info.nonce != request.nonce:
        raise _refused(
            url, "the timestamp answers another question", "its nonce is not the one that was sent"
        )


def _refused(url: str, what: str, why: str) -> NetworkError:
    return NetworkError(
        f"no timestamp from `{url}`: {what}",
        why=_words(why),
        fix="name another authority with `--tsa-url`",
    )


def _words(text: str | bytes) -> str:
    """Return foreign text on one line, short, and without control characters."""
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return " ".join("".join(c if c.isprintable() else " " for c in plain[:2000]).split())[:300]

"""The leaf of the log: one canonical event, the bytes that are hashed (docs/formats/ledger.md)."""

import re
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from json import JSONEncoder
from operator import attrgetter
from typing import Any

from weightmark.errors import LimitError, MalformedError, UnsupportedError
from weightmark.patterns import lazy_pattern
from weightmark.provenance.strict_json import parse_object
from weightmark.values import dataclass

__all__ = [
    "EVENT_VERSION",
    "KINDS",
    "MAX_EVENT_SIZE",
    "Event",
    "Kind",
    "check_origin",
    "format_time",
    "parse_event",
    "parse_time",
]

EVENT_VERSION = 1
"""the value of `v`"""
MAX_EVENT_SIZE = 65_535
"""bytes; the limit of one tlog-tiles entry"""
MAX_ORIGIN_SIZE = 255
"""bytes; so that a cosigner can write its length in one byte"""

_SHA256 = r"[0-9a-f]{64}"
_EVENT_ID = r"[A-Za-z0-9._:-]{1,128}"
_SUBJECT = r"(?:(?:wm1|sha256|key|salted):[0-9a-f]{64})?"
_PARTY = r"(?:key|salted):[0-9a-f]{64}"
_TIME = lazy_pattern(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z", re.ASCII)
_CANONICAL = JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
"""writes what `canonical_json` writes for values that are all strings and small integers"""


class Kind(StrEnum):
    """What an entry records."""

    RELEASE = "release"
    """an artifact was released"""
    SCAN = "scan"
    """an artifact was scanned"""
    PROVENANCE = "provenance"
    """how an artifact was made"""
    TEST = "test"
    """an artifact was tested"""
    APPROVE = "approve"
    """somebody approved an artifact"""
    DECISION = "decision"
    """a gate decided"""
    DEPLOY = "deploy"
    """an artifact was deployed"""
    REVOKE = "revoke"
    """a claim, key or digest no longer counts"""
    REINSTATE = "reinstate"
    """a revocation was lifted"""
    POLICY = "policy"
    """the registration policy of this log"""
    KEY = "key"
    """the log's key changed"""
    REDACT = "redact"
    """a stored claim was erased"""
    WITNESS = "witness"
    """a witness was added"""
    OBSERVED = "observed"
    """a claim that no policy counts"""


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the log; `to_bytes` gives exactly what is hashed."""

    kind: Kind
    """what the entry records"""
    origin: str
    """the log that it was made for"""
    event_id: str
    """chosen by the submitter: the same id again is the same event"""
    claim_id: str
    """SHA-256 hex of what the claim's signature covers (the PAE of a DSSE envelope)"""
    claim_sha256: str
    """SHA-256 hex of the claim's bytes"""
    request_sha256: str
    """SHA-256 hex of the signed request's bytes"""
    subject: str
    """`wm1:<hex>`, `sha256:<hex>`, `key:<hex>` or, for an identity, `salted:<commitment hex>`; empty when the claim is about the log itself"""
    signer: str
    """who signed the claim: `key:<fingerprint hex>` or `salted:<commitment hex>`"""
    submitter: str
    """who signed the request, written as `signer`"""
    at: str
    """the log's own clock, RFC 3339 UTC in whole seconds; proves nothing alone"""

    def __post_init__(self) -> None:
        """Refuse fields that could not be read back."""
        check_origin(self.origin)
        parse_time(self.at)
        values = _CHECKED_VALUES(self)
        if not _CHECKED_LINE.match("\n".join(values)):
            for (name, pattern), value in zip(_CHECKED.items(), values, strict=True):
                _check(name, value, pattern)

    def to_bytes(self) -> bytes:
        """Return the canonical JSON; raises `LimitError` over 65,535 bytes."""
        fields = dict(zip(_NAMES, _VALUES(self), strict=True))
        data = _CANONICAL.encode({"v": EVENT_VERSION, **fields}).encode()
        if len(data) > MAX_EVENT_SIZE:
            raise LimitError(f"the event is over {MAX_EVENT_SIZE} bytes")
        return data


KINDS: frozenset[str] = frozenset(Kind)
"""every kind, as written"""
_CHECKED = {
    "event_id": _EVENT_ID,
    "claim_id": _SHA256,
    "claim_sha256": _SHA256,
    "request_sha256": _SHA256,
    "subject": _SUBJECT,
    "signer": _PARTY,
    "submitter": _PARTY,
}
_CHECKED_VALUES = attrgetter(*_CHECKED)
_CHECKED_LINE = lazy_pattern(r"\n".join(_CHECKED.values()) + r"\Z")
"""all of them in one line; no pattern admits a newline"""
_NAMES = tuple(Event.__dataclass_fields__)
_VALUES = attrgetter(*_NAMES)
_FIELDS = frozenset({"v", *_NAMES})
_PLAIN = lazy_pattern(
    "{" + "".join(rf'"{name}":"(?P<{name}>[^"\\]*)",' for name in sorted(_NAMES)) + r'"v":1}\Z'
)
"""the canonical bytes of an event without escapes: what matches was written by `to_bytes`"""


def parse_event(data: bytes) -> Event:
    """Read a leaf strictly: exact keys, exact types, canonical bytes.

    Raises `MalformedError`; `UnsupportedError` for a later version or an unknown kind.
    """
    plain = _parse_plain(data)
    if plain is not None:
        return plain
    fields = parse_object(data, what="the ledger event", max_size=MAX_EVENT_SIZE, max_depth=2)
    _check_version(fields.get("v"))
    if fields.keys() != _FIELDS:
        odd = sorted(fields.keys() ^ _FIELDS)
        raise MalformedError(f"the ledger event has missing or unknown fields: {', '.join(odd)}")
    del fields["v"]
    if not all(isinstance(value, str) for value in fields.values()):
        raise MalformedError("a field of the ledger event is not a string")
    if fields["kind"] not in KINDS:
        raise UnsupportedError(
            f"the ledger event is of an unknown kind `{fields['kind'][:80]}`",
            fix="read this ledger with a newer weightmark",
        )
    event = Event(**{**fields, "kind": Kind(fields["kind"])})
    if event.to_bytes() != data:
        raise MalformedError("the ledger event is not canonical JSON")
    return event


@lru_cache(256)
def check_origin(origin: str) -> None:
    """Refuse an origin that cannot name a log: it is the name of a signed note (C2SP)."""
    printable = origin.isprintable() and not any(c.isspace() or c == "+" for c in origin)
    if not origin or not printable or len(origin.encode("utf-8", "replace")) > MAX_ORIGIN_SIZE:
        raise MalformedError(
            f"`{origin[:80]!a}` is no origin",
            why=f"an origin is 1 to {MAX_ORIGIN_SIZE} printable bytes without spaces and `+`",
            fix="use a name like `example.com/models`",
        )


def format_time(moment: datetime) -> str:
    """Write an aware time as RFC 3339 UTC in whole seconds."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


@lru_cache(1024)
def parse_time(text: str) -> datetime:
    """Read RFC 3339 UTC in whole seconds; raises `MalformedError`."""
    if _TIME.match(text):
        with suppress(ValueError):
            return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    raise MalformedError(
        f"`{text[:40]!a}` is no time", why="times are written as RFC 3339 UTC in whole seconds"
    )


def _parse_plain(data: bytes) -> Event | None:
    """Read what nearly every leaf is, three times as fast; None for anything else.

    The fields admit no control character, so equal text is equal canonical JSON.
    """
    try:
        match = _PLAIN.match(data.decode()) if len(data) <= MAX_EVENT_SIZE else None
    except UnicodeDecodeError:
        return None
    if match is None or match["kind"] not in KINDS:
        return None
    return Event(Kind(match["kind"]), *match.group(*_NAMES[1:]))


def _check_version(version: Any) -> None:
    if type(version) is not int or version < 1:
        raise MalformedError("the ledger event has no version")
    if version > EVENT_VERSION:
        raise UnsupportedError(
            f"the ledger event is of version {version}",
            fix="read this ledger with a newer weightmark",
        )


def _check(name: str, value: str, pattern: str) -> None:
    if not re.fullmatch(pattern, value):
        raise MalformedError(f"`{name}` of the ledger event is not well formed")

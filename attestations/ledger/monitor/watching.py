"""One round of watching: read what is new, ask every rule, remember how far it went."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Self

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.monitor.interface import Alert, Known, Seen, Watch
from weightmark.attestations.ledger.monitor.remembered import known_from
from weightmark.attestations.ledger.monitor.rules import CLAIM_RULES, RULES
from weightmark.attestations.ledger.steps import is_listed_elsewhere
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE, ManifestClaim
from weightmark.attestations.predicates.oms import OMS_PREDICATE, OmsClaim
from weightmark.attestations.statements import Statement
from weightmark.errors import LedgerInconsistentError, MalformedError, WeightmarkError
from weightmark.provenance.ledger.event import Event, Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.snapshot import LoggedEvent
from weightmark.provenance.strict_json import canonical_json, parse_object
from weightmark.values import dataclass

__all__ = ["ROLLBACK", "MonitorState", "read_entry", "watch"]

ROLLBACK = "rollback"
"""id of the rule about the log itself"""
_VERSION = 2
_WITHOUT_UNREAD = 1
_BATCH = 1000
_RETRIED = 1000
_MAX_STATE = 64 * 1024 * 1024


@dataclass(frozen=True)
class MonitorState:
    """How far a monitor went, and what its rules remember."""

    origin: str = ""
    """the log; empty before the first round"""
    checkpoint: str = ""
    """the signed checkpoint up to which everything was seen"""
    size: int = 0
    """entries that were seen"""
    known: Known | None = None
    """what the rules remember"""
    unread: tuple[int, ...] = ()
    """entries whose claims could not be fetched yet, in the order in which they are tried again"""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a state file strictly; raises `MalformedError` or `LimitError`."""
        fields = parse_object(data, what="the state of the monitor", max_size=_MAX_STATE)
        if fields.get("v") == _WITHOUT_UNREAD:
            fields = {"unread": [], **fields, "v": _VERSION}
        shape = {
            "v": int,
            "origin": str,
            "checkpoint": str,
            "size": int,
            "known": dict,
            "unread": list,
        }
        if fields.keys() != shape.keys() or any(
            type(fields[name]) is not kind for name, kind in shape.items()
        ):
            raise MalformedError("the state of the monitor is not what weightmark wrote")
        if fields["v"] != _VERSION:
            raise MalformedError("the state of the monitor is of another version")
        known, size = known_from(fields["known"]), fields["size"]
        if size < 0 or any(type(one) is not int or not 0 <= one < size for one in fields["unread"]):
            raise MalformedError("the state of the monitor waits for entries that it never saw")
        unread = tuple(fields["unread"])
        return cls(fields["origin"], fields["checkpoint"], size, known, unread)

    def to_bytes(self) -> bytes:
        """Return canonical JSON."""
        return canonical_json(
            {
                "v": _VERSION,
                "origin": self.origin,
                "checkpoint": self.checkpoint,
                "size": self.size,
                "known": asdict(self.known or Known()),
                "unread": list(self.unread),
            }
        )


def watch(
    ledger: Ledger, wanted: Watch, state: MonitorState, now: datetime
) -> tuple[MonitorState, tuple[Alert, ...]]:
    """Judge every entry since `state`; returns the next state and the alerts, oldest first.

    A log that does not extend the one that was seen gives one alert of the rule `rollback`, and the
    state stays: nothing of it can be believed. Claims that cannot be fetched are tried again in the
    next rounds, some at a time. Raises what reading a ledger raises.
    """
    if state.origin and state.origin != ledger.origin:
        raise MalformedError(
            f"the state of the monitor is about the log `{state.origin}`, not about `{ledger.origin}`",
            fix="name another file with `--state`",
        )
    seen = ledger.verify_own(state.checkpoint.encode()) if state.checkpoint else None
    with ledger.snapshot() as snapshot:
        head = snapshot.head
        if seen is not None:
            try:
                snapshot.require_extends(seen, "the monitor's state")
            except LedgerInconsistentError as error:
                return state, (Alert(ROLLBACK, "high", None, error.what),)
    known = state.known or Known()
    alerts: list[Alert] = []
    erased = {one.event.subject for one in ledger.find(kind=Kind.REDACT)}
    unread = list(state.unread[_RETRIED:])
    for logged in _again(ledger, state.unread[:_RETRIED]):
        entry = _seen(ledger, logged, erased)
        if entry.unread and not entry.erased:
            unread.append(entry.index)
        alerts += (one for rule in CLAIM_RULES for one in rule.look(entry, known, wanted))
    for start in range(state.size, head.size, _BATCH):
        for logged in ledger.entries(start, min(_BATCH, head.size - start)):
            entry = _seen(ledger, logged, erased)
            if entry.unread and not entry.erased:
                unread.append(entry.index)
            alerts += (one for rule in RULES for one in rule.look(entry, known, wanted))
    alerts += (one for rule in RULES for one in rule.finish(now, known, wanted))
    after = MonitorState(head.origin, head.note.decode(), head.size, known, tuple(unread))
    return after, tuple(alerts)


def _again(ledger: Ledger, indices: Sequence[int]) -> tuple[LoggedEvent, ...]:
    with ledger.snapshot() as snapshot:
        return tuple(snapshot.events(sorted(indices)))


def _seen(ledger: Ledger, logged: LoggedEvent, erased: AbstractSet[str]) -> Seen:
    """Read an entry, and tell whether its claim is gone because an entry of the ledger erased it."""
    entry = read_entry(ledger, logged.index, logged.event)
    gone = entry.unread and f"sha256:{entry.event.claim_sha256}" in erased
    return replace(entry, erased=True) if gone else entry


def read_entry(ledger: Ledger, index: int, event: Event) -> Seen:
    """Read what the rules want to know of an entry; a claim that cannot be fetched is `unread`, a broken one says nothing."""
    try:
        data = ledger.home.blobs.get(event.claim_sha256)
    except WeightmarkError:
        return Seen(index, event, unread=True)
    try:
        bundle = Bundle.parse(data, what="the claim")
        statement = Statement.parse(bundle.envelope.payload_type, bundle.envelope.payload)
        size, paths = _files(statement)
    except WeightmarkError:
        return Seen(index, event)
    return Seen(
        index,
        event,
        statement.subjects[0].name[:200],
        size,
        tuple(sorted({PurePosixPath(one).suffix.lower() for one in paths} - {""})),
        bool(paths),
        is_listed_elsewhere(statement),
        tuple(sorted(set(_licenses(statement.predicate)))),
        _issuer(bundle),
    )


def _issuer(bundle: Bundle) -> str:
    """Return the identity provider that the signer's certificate names, unverified."""
    chain = bundle.certificate_chain
    if chain is None:
        return ""
    from weightmark.attestations.sigstore.leaf import Leaf

    return (Leaf.parse(chain.leaf).facts.extensions.issuer or "")[:500]


def _files(statement: Statement) -> tuple[int | None, tuple[str, ...]]:
    """Return how large a release is, where its claim says so, and the names of its files."""
    if statement.predicate_type == OMS_PREDICATE:
        return None, tuple(OmsClaim.from_statement(statement).files)
    if statement.predicate_type != MANIFEST_PREDICATE or is_listed_elsewhere(statement):
        return None, ()
    rows = ManifestClaim.from_statement(statement).manifest.rows
    return sum(row.size for row in rows), tuple(row.path for row in rows)


def _licenses(predicate: dict[str, Any]) -> Iterator[str]:
    """Yield licences as dataset claims and bills of materials state them."""
    said = predicate.get("license")
    if isinstance(said, str) and said:
        yield said[:200]
    waiting: list[Any] = [predicate.get("metadata"), predicate.get("components")]
    for value in waiting:
        if isinstance(value, list):
            waiting += value[:1000]
        elif isinstance(value, dict):
            waiting += [value.get("component"), value.get("licenses"), value.get("license")]
            found = value.get("id") or value.get("expression")
            if isinstance(found, str) and ("licenses" not in value):
                yield found[:200]

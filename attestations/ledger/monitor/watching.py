"""One round of watching: read what is new, ask every rule, remember how far it went."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Self

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.monitor.interface import Alert, Known, Seen, Watch
from weightmark.attestations.ledger.monitor.rules import RULES
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE, ManifestClaim
from weightmark.attestations.statements import Statement
from weightmark.errors import LedgerInconsistentError, MalformedError, WeightmarkError
from weightmark.provenance.ledger.event import Event
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.strict_json import canonical_json, parse_object
from weightmark.values import dataclass

__all__ = ["ROLLBACK", "MonitorState", "read_entry", "watch"]

ROLLBACK = "rollback"
"""id of the rule about the log itself"""
_VERSION = 1
_BATCH = 1000
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

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a state file strictly; raises `MalformedError` or `LimitError`."""
        fields = parse_object(data, what="the state of the monitor", max_size=_MAX_STATE)
        shape = {"v": int, "origin": str, "checkpoint": str, "size": int, "known": dict}
        if fields.keys() != shape.keys() or any(
            type(fields[name]) is not kind for name, kind in shape.items()
        ):
            raise MalformedError("the state of the monitor is not what weightmark wrote")
        known = fields["known"]
        if fields["v"] != _VERSION or known.keys() != {*asdict(Known())}:
            raise MalformedError("the state of the monitor is of another version")
        return cls(fields["origin"], fields["checkpoint"], fields["size"], Known(**known))

    def to_bytes(self) -> bytes:
        """Return canonical JSON."""
        return canonical_json(
            {
                "v": _VERSION,
                "origin": self.origin,
                "checkpoint": self.checkpoint,
                "size": self.size,
                "known": asdict(self.known or Known()),
            }
        )


def watch(
    ledger: Ledger, wanted: Watch, state: MonitorState, now: datetime
) -> tuple[MonitorState, tuple[Alert, ...]]:
    """Judge every entry since `state`; returns the next state and the alerts, oldest first.

    A log that does not extend the one that was seen gives one alert of the rule `rollback`, and the
    state stays: nothing of it can be believed. Raises what reading a ledger raises.
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
    for start in range(state.size, head.size, _BATCH):
        for logged in ledger.entries(start, min(_BATCH, head.size - start)):
            entry = read_entry(ledger, logged.index, logged.event)
            alerts += (one for rule in RULES for one in rule.look(entry, known, wanted))
    alerts += (one for rule in RULES for one in rule.finish(now, known, wanted))
    return MonitorState(head.origin, head.note.decode(), head.size, known), tuple(alerts)


def read_entry(ledger: Ledger, index: int, event: Event) -> Seen:
    """Read what the rules want to know of an entry; a claim that is gone or broken says nothing."""
    try:
        bundle = Bundle.parse(ledger.home.blobs.get(event.claim_sha256), what="the claim")
        statement = Statement.parse(bundle.envelope.payload_type, bundle.envelope.payload)
        size, suffixes = _files(statement)
    except WeightmarkError:
        return Seen(index, event)
    return Seen(
        index,
        event,
        statement.subjects[0].name[:200],
        size,
        suffixes,
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
    if statement.predicate_type != MANIFEST_PREDICATE:
        return None, ()
    rows = ManifestClaim.from_statement(statement).manifest.rows
    suffixes = {PurePosixPath(row.path).suffix.lower() for row in rows}
    return sum(row.size for row in rows), tuple(sorted(suffixes - {""}))


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

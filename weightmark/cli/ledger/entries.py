"""Entries of a ledger as lines and facts."""

from typing import TYPE_CHECKING, Any

from weightmark.cli.documents import event_facts
from weightmark.errors import CallError

if TYPE_CHECKING:
    from weightmark.provenance.ledger.admission import Predecessor
    from weightmark.provenance.ledger.proof import Receipt
    from weightmark.provenance.ledger.snapshot import LoggedEvent

__all__ = ["MAX_INDEX", "entry_facts", "entry_line", "kind_of", "receipt_facts", "succeeded_facts"]

MAX_INDEX = 10**15
"""the largest index or number of entries that can be asked for"""
_SHORT_DIGEST = 12


def entry_line(index: int, event: Any) -> str:
    """One line of a list: index, time, kind, subject and the beginning of the signer."""
    subject = event.subject or "-"
    return f"{index:>6}  {event.at}  {event.kind:<10} {subject:<68}  {_short(event.signer)}"


def kind_of(text: str | None, *, submitted: bool = False) -> Any:
    """Return the kind of entry that a flag names, None for none; raises `CallError` for an unknown one.

    With `submitted`, one that somebody can be admitted for: the log writes the others itself.
    """
    from weightmark.provenance.ledger.admission import SUBMITTED_KINDS
    from weightmark.provenance.ledger.event import Kind

    if text is None:
        return None
    allowed = SUBMITTED_KINDS if submitted else frozenset(Kind)
    if text not in allowed:
        why = "the log writes entries of this kind itself" if text in set(Kind) else ""
        fix = f"use one of {', '.join(sorted(allowed))}"
        raise CallError(
            f"`{text}` is no kind of entry{' to be admitted for' if submitted else ''}",
            why=why,
            fix=fix,
        )
    return Kind(text)


def entry_facts(logged: "LoggedEvent") -> dict[str, Any]:
    """Return an entry as it stands in JSON output."""
    return {"index": logged.index, **event_facts(logged.event)}


def receipt_facts(receipt: "Receipt") -> dict[str, Any]:
    """Return the entry of a receipt as it stands in JSON output."""
    return {"index": receipt.index, **event_facts(receipt.event)}


def succeeded_facts(before: "Predecessor | None") -> dict[str, Any] | None:
    """Return the log that another one took over from, as it stands in JSON output."""
    if before is None:
        return None
    from weightmark.provenance.ledger.checkpoint import verify_checkpoint
    from weightmark.provenance.ledger.note import NoteVerifier

    seen = verify_checkpoint(before.checkpoint.encode(), NoteVerifier.parse(before.log_vkey))
    return {
        "origin": seen.origin,
        "size": seen.size,
        "log_key": before.log_vkey,
        "revoked": [
            {"subject": one.subject, "index": one.index, "origin": one.origin}
            for one in before.revoked or ()
        ],
    }


def _short(signer: str) -> str:
    kind, _, digest = signer.partition(":")
    return f"{kind}:{digest[:_SHORT_DIGEST]}…"

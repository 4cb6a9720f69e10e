"""The claims that a ledger holds about an artifact, read by their entries."""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.consulting import open_place
from weightmark.errors import ReadError, UnsupportedError
from weightmark.provenance.ledger.event import Kind

if TYPE_CHECKING:
    from weightmark.provenance.ledger.log import Ledger
    from weightmark.provenance.ledger.snapshot import LoggedEvent

__all__ = ["LedgerClaims"]


class LedgerClaims:
    """Asks a ledger for its claims about an identity, and all of them: one that is missing may be a bad one.

    In a `with` statement the ledger is opened once, else for each question.
    """

    def __init__(self, place: str) -> None:
        """Ask the ledger at `place`; where that is empty there is nobody to ask."""
        self._place = place
        self._open: Ledger | None = None

    def __enter__(self) -> Self:
        """Open the ledger; raises what `Ledger.open` raises."""
        self._open = open_place(self._place) if self._place else None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        opened, self._open = self._open, None
        if opened:
            opened.close()

    def __call__(self, identity: str) -> Sequence[Bundle]:
        """Return the claims about an identity, in the order of their entries.

        Raises `ReadError` for one that is missing, or was erased and never said again by its signer, and
        `LedgerInconsistentError`.
        """
        if self._open:
            return _claims_of(self._open, identity)
        if not self._place:
            return ()
        with open_place(self._place) as ledger:
            return _claims_of(ledger, identity)


def _claims_of(ledger: "Ledger", identity: str) -> list[Bundle]:
    found: list[Bundle] = []
    whole = ledger.can_be_read_whole()
    entries = ledger.find(subject=identity, complete=whole)
    for logged in entries:
        try:
            data = ledger.claim(logged.index)
            found.append(Bundle.parse(data, what=f"the claim of entry {logged.index}"))
        except UnsupportedError:
            # of a kind that nobody here reads, and so of no kind that a policy asks for
            continue
        except ReadError:
            if not (_is_said_again(logged, entries) and _is_erased(ledger, logged, whole=whole)):
                raise
    return found


def _is_said_again(logged: "LoggedEvent", entries: Iterable["LoggedEvent"]) -> bool:
    """Tell an entry after which the same signer entered another claim of that kind about the same artifact."""
    told = (logged.event.kind, logged.event.signer)
    return any(
        one.index > logged.index and (one.event.kind, one.event.signer) == told for one in entries
    )


def _is_erased(ledger: "Ledger", logged: "LoggedEvent", *, whole: bool) -> bool:
    """Tell a claim that is gone because a `redact` entry says so."""
    named = f"sha256:{logged.event.claim_sha256}"
    return any(one.event.subject == named for one in ledger.find(kind=Kind.REDACT, complete=whole))

"""One log in each kind of store, for the suite that all of them pass."""

from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from tests.provenance.ledger.ledger_sim import NOW, ORIGIN, ClaimVerifierSim, SubmitterSim
from tests.sim.postgres import PostgresServer
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.migration import migrate
from weightmark.provenance.ledger.opening import view_of
from weightmark.provenance.ledger.proof import Receipt
from weightmark.provenance.ledger.publish import publish_claims

KINDS = ("sqlite", "postgres", "static")
JUDGE = ClaimVerifierSim()


class StoredLog:
    """A log that grows, and the store under test that shows it."""

    def __init__(self, kind: str, place: Path, server: Callable[[], PostgresServer]) -> None:
        self.kind = kind
        self.alice = SubmitterSim()
        self.memory = CheckpointMemory(place / "state")
        self._view = place / "view"
        self._key: Path | None = None
        self.place: Path | str = place / "ledger"
        with Ledger.create(
            place / "ledger",
            origin=ORIGIN,
            submitters=[self.alice.admitted],
            memory=self.memory,
            clock=lambda: NOW,
        ) as made:
            self.vkey = made.vkey
            if kind == "postgres":
                self._key = made.path / "log.key"
                self.place = server().database()
                migrate(made, self.place)
        self._writer = self._open(self.place)
        self._publish()

    def grow(
        self, *names: str, claim_kind: str = "release", now: datetime = NOW
    ) -> tuple[Receipt, ...]:
        """Append, and publish where the store under test is a published view."""
        alice = self.alice.but(now=now)
        batch = [alice.submit(name, claim_kind) for name in names]
        receipts = self._writer.append(batch, JUDGE, now=now)
        self._publish()
        return receipts

    def reader(self) -> "closing[Ledger]":
        """Open the store under test as a reader without other knowledge does."""
        return closing(self._open(self._view if self.kind == "static" else self.place))

    def writer(self) -> Ledger:
        """Return the ledger that grows."""
        return self._writer

    def close(self) -> None:
        self._writer.close()

    def _open(self, place: Path | str) -> Ledger:
        return Ledger.open(
            place, vkey=self.vkey, log_key=self._key, memory=self.memory, clock=lambda: NOW
        )

    def _publish(self) -> None:
        if self.kind == "static":
            view = view_of(self._view)
            with self._writer.snapshot() as snapshot:
                publish_claims(snapshot, self._writer.home.blobs, view, every=True)
            self._writer.publish(view)

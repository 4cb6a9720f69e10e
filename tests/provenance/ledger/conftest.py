"""A ledger in a temporary folder, with its own checkpoint memory and a clock that stands still."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import need
from tests.provenance.ledger.ledger_sim import NOW, ORIGIN, SubmitterSim
from tests.sim.postgres import PostgresServer
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger

Opener = Callable[[], Ledger]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Start a PostgreSQL server, once for all tests of a worker."""
    need("postgresql")
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture
def alice() -> SubmitterSim:
    return SubmitterSim()


@pytest.fixture
def memory(tmp_path: Path) -> CheckpointMemory:
    return CheckpointMemory(tmp_path / "state")


@pytest.fixture
def ledger(tmp_path: Path, alice: SubmitterSim, memory: CheckpointMemory) -> Iterator[Ledger]:
    made = Ledger.create(
        tmp_path / "ledger",
        origin=ORIGIN,
        submitters=[alice.admitted],
        memory=memory,
        clock=lambda: NOW,
    )
    yield made
    made.close()


@pytest.fixture
def reopen(ledger: Ledger, memory: CheckpointMemory) -> Opener:
    """Close the ledger and open it again, as the next process would."""

    def opener() -> Ledger:
        ledger.close()
        return Ledger.open(ledger.path, memory=memory, clock=lambda: NOW)

    return opener

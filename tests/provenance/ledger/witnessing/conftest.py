"""A witness in a temporary folder that serves the simulated log."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from tests.provenance.ledger.witnessing.log_sim import NOW, LogSim
from weightmark.provenance.ledger.witnessing.witness import Witness

Reopen = Callable[[], Witness]


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log() -> LogSim:
    return LogSim(8)


@pytest.fixture
def witness_folder(tmp_path: Path) -> Path:
    Witness.create(tmp_path / "witness", "witness.example/one")
    return tmp_path / "witness"


@pytest.fixture
def reopen(witness_folder: Path, log: LogSim, clock: Clock) -> Reopen:
    """Open the witness, as another process would."""
    return lambda: Witness.open(witness_folder, [log.signer.verifier], clock=clock)


@pytest.fixture
def witness(reopen: Reopen) -> Witness:
    return reopen()

"""A ledger that admits keys with different roles, and a loopback Sigstore."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import ALICE, BOB, CAROL, admitted, make_ledger
from tests.sim.loopback import LoopbackSigstore
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Alice and Bob may write everything, Carol releases only."""
    parties = [admitted(ALICE), admitted(BOB), admitted(CAROL, Kind.RELEASE)]
    with make_ledger(tmp_path / "ledger", parties) as made:
        yield made


@pytest.fixture
def sim() -> Iterator[LoopbackSigstore]:
    with LoopbackSigstore.running() as running:
        yield running

"""A small honest ledger, and one of hostile texts, each with somebody who looks at its pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import ALICE, BOB, CAROL, admitted, make_ledger
from tests.attestations.pages.asking import Asking
from tests.attestations.pages.world import hostile_ledger
from tests.sim.loopback import LoopbackSigstore
from weightmark.provenance.ledger.event import Kind


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Asking]:
    """Alice and Bob may write everything, Carol releases only; nothing is entered yet."""
    parties = [admitted(ALICE), admitted(BOB), admitted(CAROL, Kind.RELEASE)]
    with make_ledger(tmp_path / "ledger", parties) as made:
        yield Asking(made, tmp_path / "index")


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what is remembered of ledgers apart from this machine's user."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg-state"))


@pytest.fixture
def sim() -> Iterator[LoopbackSigstore]:
    with LoopbackSigstore.running() as running:
        yield running


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Asking, list[str]]]:
    """A ledger of hostile texts, and every page of it."""
    folder = tmp_path_factory.mktemp("hostile")
    ledger, one, two = hostile_ledger(folder)
    with ledger:
        asking = Asking(ledger, folder / "index")
        size = ledger.refresh().size
        decisions = [str(at) for at in range(size) if ledger.entry(at).event.kind is Kind.DECISION]
        pages = ["", "entries", "revocations", "check"]
        pages += [f"entries/{at}" for at in range(size)]
        pages += [f"artifacts/{one[4:]}", f"artifacts/{two[4:]}"]
        pages += [f"signers/key-{ALICE.public.fingerprint}"]
        pages += [f"decisions/{at}" for at in decisions]
        yield asking, pages

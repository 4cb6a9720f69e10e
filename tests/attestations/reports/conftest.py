"""Ledgers for reports; each test has a copy of its own of one that is made once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attestations.reports.makers import make_lineage, make_roles
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the ledgers `roles`, in which nothing stands, and `lineage`."""
    place = tmp_path_factory.mktemp("made")
    for name in ("roles", "lineage"):
        with make_roles(place / name / "ledger") as ledger:
            if name == "lineage":
                make_lineage(ledger)
    return place


@pytest.fixture
def ledger(made: Path, tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with roles and nothing in it."""
    with _copy(made / "roles", tmp_path) as opened:
        yield opened


@pytest.fixture
def lineage(made: Path, tmp_path: Path) -> Iterator[Ledger]:
    """A model with its whole past, deployed."""
    with _copy(made / "lineage", tmp_path) as opened:
        yield opened


def _copy(source: Path, place: Path) -> Ledger:
    shutil.copytree(source, place / source.name)
    return Ledger.open(
        place / source.name / "ledger", memory=CheckpointMemory(place / source.name / "state")
    )

"""The pages of a ledger that lives elsewhere: in PostgreSQL, and behind a published view."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import (
    ALICE,
    ORIGIN,
    admitted,
    derived,
    enter,
    identity_of,
    release,
)
from tests.attestations.pages.asking import Asking
from tests.conftest import need
from tests.sim.postgres import PostgresServer
from weightmark.attestations.ledger.revoking import revoke
from weightmark.attestations.pages.source import PageOptions
from weightmark.attestations.pages.static_site import write_site
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger

A, B = identity_of("a"), identity_of("b")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    need("postgresql")
    made = PostgresServer()
    yield made
    made.stop()


@pytest.mark.needs("postgresql")
def test_the_pages_of_a_ledger_in_postgresql(server: PostgresServer, tmp_path: Path) -> None:
    memory = CheckpointMemory(tmp_path / "state")
    with Ledger.create(
        server.database(),
        keys=tmp_path / "keys",
        origin=ORIGIN,
        submitters=[admitted(ALICE)],
        memory=memory,
    ) as ledger:
        (index, step) = enter(ledger, ALICE, release(ALICE, "a"), derived(ALICE, B, A))
        revoke(ledger, ALICE, RevocationSubject(A), "bad")
        asking = Asking(ledger, tmp_path / "index")
        assert asking.twin(f"entries/{index}")["claim"]["state"] == "verified"
        assert asking.twin(f"entries/{step}")["claim"]["state"] == "verified"
        artifact = asking.twin(f"artifacts/{A[4:]}")
        assert [one["name"] for one in artifact["family"]["descendants"]] == [B]
        assert artifact["standing"]["revoked_by"][0]["reason"] == "bad"
        assert asking.twin("")["size"] == 4
        write_site(ledger, tmp_path / "site", PageOptions(index_folder=asking.folder))
        assert (tmp_path / "site" / "entries" / f"{index}.html").is_file()


def test_a_published_view_without_all_claims_says_what_is_missing(
    asking: Asking, tmp_path: Path
) -> None:
    (index,) = enter(asking.ledger, ALICE, release(ALICE, "a"))
    revoke(asking.ledger, ALICE, RevocationSubject(A), "bad")
    write_site(asking.ledger, tmp_path / "site", PageOptions(index_folder=asking.folder))
    memory = CheckpointMemory(tmp_path / "reader")
    with Ledger.open(tmp_path / "site", vkey=asking.ledger.vkey, memory=memory) as view:
        reader = Asking(view, tmp_path / "readers-index")
        twin = reader.twin(f"entries/{index}")
        assert twin["claim"]["state"] == "missing"
        assert twin["standing"]["revoked_by"][0]["reason"] == "bad"
        assert twin["event"]["subject"] == A

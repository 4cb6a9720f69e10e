"""What was erased is gone from an index that read it before, as from one that is made after it."""

import json
from pathlib import Path
from typing import Any

from tests.attestations.ledger.makers import (
    ALICE,
    derived,
    enter,
    identity_of,
    manifest_of,
    release,
    state,
)
from tests.attestations.pages.asking import Asking
from weightmark.attestations.pages.index.page_index import PageIndex
from weightmark.attestations.pages.index.schema import VERSION
from weightmark.attestations.pages.source import PageOptions
from weightmark.attestations.pages.static_site import write_site
from weightmark.attestations.predicates.vsa import VSA_PREDICATE
from weightmark.provenance.ledger.administration import redact


def denied(identity: str) -> Any:
    predicate = {
        "verifier": {"id": "https://gate.example"},
        "timeVerified": "2026-11-21T12:00:00Z",
        "resourceUri": identity,
        "policy": {"uri": "preset strict", "digest": {"sha256": "a" * 64}},
        "verificationResult": "FAILED",
        "verifiedLevels": ["FAILED"],
    }
    return state(ALICE, identity, VSA_PREDICATE, predicate)


def everything(folder: Path) -> dict[str, Any]:
    """Every twin of a site; what says only when it was made is left out."""
    found = {}
    for path in sorted(folder.rglob("*.json")):
        twin = json.loads(path.read_text())
        twin.pop("now", None)
        found[str(path.relative_to(folder))] = twin
    return found


def erased_world(asking: Asking) -> tuple[str, str, str, int]:
    """Enter a family, a file list and a denial, look at them, and erase all; returns parent, child and a file."""
    claim = manifest_of("c", "x", "y")
    parent, child = identity_of("p"), claim.manifest.identity
    places = enter(
        asking.ledger,
        ALICE,
        *(derived(ALICE, child, parent), release(ALICE, "c", "x", "y"), denied(child)),
    )
    assert asking.twin(f"artifacts/{child[4:]}")["family"]["ancestors"]
    assert asking.twin(f"artifacts/{claim.sha256['x']}")["holders"]
    assert asking.twin("")["totals"]["denied"] == 1
    for index in places:
        redact(asking.ledger, f"sha256:{asking.ledger.entry(index).event.claim_sha256}", "asked")
    return parent, child, claim.sha256["x"], places[2]


def test_lineage_files_and_denials_of_erased_claims_are_gone_at_once(asking: Asking) -> None:
    parent, child, file, _ = erased_world(asking)
    twin = asking.twin(f"artifacts/{child[4:]}")
    assert (twin["family"]["ancestors"], twin["family"]["erased"]) == ([], 2)
    assert twin["release"]["erased"] == 1
    assert "denied" not in asking.twin("")["totals"]
    with asking.source() as source:
        assert source.index.name_of(parent[4:]) is None
        assert not source.index.holders(f"sha256:{file}", 9)


def test_a_site_of_an_index_that_read_it_before_is_that_of_a_new_one(
    asking: Asking, tmp_path: Path
) -> None:
    erased_world(asking)
    for name, index in (("warm", asking.folder), ("cold", tmp_path / "new-index")):
        write_site(asking.ledger, tmp_path / name, PageOptions(index_folder=index))
    assert everything(tmp_path / "warm") == everything(tmp_path / "cold")


def test_an_index_of_an_older_version_is_removed(asking: Asking) -> None:
    """It may hold what was erased since."""
    with PageIndex.of(asking.ledger, asking.folder):
        pass
    (now,) = asking.folder.glob("*.db")
    older = now.with_name(now.name.replace(f"pages{VERSION}", f"pages{VERSION - 1}"))
    older.write_bytes(b"what was erased")
    with PageIndex.of(asking.ledger, asking.folder):
        pass
    assert not older.exists()

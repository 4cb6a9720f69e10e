"""What no longer counts is said wherever it matters: on what holds it, on what was made from it, and beside whose word it is."""

from pathlib import Path
from typing import Any

import pytest

from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    CAROL,
    MALLORY,
    admitted,
    deployed,
    derived,
    enter,
    identity_of,
    make_ledger,
    manifest_of,
    release,
    state,
)
from tests.attestations.pages.asking import Asking
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.claim_index import ClaimIndex
from weightmark.attestations.ledger.impact import find_impact
from weightmark.attestations.ledger.revoking import revoke
from weightmark.attestations.ledger.succession import inheritance_of
from weightmark.attestations.pages.lineage import family_of
from weightmark.attestations.pages.source import PageOptions
from weightmark.attestations.pages.static_site import write_site
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.attestations.predicates.scan import SCAN_PREDICATE
from weightmark.attestations.predicates.vsa import VSA_PREDICATE
from weightmark.attestations.signers.interface import Signer
from weightmark.provenance.ledger.administration import redact, succession_of
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import NoteSigner

FINDING = {"rule": "PKL004", "severity": "critical", "message": "calls os.system"}


def path_of(name: str) -> str:
    return f"artifacts/{name.partition(':')[2]}"


def scanned(signer: Signer, identity: str, *findings: dict[str, str]) -> Bundle:
    fields = {
        "scanner": "s",
        "rules": "",
        "result": "findings" if findings else "clean",
        "fail_on": "high",
        "findings": list(findings),
    }
    return state(signer, identity, SCAN_PREDICATE, fields)


def decision(signer: Signer, identity: str) -> Bundle:
    predicate = {
        "verifier": {"id": "https://gate.example"},
        "timeVerified": "2026-11-21T12:00:00Z",
        "resourceUri": identity,
        "policy": {"uri": "preset strict", "digest": {"sha256": "a" * 64}},
        "verificationResult": "PASSED",
        "verifiedLevels": ["X"],
    }
    return state(signer, identity, VSA_PREDICATE, predicate)


def erase(asking: Asking, index: int) -> None:
    redact(asking.ledger, f"sha256:{asking.ledger.entry(index).event.claim_sha256}", "asked")


# --- whose word a page takes ---


def test_what_anybody_may_enter_replaces_no_scan_and_no_file_list(asking: Asking) -> None:
    claim = manifest_of("a", "x", "y")
    identity = claim.manifest.identity
    forged = claim.to_predicate()
    for one in forged["files"]:
        one["sha256"] = "c0ffee00" * 8
    listed, found = enter(
        asking.ledger, ALICE, release(ALICE, "a", "x", "y"), scanned(ALICE, identity, FINDING)
    )
    lies = [scanned(CAROL, identity), state(CAROL, identity, MANIFEST_PREDICATE, forged, "fine")]
    enter(asking.ledger, CAROL, *lies, kind="observed")
    twin = asking.twin(path_of(identity))
    assert (twin["scan"]["index"], twin["scan_result"]) == (found, "findings")
    assert twin["release"]["index"] == listed
    assert "c0ffee00" not in str(twin["files"])


def test_observed_claims_of_strangers_use_up_no_tries(asking: Asking) -> None:
    identity = identity_of("a")
    (found,) = enter(asking.ledger, ALICE, scanned(ALICE, identity, FINDING))
    noise = [scanned(MALLORY, identity, {**FINDING, "path": str(at)}) for at in range(7)]
    enter(asking.ledger, ALICE, *noise, kind="observed")
    assert asking.twin(path_of(identity))["scan"]["index"] == found


@pytest.mark.parametrize("by_role", [True, False])
def test_the_scan_of_a_revoked_signer_is_not_the_newest(asking: Asking, by_role: bool) -> None:
    identity = identity_of("a")
    honest, stolen = enter(
        asking.ledger, ALICE, scanned(BOB, identity, FINDING), scanned(ALICE, identity)
    )
    assert asking.twin(path_of(identity))["scan_result"] == "clean"
    thief = f"key:{ALICE.public.fingerprint}"
    revoke(asking.ledger, BOB if by_role else ALICE, RevocationSubject(thief), "key stolen")
    twin = asking.twin(path_of(identity))
    assert (twin["scan"]["index"], twin["scan_result"]) == (honest, "findings")
    erase(asking, honest)
    twin = asking.twin(path_of(identity))
    assert (twin["scan"]["index"], twin["scan_result"]) == (stolen, "")
    assert "its signer was revoked" in twin["scan"]["why"]
    assert twin["scan"]["erased"] == 1


def test_a_claim_that_its_own_signer_withdrew_lists_nothing(tmp_path: Path) -> None:
    parties = [admitted(ALICE), admitted(CAROL, Kind.RELEASE, Kind.SCAN)]
    with make_ledger(tmp_path / "ledger", parties) as ledger:
        asking = Asking(ledger, tmp_path / "index")
        (index,) = enter(ledger, CAROL, scanned(CAROL, identity_of("a")))
        claim = RevocationSubject(f"sha256:{ledger.entry(index).event.claim_id}")
        revoke(ledger, CAROL, claim, "I was wrong")
        twin = asking.twin(path_of(identity_of("a")))
        assert (twin["scan_result"], twin["scan"]["state"]) == ("", "unchecked")


# --- what a revocation hits ---


def pages_below(asking: Asking, root: str) -> tuple[set[str], int]:
    """What the page of something lists below it, and the uses that the page of revocations counts."""
    family = asking.twin(path_of(root))["family"]
    assert not family["more_descendants"]
    rows = asking.twin("revocations")["revocations"]
    row = next(one for one in rows if one["subject"] == root)
    assert row["descendants"] == len(family["descendants"])
    names = {one["name"] for one in family["descendants"]}
    return {one for one in names if one.startswith("wm1:")}, row["decisions"] + row["deployments"]


def test_the_pages_and_impact_find_the_same(asking: Asking) -> None:
    alone = manifest_of("k")
    file = f"sha256:{alone.sha256['model.safetensors']}"
    holder = manifest_of("k", "model.safetensors", "other").manifest.identity
    made, unrelated = identity_of("c"), identity_of("z")
    enter(
        asking.ledger,
        ALICE,
        *(release(ALICE, "k"), release(ALICE, "k", "model.safetensors", "other")),
        *(derived(ALICE, made, holder), release(ALICE, "z"), derived(ALICE, holder, unrelated)),
        *(decision(ALICE, made), deployed(ALICE, holder), decision(ALICE, alone.manifest.identity)),
    )
    roots = (file, alone.manifest.identity, holder, unrelated, made)
    for root in roots:
        revoke(asking.ledger, ALICE, RevocationSubject(root), "bad")
    for root in roots:
        with ClaimIndex.of(asking.ledger, asking.folder) as index:
            impact = find_impact(index, asking.ledger, root)
        expected = {one.identity for one in impact.descendants if one.identity.startswith("wm1:")}
        assert pages_below(asking, root) == (expected, len(impact.uses)), root
    assert pages_below(asking, file)[0] == {alone.manifest.identity, holder, made}


def test_an_artifact_that_holds_a_revoked_file_says_so_everywhere(asking: Asking) -> None:
    claim = manifest_of("a", "x", "y")
    identity, made = claim.manifest.identity, identity_of("c")
    listed, _, decided = enter(
        asking.ledger,
        ALICE,
        *(release(ALICE, "a", "x", "y"), derived(ALICE, made, identity), decision(ALICE, made)),
    )
    revoke(asking.ledger, BOB, RevocationSubject(f"sha256:{claim.sha256['x']}"), "poisoned file")
    for path in (path_of(identity), f"entries/{listed}", path_of(made), f"decisions/{decided}"):
        text = asking.page(path).text
        assert "poisoned file" in text, path
        assert "revoked at" in text, path
    assert "A file of it is revoked" in asking.page(path_of(identity)).text
    assert "What it was made from is revoked" in asking.page(path_of(made)).text
    row = asking.twin("revocations")["revocations"][0]
    assert (row["descendants"], row["decisions"]) == (2, 1)
    sides = f"left={made}&right={identity_of('q')}"
    enter(asking.ledger, ALICE, release(ALICE, "q"))
    compared = asking.twin("compare", sides)
    assert compared["left_standing"]["taints"]
    assert "poisoned file" in asking.page("compare", sides).text


def test_no_box_of_a_lineage_with_a_revoked_ancestor_is_green(asking: Asking) -> None:
    a, b, c = (identity_of(name) for name in "abc")
    enter(asking.ledger, ALICE, derived(ALICE, b, a), derived(ALICE, c, b))
    revoke(asking.ledger, BOB, RevocationSubject(a), "bad")
    with asking.source() as source:
        states = {box.id: box.state for box in family_of(source, c).drawing().boxes}
    assert (states[a], states[c]) == ("bad", "bad")
    assert "good" not in states.values()
    text = asking.page(path_of(c)).text
    assert "not itself revoked" in text
    assert "What it was made from is revoked" in text


def test_a_crowd_of_ancestors_hides_no_revoked_one(asking: Asking) -> None:
    crowd = [f"wm1:{at:064x}" for at in range(1, 45)]
    child, bad = identity_of("c"), f"wm1:{'f' * 64}"
    enter(asking.ledger, ALICE, derived(ALICE, child, *crowd, bad))
    revoke(asking.ledger, BOB, RevocationSubject(bad), "the last of all")
    twin = asking.twin(path_of(child))
    assert twin["family"]["more_ancestors"]
    assert twin["family"]["root_tainted"]
    assert [one["name"] for one in twin["standing"]["taints"]] == [bad]


# --- what is not known ---


def test_unreadable_revocations_are_not_known_on_any_page(asking: Asking) -> None:
    a, b = identity_of("a"), identity_of("b")
    _, decided = enter(asking.ledger, ALICE, derived(ALICE, b, a), decision(ALICE, b))
    receipt = revoke(asking.ledger, BOB, RevocationSubject(a), "bad")
    blob = asking.ledger.path / "claims" / asking.ledger.entry(receipt.index).event.claim_sha256
    blob.unlink()
    family = asking.twin(path_of(b))["family"]
    assert (family["root_revoked"], family["root_tainted"]) == (None, None)
    assert [one["revoked"] for one in family["ancestors"]] == [None]
    query = f"left={a}&right={b}"
    for path, asked in ((path_of(b), ""), (f"decisions/{decided}", ""), ("compare", query)):
        text = asking.page(path, asked).text
        assert "not known" in text, path
        assert "not itself revoked" not in text, path
    for path in ("", "entries/1", path_of(a), "revocations", f"decisions/{decided}"):
        html = asking.html(path).decode()
        assert str(asking.ledger.path) not in html, path
        assert str(asking.ledger.path) not in str(asking.twin(path)), path
    assert f"the claim of entry {receipt.index} is missing" in asking.page(path_of(a)).text


def test_erased_claims_of_descent_are_named_and_never_none(asking: Asking) -> None:
    a, b = identity_of("a"), identity_of("b")
    (step,) = enter(asking.ledger, ALICE, derived(ALICE, b, a))
    revoke(asking.ledger, BOB, RevocationSubject(a), "bad")
    erase(asking, step)
    assert asking.twin(path_of(b))["family"]["erased"] == 1
    assert "1 was erased" in asking.page(path_of(b)).text
    row = asking.twin("revocations")["revocations"][0]
    assert (row["descendants"], row["more"]) == (0, True)


# --- what is left out is said ---


def test_holders_that_are_not_shown_are_named(asking: Asking) -> None:
    many = [release(ALICE, "a", "LICENSE", f"f{at}") for at in range(53)]
    enter(asking.ledger, ALICE, *many)
    file = manifest_of("a", "LICENSE").sha256["LICENSE"]
    twin = asking.twin(f"artifacts/{file}")
    assert (len(twin["holders"]), twin["more_holders"]) == (50, True)
    assert "There are more than these 50" in asking.page(f"artifacts/{file}").text


def test_every_revocation_from_the_log_before_has_its_page(tmp_path: Path) -> None:
    subjects = [f"wm1:{at:064x}" for at in range(1, 31)]
    with make_ledger(tmp_path / "old", [admitted(ALICE)]) as old:
        for one in subjects:
            revoke(old, ALICE, RevocationSubject(one), "bad")
        recovery = NoteSigner.parse((old.path / "recovery.key").read_text().strip())
        found = inheritance_of(old)
        given: dict[str, Any] = {
            "revoked": found.carried,
            "left": found.left,
            "descent": found.descent,
        }
        succession = succession_of(old, recovery, **given)
    memory = CheckpointMemory(tmp_path / "state")
    named: dict[str, Any] = {"origin": "example.com/next", "succession": succession}
    with Ledger.create(
        tmp_path / "new", submitters=[admitted(ALICE)], memory=memory, **named
    ) as new:
        asking = Asking(new, tmp_path / "index")
        first = asking.twin("revocations")
        assert (len(first["carried"]), first["carried_count"]) == (25, 30)
        assert "revocations?carried=25" in asking.page("revocations").links
        rest = asking.twin("revocations", "carried=25")["carried"]
        listed = [one["subject"] for one in (*first["carried"], *rest)]
        assert sorted(listed) == subjects
        write_site(new, tmp_path / "site", PageOptions(index_folder=tmp_path / "index"))
        assert (tmp_path / "site" / "revocations-carried-25.html").exists()

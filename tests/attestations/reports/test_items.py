"""Frameworks: the lists are whole and sound, and the lineage fills what it should, by any framework."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.attestations.gate_makers import parse, pem
from tests.attestations.ledger.makers import deployed, identity_of, release
from tests.attestations.reports.makers import (
    BASE,
    BUILDER,
    DATA,
    MODEL,
    NOON,
    OWNER,
    RELEASER,
    STRANGER,
    approved,
    decided,
    described,
    dossier_of,
    items_of,
    put,
    results,
    scanned,
    trained,
)
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.revoking import reinstate, revocations_of, revoke
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.predicates.descriptor import Descriptor
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.attestations.reports.claims import CountedClaim
from weightmark.attestations.reports.frameworks import FRAMEWORKS
from weightmark.attestations.reports.interface import Filled, Framework, Status
from weightmark.attestations.reports.register import MAX_ABOUT
from weightmark.attestations.reports.topics import TOPICS
from weightmark.attestations.trust import Trust
from weightmark.provenance.ledger.administration import redact
from weightmark.provenance.ledger.event import Event, Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.plan import make_addition, unique_keys
from weightmark.provenance.ledger.snapshot import LedgerSnapshot
from weightmark.provenance.ledger.store.interface import Row


def words(one: Filled) -> str:
    return "\n".join(line.text for line in one.lines)


def why(claims: Iterable[object]) -> str:
    return "\n".join(str(getattr(one, "why", "")) for one in claims)


def revoke_claim(ledger: Ledger, claim: Bundle) -> None:
    revoke(ledger, OWNER, RevocationSubject(f"sha256:{claim.envelope.claim_id}"), "wrong")


# --- the lists ------------------------------------------------------------------------------------


@pytest.mark.parametrize("framework", FRAMEWORKS.values(), ids=lambda one: one.name)
def test_a_list_is_sound(framework: Framework) -> None:
    ids = [one.id for one in framework.items]
    assert len(set(ids)) == len(ids)
    used = {topic for one in framework.items for topic in one.topics}
    assert used <= set(TOPICS)
    for one in framework.items:
        assert one.source
        assert one.title[0].islower() or one.title[0].isupper()
        assert len(one.title) < 90, "few words of our own, no text of others"
        assert one.topics or one.person, "nobody says how it is filled"
        assert not one.person.endswith(".")


def test_every_point_of_annex_iv_is_there() -> None:
    points = {one.id for one in FRAMEWORKS["annex-iv"].items}
    first = {f"1({letter})" for letter in "abcdefgh"}
    second = {f"2({letter})" for letter in "abcdefgh"}
    assert points == first | second | set("3456789") | {"Art. 11", "Art. 12", "Art. 15", "Art. 18"}


def test_all_seven_clusters_are_there() -> None:
    clusters = {one.source for one in FRAMEWORKS["g7-sbom-ai"].items}
    assert len(clusters) == 7


def test_all_practices_and_functions_are_there() -> None:
    practices = {re.match(r"[A-Z]+\.\d", one.id)[0] for one in FRAMEWORKS["ssdf"].items}  # type: ignore[index] # all match
    expected = [f"PO.{n}" for n in range(1, 6)] + [f"PS.{n}" for n in range(1, 4)]
    expected += [f"PW.{n}" for n in range(1, 10)] + [f"RV.{n}" for n in range(1, 4)]
    assert practices == set(expected)
    categories = {one.id.partition(".")[0] for one in FRAMEWORKS["nist-rmf"].items}
    assert categories == {
        *(f"GOVERN {n}" for n in range(1, 7)),
        *(f"MAP {n}" for n in range(1, 6)),
        *(f"MEASURE {n}" for n in range(1, 5)),
        *(f"MANAGE {n}" for n in range(1, 5)),
    }


# --- the lineage ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "filled", "person"),
    [
        ("annex-iv", ["1(a)", "1(c)", "1(d)", "2(a)", "2(d)", "2(g)", "2(h)", "3", "6", "9"], ["1(b)", "7", "8"]),
        ("ssdf", ["PS.2.1", "PO.3.3", "PO.4.2", "PS.1.3", "PW.4.4", "PW.8"], ["PO.5.1", "PW.5.1"]),
        ("g7-sbom-ai", ["MDL-1", "MDL-2", "MDL-4", "MDL-7", "DP-1", "DP-2", "SP-1"], ["SLP-3"]),
        ("nist-rmf", ["MANAGE 1.1", "MEASURE 2.8", "MAP 4.2", "GOVERN 1.4"], ["MAP 1", "GOVERN 3"]),
    ],
)  # fmt: skip
def test_the_lineage_fills_what_it_should(
    lineage: Ledger, name: str, filled: list[str], person: list[str]
) -> None:
    found = items_of(lineage, name)
    for one in filled:
        assert found[one].status in (Status.FILLED, Status.PARTLY), one
        assert found[one].lines
    for one in person:
        assert found[one].status is Status.PERSON
        assert not found[one].lines
    assert not any(one.status is Status.AGAINST for one in found.values())


def test_evidence_names_entry_claim_signer_right_and_clock(lineage: Ledger) -> None:
    claims = dossier_of(lineage).claims.counted
    scan = next(one for one in claims if one.kind == "scan")
    line = next(one for one in items_of(lineage)["2(h)"].lines if "scanner" in one.text)
    assert (line.entry, line.claim) == (scan.entry, f"sha256:{scan.verified.claim_id}")
    assert (line.signer, line.right) == (OWNER.identity.name, "admitted for scan")
    assert (line.at, line.clock) == (NOON + timedelta(minutes=2), "the log's own clock")


def test_what_went_in_is_told_from_data(lineage: Ledger) -> None:
    found = items_of(lineage)
    assert BASE in words(found["2(a)"])
    assert DATA not in words(found["2(a)"])
    assert DATA in words(found["2(d)"])


def test_the_same_ledger_gives_the_same_items_twice(lineage: Ledger) -> None:
    assert items_of(lineage) == items_of(lineage)


def test_an_artifact_that_nobody_entered_has_no_evidence(lineage: Ledger) -> None:
    found = items_of(lineage, identity=f"wm1:{'ab' * 32}")
    assert {one.status for one in found.values()} <= {Status.MISSING, Status.PERSON, Status.PARTLY}
    assert not any(line.claim for one in found.values() for line in one.lines)


# --- adversaries ----------------------------------------------------------------------------------


def test_a_signer_without_the_kind_fills_nothing(lineage: Ledger) -> None:
    """One admitted for releases has a scan observed: it is listed, and is no evidence."""
    put(lineage, RELEASER, scanned(RELEASER, BASE), kind="observed")
    found = dossier_of(lineage, BASE)
    assert not found.of("scan")
    assert "entered as `observed`" in why(found.claims.uncounted)
    assert items_of(lineage, identity=BASE)["2(h)"].status is Status.PARTLY
    assert "scanner" not in words(items_of(lineage, identity=BASE)["2(h)"])


def test_a_stranger_whose_claim_is_carried_in_fills_nothing(lineage: Ledger) -> None:
    put(lineage, OWNER, scanned(STRANGER, BASE), kind="observed")
    found = dossier_of(lineage, BASE)
    assert not found.of("scan")
    assert len(found.claims.uncounted) == 1


def test_a_revoked_claim_is_no_evidence_any_more(lineage: Ledger) -> None:
    claim = results(OWNER, BASE)
    put(lineage, OWNER, claim)
    assert dossier_of(lineage, BASE).of("test")
    revoke_claim(lineage, claim)
    found = dossier_of(lineage, BASE)
    assert not found.of("test")
    assert "revoked at" in why(found.claims.uncounted)


def test_a_revoked_signer_is_no_evidence_any_more(lineage: Ledger) -> None:
    put(lineage, RELEASER, release(RELEASER, "old"))
    revoke(lineage, OWNER, RevocationSubject(RELEASER.identity.name), "leaked")
    found = dossier_of(lineage, identity_of("old"))
    assert not found.claims.counted
    assert "leaked" in why(found.claims.uncounted)


def test_a_report_of_the_past_does_not_forget_a_revocation(lineage: Ledger) -> None:
    """Whoever dates a report before a revocation gets it all the same."""
    revoke(lineage, OWNER, RevocationSubject(MODEL), "poisoned")
    found = items_of(lineage, at=NOON + timedelta(minutes=5))
    assert found["5"].status is Status.AGAINST
    assert "poisoned" in words(found["5"])


def test_a_revoked_base_taints_what_was_made_from_it_whatever_is_approved(lineage: Ledger) -> None:
    revoke(lineage, OWNER, RevocationSubject(BASE), "poisoned")
    assert items_of(lineage, "nist-rmf")["MANAGE 3.2"].status is Status.AGAINST
    put(lineage, OWNER, approved(OWNER, MODEL, reason="no matter"))
    assert items_of(lineage, "nist-rmf")["MANAGE 3.2"].status is Status.AGAINST


def test_an_approval_that_has_ended_is_no_evidence(ledger: Ledger) -> None:
    put(ledger, OWNER, release(OWNER, "model"), approved(OWNER, MODEL, days=1))
    before, after = NOON + timedelta(hours=1), NOON + timedelta(days=2)
    assert dossier_of(ledger, at=before).of("approval")
    found = dossier_of(ledger, at=after)
    assert not found.of("approval")
    assert "the approval has ended" in why(found.claims.uncounted)


def test_a_denial_is_shown_whatever_follows_by_another_gate(lineage: Ledger) -> None:
    """A second gate that lets it through does not outdo the denial of the first."""
    put(
        lineage,
        OWNER,
        decided(OWNER, MODEL, passed=False, at=NOON + timedelta(minutes=9)),
        minutes=9,
    )
    found = items_of(lineage, "nist-rmf")["GOVERN 1.4"]
    assert found.status is Status.AGAINST
    assert "FAILED" in words(found)


def test_a_failed_test_is_not_outdone_by_another_that_passes(lineage: Ledger) -> None:
    put(lineage, OWNER, results(OWNER, MODEL, "FAILED", failed=("bias",)), minutes=8)
    put(lineage, OWNER, results(OWNER, MODEL, passed=("smoke",)), minutes=9)
    found = items_of(lineage)["2(g)"]
    assert found.status is Status.AGAINST
    assert "bias" in words(found)


def test_a_scan_that_says_that_it_did_not_look_is_no_scan(ledger: Ledger) -> None:
    put(ledger, OWNER, release(OWNER, "model"), scanned(OWNER, MODEL, result="not-scanned"))
    found = items_of(ledger, "ssdf")["PW.7"]
    assert found.status is Status.MISSING
    assert [one.title for one in found.missing] == ["a scan"]


def test_a_scan_with_high_findings_speaks_against_it(ledger: Ledger) -> None:
    put(ledger, OWNER, release(OWNER, "model"), scanned(OWNER, MODEL, "high"))
    assert items_of(ledger, "ssdf")["PW.7"].status is Status.AGAINST


def test_an_erased_claim_is_named_and_leaves_the_report_unchecked(lineage: Ledger) -> None:
    scan = next(one for one in dossier_of(lineage).claims.counted if one.kind == "scan")
    assert scan.logged
    redact(lineage, f"sha256:{scan.logged.event.claim_sha256}", "asked")
    found = dossier_of(lineage)
    assert not found.of("scan")
    lost = next(one for one in found.claims.uncounted if one.entry == scan.entry)
    assert lost.unread
    assert "erased or is missing" in lost.why


def test_inputs_that_nobody_can_follow_are_counted(ledger: Ledger) -> None:
    vague = Descriptor(uri="hf://somewhere/else")
    put(ledger, BUILDER, trained(BUILDER, MODEL, also=(vague,)))
    assert dossier_of(ledger).unfollowed == 1


def test_a_circle_ends(ledger: Ledger) -> None:
    put(ledger, BUILDER, trained(BUILDER, MODEL), trained(BUILDER, BASE, base=MODEL))
    assert {one.identity for one in dossier_of(ledger).ancestors} == {BASE, DATA}


def test_a_claim_that_counts_is_made_by_weighing_only(lineage: Ledger) -> None:
    counted = dossier_of(lineage).claims.counted[0]
    with pytest.raises(TypeError):
        replace(counted, kind="scan")
    with pytest.raises(TypeError):
        CountedClaim("scan", counted.verified, "", "", None, None, object())


# --- by a policy ----------------------------------------------------------------------------------


QA = f"[roles.qa]\nkeys = {pem(RELEASER.public, OWNER.public)}\n"


def rules(text: str, roles: str = "") -> Policy:
    """A policy with the role `release` of the owner, and what `text` demands."""
    release_ = f"[roles.release]\nkeys = {pem(OWNER.public)}\n"
    return parse(f"version = 1\n{release_}{roles}[require.release]\nrole = 'release'\n{text}")


def test_with_a_policy_its_roles_decide_and_not_the_ledger(lineage: Ledger) -> None:
    policy = rules("[require.scan]\nrole = 'qa'\n[require.provenance]\nrole = 'qa'\n", QA)
    found = dossier_of(lineage, policy=policy)
    assert [one.right for one in found.of("scan")] == ["role qa"]
    assert not found.of("provenance"), (
        "the builder is in no role, whatever the ledger admits it for"
    )
    assert [one.right for one in found.of("decision")] == ["admitted for decision"]


def test_an_observed_claim_by_a_role_counts_with_the_policy(lineage: Ledger) -> None:
    put(lineage, OWNER, described(OWNER, DATA))
    assert not dossier_of(lineage, DATA).of("dataset")
    builder = f"[roles.builder]\nkeys = {pem(BUILDER.public)}\n"
    policy = rules("[require.dataset]\nrole = 'release'\n[chain]\nrole = 'builder'\n", builder)
    assert dossier_of(lineage, DATA, policy=policy).of("dataset")
    assert "CC-BY-4.0" in words(items_of(lineage, policy=policy)["2(d)"])


def test_one_of_two_that_have_to_agree_is_no_evidence(lineage: Ledger) -> None:
    two = QA.replace("[roles.qa]", "[roles.qa]\nthreshold = 2")
    policy = rules("[require.scan]\nrole = 'qa'\n", two)
    found = dossier_of(lineage, policy=policy)
    assert not found.of("scan")
    assert "1 of the 2 members of the role qa" in why(found.claims.uncounted)
    put(lineage, OWNER, scanned(RELEASER, MODEL), kind="observed")
    assert len(dossier_of(lineage, policy=policy).of("scan")) == 2


QA_TWO = QA.replace("[roles.qa]", "[roles.qa]\nthreshold = 2")


def test_one_failed_test_is_enough_where_two_have_to_agree(lineage: Ledger) -> None:
    """A threshold is for what speaks for an artifact: the gate denies by one member's word, too."""
    policy = rules("[require.test]\nrole = 'qa'\n", QA_TWO)
    put(lineage, OWNER, results(OWNER, MODEL, "FAILED", failed=("bias",)), minutes=8)
    found = items_of(lineage, policy=policy)["2(g)"]
    assert found.status is Status.AGAINST
    assert "bias" in words(found)


def test_a_passed_and_a_failed_test_are_no_two_who_agree(lineage: Ledger) -> None:
    policy = rules("[require.test]\nrole = 'qa'\n", QA_TWO)
    put(lineage, OWNER, results(RELEASER, MODEL, "FAILED", failed=("bias",)), kind="observed")
    counted = dossier_of(lineage, policy=policy).of("test")
    assert [one.is_bad for one in counted] == [True]


def test_one_scan_with_findings_is_enough_where_two_have_to_agree(lineage: Ledger) -> None:
    policy = rules("[require.scan]\nrole = 'qa'\n", QA_TWO)
    put(lineage, OWNER, scanned(OWNER, MODEL, "critical"))
    assert [one.is_bad for one in dossier_of(lineage, policy=policy).of("scan")] == [True]


def test_a_failed_test_that_is_old_or_undated_is_not_forgotten(lineage: Ledger) -> None:
    policy = rules("[require.test]\nrole = 'release'\nmax_age = '1d'\n")
    put(lineage, OWNER, results(OWNER, MODEL, "FAILED", failed=("bias",)), minutes=8)
    assert items_of(lineage, policy=policy)["2(g)"].status is Status.AGAINST


def test_what_is_older_than_the_policy_allows_is_no_evidence(lineage: Ledger) -> None:
    """The log's own clock proves no age: nothing but a verified clock does."""
    policy = rules("[require.test]\nrole = 'release'\nmax_age = '1d'\n")
    found = dossier_of(lineage, policy=policy)
    assert not found.of("test")
    assert "no verified clock" in why(found.claims.uncounted)


def test_whom_the_caller_names_decides_nothing_about_gates(lineage: Ledger) -> None:
    trust = Trust.in_keys([RELEASER.public])
    put(lineage, RELEASER, release(RELEASER, "model"))
    found = dossier_of(lineage, trust=trust)
    assert {one.kind for one in found.claims.counted} == {"release", "decision", "deployment"}
    assert {one.right for one in found.of("release")} == {"named by the caller"}


def test_a_lifted_revocation_is_no_evidence_against_it(lineage: Ledger) -> None:
    revoke(lineage, OWNER, RevocationSubject(MODEL), "looks bad")
    assert items_of(lineage)["5"].status is Status.AGAINST
    reinstate(lineage, OWNER, revocations_of(lineage, MODEL), "fine")
    assert items_of(lineage)["5"].status is Status.AGAINST, "one voice lifts nothing"


def test_other_releases_of_the_name_are_versions(lineage: Ledger) -> None:
    """Only of the same signer: whoever takes the name of another is no version of it."""
    put(lineage, OWNER, release(OWNER, "older", title="model"))
    put(lineage, RELEASER, release(RELEASER, "fake", title="model"))
    said = words(items_of(lineage)["6"])
    assert identity_of("older") in said
    assert identity_of("fake") not in said


def test_deployments_fill_what_they_should(lineage: Ledger) -> None:
    put(lineage, OWNER, deployed(OWNER, MODEL, "edge/device"), minutes=9)
    assert "edge/device" in words(items_of(lineage)["9"])


# --- large ledgers --------------------------------------------------------------------------------


def flood(ledger: Ledger, count: int) -> None:
    """Write entries as the log does, without a claim for each: somebody observes the model again and again."""
    signer = ledger.home.read_signer(ledger.verifier)
    party = OWNER.identity.name
    with ledger.home.store.write() as store:
        snapshot = LedgerSnapshot.of(store, ledger.verifier)
        size = snapshot.head.size
        rows = []
        for number in range(count):
            digest = f"{number:064x}"
            event = Event(
                Kind.OBSERVED, ledger.origin, f"e-{number}", digest, digest, digest, MODEL, party, party,
                "2030-11-21T13:00:00Z",
            )  # fmt: skip
            rows.append(Row(size + number, event.to_bytes(), event, unique_keys(event)))
        store.add(make_addition(rows, size, store.tile, snapshot.nodes, signer))
    ledger.publish()
    ledger.refresh()


def test_a_denial_is_not_hidden_behind_thousands_of_observations(lineage: Ledger) -> None:
    put(lineage, OWNER, decided(OWNER, MODEL, passed=False), minutes=9)
    flood(lineage, MAX_ABOUT + 10)
    found = dossier_of(lineage)
    assert any(f"over {MAX_ABOUT} entries" in one for one in found.problems)
    assert items_of(lineage, "nist-rmf")["MANAGE 1.1"].status is Status.AGAINST

"""Incidents and zero trust: from signature to containment, and shares that nobody can dress up."""

from datetime import timedelta
from typing import Any

import pytest

from tests.attestations.ledger.makers import deployed, derived, identity_of, release, state
from tests.attestations.reports.makers import (
    BASE,
    BUILDER,
    DATA,
    MODEL,
    NOON,
    OLD,
    OWNER,
    RELEASER,
    approved,
    decided,
    put,
    register_of,
    scanned,
)
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.revoking import revoke
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.attestations.predicates.slsa_provenance import (
    SLSA_PROVENANCE_PREDICATE,
    SlsaProvenance,
)
from weightmark.attestations.reports.estate import estate_report
from weightmark.attestations.reports.figures import Duration, Figure, duration_words
from weightmark.attestations.reports.incident import Incident, investigate
from weightmark.attestations.reports.making import jury_for
from weightmark.attestations.reports.timeline import figures_of, incident_report
from weightmark.attestations.reports.zero_trust import Estate, survey
from weightmark.provenance.ledger.log import Ledger

REPLACEMENT = identity_of("replacement")


def revoke_at(ledger: Ledger, what: str | Bundle, minutes: float) -> int:
    """Revoke a digest or a claim so many minutes after noon."""
    text = what if isinstance(what, str) else f"sha256:{what.envelope.claim_id}"
    moment = NOON + timedelta(minutes=minutes)
    return revoke(ledger, OWNER, RevocationSubject(text), "poisoned", now=moment).index


def incident_of(ledger: Ledger, identity: str = MODEL) -> Incident:
    with register_of(ledger) as register:
        return investigate(register, jury_for(None, None, register, None), identity)


def estate_of(ledger: Ledger, **more: Any) -> Estate:
    with register_of(ledger) as register:
        return survey(register, jury_for(more.get("policy"), None, register, more.get("at")))


def figure(found: Estate | Incident, name: str) -> Figure | Duration:
    figures = found.figures if isinstance(found, Estate) else figures_of(found)
    return next(one for one in figures if one.id == name)


def phases(incident: Incident) -> dict[str, str | None]:
    report = incident_report(incident, at_from="a test")
    return {one["phase"]: one["time"] for one in report.facts["phases"]}


# --- incidents ------------------------------------------------------------------------------------


def test_an_incident_goes_from_signature_to_containment(lineage: Ledger) -> None:
    put(lineage, OWNER, release(OWNER, "replacement", title="model"), minutes=5)
    revoke_at(lineage, MODEL, 60)
    (ended,) = put(lineage, OWNER, deployed(OWNER, REPLACEMENT, "prod/api"), minutes=90)
    found = incident_of(lineage)
    times = phases(found)
    assert times == {
        "signed": "2030-11-21T12:02:00Z",
        "approved": "2030-11-21T12:03:00Z",
        "decided": "2030-11-21T12:03:00Z",
        "deployed": "2030-11-21T12:04:00Z",
        "revoked": "2030-11-21T13:00:00Z",
        "contained": "2030-11-21T13:30:00Z",
    }
    assert not found.open
    (one,) = found.contained
    assert one.ending
    assert (one.ending.entry, one.ending.how) == (ended, "replaced")
    assert figure(found, "time-to-containment").value == "30 min"
    assert not found.problems


def test_a_deployment_that_is_withdrawn_has_ended(lineage: Ledger) -> None:
    """Revoking the claim of a deployment ends it, and does not undo that it happened."""
    claim = deployed(OWNER, MODEL, "edge")
    put(lineage, OWNER, claim, minutes=5)
    revoke_at(lineage, MODEL, 60)
    revoke_at(lineage, claim, 70)
    found = incident_of(lineage)
    ends = {one.deployment.target: one.ending and one.ending.how for one in found.running}
    assert ends == {"prod/api": None, "edge": "withdrawn"}
    assert phases(found)["contained"] is None, "one place may run still"
    assert figure(found, "contained").value == "1 of 2 (50.0 %)"


def test_deploying_something_unrelated_contains_nothing(lineage: Ledger) -> None:
    """A place may run several models: only another release of the same name replaces one."""
    put(lineage, OWNER, release(OWNER, "replacement", title="other"), minutes=5)
    revoke_at(lineage, MODEL, 60)
    put(lineage, OWNER, deployed(OWNER, REPLACEMENT, "prod/api"), minutes=90)
    assert [one.deployment.target for one in incident_of(lineage).open] == ["prod/api"]


def test_a_replacement_that_descends_from_it_contains_nothing(lineage: Ledger) -> None:
    put(lineage, BUILDER, derived(BUILDER, REPLACEMENT, MODEL), minutes=5)
    put(lineage, OWNER, release(OWNER, "replacement", title="model"), minutes=5)
    revoke_at(lineage, MODEL, 60)
    put(lineage, OWNER, deployed(OWNER, REPLACEMENT, "prod/api"), minutes=90)
    found = incident_of(lineage)
    assert {one.deployment.identity for one in found.open} == {MODEL, REPLACEMENT}
    assert [one.after for one in found.running] == [False, True]


def test_a_replacement_that_is_revoked_itself_contains_nothing(lineage: Ledger) -> None:
    """The place runs another revoked release: an incident says what the figures of the ledger say."""
    put(lineage, OWNER, release(OWNER, "replacement", title="model"), minutes=5)
    revoke_at(lineage, MODEL, 60)
    put(lineage, OWNER, deployed(OWNER, REPLACEMENT, "prod/api"), minutes=90)
    assert figure(incident_of(lineage), "contained").value == "1 of 1 (100.0 %)"
    revoke_at(lineage, REPLACEMENT, 95)
    found, estate = incident_of(lineage), estate_of(lineage)
    assert [one.deployment.identity for one in found.open] == [MODEL]
    assert (
        incident_report(found, at_from="a test").facts["state"].startswith("revoked, and may run")
    )
    assert figure(estate, "contained").value == "0 of 2 (0.0 %)"


def test_a_replacement_made_from_something_else_that_is_revoked_contains_nothing(
    lineage: Ledger,
) -> None:
    put(lineage, BUILDER, derived(BUILDER, REPLACEMENT, OLD), minutes=5)
    put(lineage, OWNER, release(OWNER, "replacement", title="model"), minutes=5)
    revoke_at(lineage, MODEL, 60)
    put(lineage, OWNER, deployed(OWNER, REPLACEMENT, "prod/api"), minutes=90)
    revoke_at(lineage, OLD, 95)
    assert len(incident_of(lineage).open) == 1


def test_a_sound_release_after_a_revoked_one_contains_it(lineage: Ledger) -> None:
    third = identity_of("third")
    for name in ("replacement", "third"):
        put(lineage, OWNER, release(OWNER, name, title="model"), minutes=5)
    revoke_at(lineage, MODEL, 60)
    put(lineage, OWNER, deployed(OWNER, REPLACEMENT, "prod/api"), minutes=70)
    revoke_at(lineage, REPLACEMENT, 80)
    (ended,) = put(lineage, OWNER, deployed(OWNER, third, "prod/api"), minutes=90)
    found = incident_of(lineage)
    assert [one.ending and one.ending.entry for one in found.running] == [ended]


def test_a_replacement_that_was_withdrawn_itself_contains_nothing(lineage: Ledger) -> None:
    put(lineage, OWNER, release(OWNER, "replacement", title="model"), minutes=5)
    revoke_at(lineage, MODEL, 60)
    claim = deployed(OWNER, REPLACEMENT, "prod/api")
    put(lineage, OWNER, claim, minutes=90)
    revoke_at(lineage, claim, 95)
    assert len(incident_of(lineage).open) == 1


def test_somebody_else_without_the_role_withdraws_nothing(lineage: Ledger) -> None:
    """Whoever may not revoke what others say ends no deployment by naming its claim."""
    claim = deployed(OWNER, MODEL, "edge")
    put(lineage, OWNER, claim, minutes=5)
    observed = deployed(RELEASER, MODEL, "edge")
    assert observed.envelope.claim_id == claim.envelope.claim_id
    revoke(lineage, RELEASER, RevocationSubject(f"sha256:{claim.envelope.claim_id}"), "mine")
    revoke_at(lineage, MODEL, 60)
    assert "edge" in {one.deployment.target for one in incident_of(lineage).open}


def test_what_ended_before_the_revocation_is_not_affected(lineage: Ledger) -> None:
    claim = deployed(OWNER, MODEL, "edge")
    put(lineage, OWNER, claim, minutes=5)
    revoke_at(lineage, claim, 30)
    revoke_at(lineage, MODEL, 60)
    assert [one.deployment.target for one in incident_of(lineage).affected] == ["prod/api"]


def test_a_revoked_base_is_an_incident_of_what_descends(lineage: Ledger) -> None:
    revoke_at(lineage, BASE, 60)
    found = incident_of(lineage, BASE)
    assert [one.deployment.identity for one in found.open] == [MODEL]
    assert "MODEL" not in str(found.problems)
    assert {one.identity for one in found.moments if one.phase == "decided"} == {MODEL}


def test_times_are_by_the_logs_clock_and_never_by_the_claims_word(lineage: Ledger) -> None:
    """A gate that says that it decided years ago changes no phase."""
    put(lineage, OWNER, decided(OWNER, MODEL, at=NOON - timedelta(days=900)), minutes=9)
    found = incident_of(lineage)
    assert phases(found)["decided"] == "2030-11-21T12:03:00Z"
    clocks = {one.line.clock for one in found.moments if one.line.at}
    assert clocks == {"the log's own clock"}


def test_a_log_whose_clock_runs_backwards_is_named_and_gives_no_time(lineage: Ledger) -> None:
    put(lineage, OWNER, release(OWNER, "replacement", title="model"), minutes=5)
    revoke_at(lineage, MODEL, 60)
    put(lineage, OWNER, deployed(OWNER, REPLACEMENT, "prod/api"), minutes=30)
    found = incident_of(lineage)
    assert any("runs backwards" in one for one in found.problems)
    assert figure(found, "time-to-containment").value == "no data"
    assert figure(found, "contained").value == "1 of 1 (100.0 %)"


def test_an_artifact_that_was_not_revoked_is_said_to_be(lineage: Ledger) -> None:
    report = incident_report(incident_of(lineage), at_from="a test")
    assert report.facts["state"] == "not revoked"
    assert figure(incident_of(lineage), "contained").value == "no data"


# --- zero trust -----------------------------------------------------------------------------------


def test_every_share_has_a_formula_and_the_entries_of_its_numerator(lineage: Ledger) -> None:
    found = estate_of(lineage)
    for one in found.figures:
        assert " / " in one.formula
        if isinstance(one, Figure):
            assert len(one.entries) == one.numerator
            assert len(set(one.entries)) == one.numerator
    assert figure(found, "signed").value == "3 of 3 (100.0 %)"
    assert figure(found, "scanned").value == "1 of 3 (33.3 %)"
    assert figure(found, "traced").value == "1 of 3 (33.3 %)"
    assert figure(found, "gated").value == "1 of 3 (33.3 %)"
    assert figure(found, "gated-in-use").value == "1 of 1 (100.0 %)"
    assert figure(found, "deployed-after-gate").value == "1 of 1 (100.0 %)"


def test_a_step_that_names_no_input_traces_nothing(ledger: Ledger) -> None:
    """Whoever leaves the list of inputs empty has not named every input."""
    put(ledger, OWNER, release(OWNER, "model"))
    empty = SlsaProvenance("https://example.com/type", {}, (), "https://example.com/builder", {})
    put(ledger, BUILDER, state(BUILDER, MODEL, SLSA_PROVENANCE_PREDICATE, empty.to_predicate()))
    assert figure(estate_of(ledger), "traced").value == "0 of 1 (0.0 %)"


def test_a_ledger_without_artifacts_has_no_data_and_no_share(ledger: Ledger) -> None:
    found = estate_of(ledger)
    assert {one.value for one in found.figures} == {"no data"}
    assert "100" not in str(estate_report(found, at_from="a test").facts["figures"])


def test_signing_twice_counts_once(ledger: Ledger) -> None:
    """Two signers, and the same twice: the artifact is one in numerator and denominator."""
    put(ledger, OWNER, release(OWNER, "model"), release(OWNER, "model", title="renamed"))
    put(ledger, RELEASER, release(RELEASER, "model"))
    one = figure(estate_of(ledger), "signed")
    assert (one.numerator, one.denominator) == (1, 1)


def test_the_name_of_a_digest_makes_no_second_artifact(ledger: Ledger) -> None:
    """`wm1:` and `sha256:` with the same digits are one thing."""
    from weightmark.attestations.statements import Statement

    put(ledger, OWNER, release(OWNER, "model"))
    digest = MODEL.removeprefix("wm1:")
    said = {"reason": "fine"}
    plain = Statement.about_digest("m", digest, "https://weightmark/predicates/approval/v1", said)
    put(ledger, OWNER, OWNER.sign_statement(plain))
    assert figure(estate_of(ledger), "signed").denominator == 1


def test_all_but_one_are_never_rounded_up_to_all() -> None:
    assert Figure("x", "", "", 99_999, 100_000).value == "99999 of 100000 (99.9 %)"
    assert Figure("x", "", "", 0, 0).value == "no data"


@pytest.mark.parametrize("later", ["FAILED", "clean"])
def test_the_denial_or_finding_of_one_is_not_outdone_by_another(ledger: Ledger, later: str) -> None:
    put(ledger, OWNER, release(OWNER, "model"), scanned(OWNER, MODEL, "critical"))
    put(ledger, OWNER, decided(OWNER, MODEL, passed=False), minutes=1)
    if later == "clean":
        put(ledger, OWNER, scanned(RELEASER, MODEL), kind="observed", minutes=2)
    found = estate_of(ledger)
    assert figure(found, "gated").numerator == 0
    assert figure(found, "scanned").numerator == 0


def test_a_deployment_before_its_decision_did_not_wait_for_the_gate(ledger: Ledger) -> None:
    put(ledger, OWNER, release(OWNER, "model"), deployed(OWNER, MODEL), minutes=1)
    put(ledger, OWNER, decided(OWNER, MODEL), minutes=2)
    found = estate_of(ledger)
    assert figure(found, "deployed-after-gate").value == "0 of 1 (0.0 %)"
    assert figure(found, "gated").value == "1 of 1 (100.0 %)"


def test_a_step_that_names_an_input_by_uri_only_is_not_traced(ledger: Ledger) -> None:
    from weightmark.attestations.predicates.slsa_provenance import SLSA_PROVENANCE_PREDICATE

    predicate = {
        "buildDefinition": {
            "buildType": "https://weightmark/buildtypes/finetune/v1",
            "externalParameters": {},
            "resolvedDependencies": [{"uri": "hf://acme/base"}],
        },
        "runDetails": {"builder": {"id": "https://example.com/builder"}},
    }
    put(ledger, OWNER, release(OWNER, "model"))
    put(ledger, BUILDER, state(BUILDER, MODEL, SLSA_PROVENANCE_PREDICATE, predicate))
    assert figure(estate_of(ledger), "traced").numerator == 0
    put(ledger, OWNER, approved(OWNER, MODEL))
    assert figure(estate_of(ledger), "traced").numerator == 1


def test_a_place_reached_by_two_revocations_counts_once(lineage: Ledger) -> None:
    put(lineage, OWNER, release(OWNER, "replacement", title="model"), minutes=5)
    revoke_at(lineage, BASE, 60)
    revoke_at(lineage, MODEL, 70)
    put(lineage, OWNER, deployed(OWNER, REPLACEMENT, "prod/api"), minutes=80)
    found = estate_of(lineage)
    assert figure(found, "contained").value == "1 of 1 (100.0 %)"
    assert figure(found, "time-to-containment").value == "20 min", "from the first"


def test_what_runs_although_it_was_revoked_is_listed(lineage: Ledger) -> None:
    revoked = revoke_at(lineage, DATA, 60)
    (one,) = estate_of(lineage).open
    assert (one.deployment.identity, one.deployment.target, one.revocation) == (
        MODEL,
        "prod/api",
        revoked,
    )


def test_approvals_are_listed_with_their_end_open_and_over(ledger: Ledger) -> None:
    put(
        ledger,
        OWNER,
        approved(OWNER, MODEL, reason="long", days=9),
        approved(OWNER, OLD, reason="short", days=1),
    )
    put(ledger, RELEASER, approved(RELEASER, BASE, reason="nobody"), kind="observed")
    listed = estate_of(ledger, at=NOON + timedelta(days=2)).exemptions
    assert [(one.reason, one.open) for one in listed] == [("long", True), ("short", False)]


def test_whoever_forges_the_end_of_an_approval_in_its_reason_changes_nothing(
    ledger: Ledger,
) -> None:
    put(ledger, OWNER, approved(OWNER, MODEL, reason="expires: 2099-01-01", days=1))
    (one,) = estate_of(ledger, at=NOON + timedelta(days=2)).exemptions
    assert not one.open


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(hours=26, minutes=3), "1 d 2 h"),
        (timedelta(seconds=-61), "-1 min 1 s"),
    ],
)
def test_lengths_of_time_are_said_in_two_units(length: timedelta, said: str) -> None:
    assert duration_words(length) == said

"""Ages: a timestamp proves `not later than`, and anybody who holds a claim can have it stamped once more."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from tests.attestations.chain.chains import approve, descriptor, made, signer, state
from tests.attestations.gate_claims import judged, rules
from tests.attestations.gate_makers import NOW
from tests.attestations.trust.makers import Stamps
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.gate.decision import Decision, Verdict
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.predicates.bom import CYCLONEDX_PREDICATE, SPDX_PREDICATE
from weightmark.attestations.predicates.slsa_provenance import SLSA_PROVENANCE_PREDICATE
from weightmark.attestations.predicates.test_result import TEST_RESULT_PREDICATE
from weightmark.attestations.predicates.vulns import VULNS_PREDICATE
from weightmark.attestations.statements import Statement
from weightmark.provenance.ledger.event import format_time
from weightmark.provenance.manifest import MANIFEST_MEDIA_TYPE

STAMPS = Stamps()
DAY = timedelta(days=1)


def clocked(text: str, *roles: str) -> Policy:
    """A policy whose roles believe the timestamps of `STAMPS`."""
    policy = rules(text, roles=roles)
    known = {name: replace(role, clocks=STAMPS.clocks()) for name, role in policy.roles.items()}
    return replace(policy, roles=known)


AGED = clocked("[require.test]\nrole = 'tester'\nmax_age = '7d'\n", "tester")
TESTED = clocked("[require.test]\nrole = 'tester'\n", "tester")


def results(result: str, said: datetime | None) -> Bundle:
    """A test result whose signed subject says when it is signed, or says nothing of that."""
    payload = Statement.about_manifest(
        "model",
        descriptor_identity("model"),
        TEST_RESULT_PREDICATE,
        {"result": result, "configuration": []},
        {},
    )
    dated = Statement.dated(payload, format_time(said)) if said else payload
    return signer("tester").sign_statement(dated)


def descriptor_identity(name: str) -> str:
    return f"wm1:{descriptor(name)['digest']['sha256']}"


def stamp(bundle: Bundle, at: datetime) -> Bundle:
    """The same signature, stamped by the trusted authority at `at`: no key of a signer is needed for it."""
    return replace(bundle, timestamps=(STAMPS.over(bundle.envelope.signature, at),))


def outcome(policy: Policy, *bundles: Bundle) -> Verdict:
    """The verdict, the same for every order of the claims."""
    (found,) = {judged(policy, *order).verdict for order in permutations(bundles)}
    return found


def test_an_honest_claim_with_its_own_time_and_a_timestamp_is_as_young_as_it_says() -> None:
    young = stamp(results("PASSED", NOW - 6 * DAY), NOW - 6 * DAY)
    assert outcome(AGED, young) is Verdict.ALLOW


def test_a_claim_that_was_stamped_once_more_is_as_old_as_before() -> None:
    old = results("PASSED", NOW - 20 * DAY)
    for when in (NOW - 20 * DAY, NOW - timedelta(minutes=1)):
        decision = judged(AGED, stamp(old, when))
        assert decision.verdict is Verdict.DENY
        assert "which is too old" in summary(decision)
    both = (stamp(old, NOW - 20 * DAY), stamp(old, NOW))
    assert outcome(AGED, *both) is Verdict.DENY


def test_a_claim_that_says_no_time_has_no_age_however_young_its_timestamp_is() -> None:
    decision = judged(AGED, stamp(results("PASSED", None), NOW))
    assert decision.verdict is Verdict.UNCHECKED
    assert "nothing proves when" in summary(decision)


def test_a_signers_word_alone_is_no_age() -> None:
    assert outcome(AGED, results("PASSED", NOW)) is Verdict.UNCHECKED


def test_a_word_that_a_clock_contradicts_is_none() -> None:
    ahead = stamp(results("PASSED", NOW), NOW - DAY)
    assert outcome(AGED, ahead) is Verdict.UNCHECKED


def test_a_failure_is_not_hidden_behind_an_older_success_that_was_stamped_anew() -> None:
    for said in (NOW - 20 * DAY, None):
        passed, failed = results("PASSED", said), results("FAILED", NOW - DAY)
        assert outcome(TESTED, stamp(passed, NOW - 20 * DAY), stamp(failed, NOW - DAY)) is (
            Verdict.DENY
        )
        assert outcome(TESTED, stamp(passed, NOW), stamp(failed, NOW - DAY)) is Verdict.DENY
        three = (stamp(passed, NOW - 20 * DAY), stamp(passed, NOW), stamp(failed, NOW - DAY))
        assert outcome(TESTED, *three) is Verdict.DENY


def test_a_success_that_was_certainly_made_later_lifts_a_failure() -> None:
    failed = stamp(results("FAILED", NOW - 3 * DAY), NOW - 3 * DAY)
    passed = stamp(results("PASSED", NOW - DAY), NOW - DAY)
    assert outcome(TESTED, failed, passed) is Verdict.ALLOW


@pytest.mark.parametrize(
    ("kind", "predicate_type", "predicate"),
    [
        (
            "vulns",
            VULNS_PREDICATE,
            {
                "scanner": {"uri": "https://example.org/s", "version": "1", "result": []},
                "metadata": {"scanStartedOn": "AT", "scanFinishedOn": "AT"},
            },
        ),
        (
            "sbom",
            CYCLONEDX_PREDICATE,
            {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"timestamp": "AT"}},
        ),
        ("sbom", SPDX_PREDICATE, {"spdxVersion": "SPDX-2.3", "creationInfo": {"created": "AT"}}),
    ],
    ids=["vulns", "CycloneDX", "SPDX"],
)
def test_claims_by_other_tools_are_dated_by_the_time_that_their_format_signs(
    kind: str, predicate_type: str, predicate: dict[str, Any]
) -> None:
    policy = clocked(f"[require.{kind}]\nrole = 'scanner'\nmax_age = '7d'\n", "scanner")

    def verdict(said: datetime) -> Verdict:
        text = json.dumps(predicate).replace("AT", format_time(said))
        claim = state("model", predicate_type, json.loads(text), "scanner")
        return judged(policy, stamp(claim, NOW)).verdict

    assert verdict(NOW - 6 * DAY) is Verdict.ALLOW
    assert verdict(NOW - 8 * DAY) is Verdict.DENY


# steps of a chain

CHAINED = clocked("[require.provenance]\nrole = 'builder'\n[chain]\nmax_age = '7d'\n", "builder")


def step(finished: datetime | None) -> Bundle:
    """A fine-tuning that says when it was finished."""
    payload = made("model", "base").envelope.payload
    predicate = json.loads(payload)["predicate"]
    if finished:
        predicate["runDetails"]["metadata"] = {"finishedOn": format_time(finished)}
    return state("model", SLSA_PROVENANCE_PREDICATE, predicate, "builder")


@pytest.mark.parametrize(
    ("finished", "verdict"),
    [(6, Verdict.ALLOW), (20, Verdict.DENY), (None, Verdict.UNCHECKED)],
)
def test_a_step_that_was_stamped_once_more_is_as_old_as_before(
    finished: int | None, verdict: Verdict
) -> None:
    base = stamp(approve("base"), NOW - 30 * DAY)
    done = NOW - finished * DAY if finished else None
    for when in (NOW, *([done] if done else [])):
        assert outcome(CHAINED, stamp(step(done), when), base) is verdict


def test_a_parent_that_is_younger_than_its_child_is_not_hidden_by_a_new_timestamp_of_the_step() -> (
    None
):
    policy = clocked("[require.provenance]\nrole = 'builder'\n[chain]\n", "builder")
    base = stamp(approve("base"), NOW - DAY)
    for when in (NOW - 9 * DAY, NOW):
        decision = judged(policy, stamp(step(NOW - 9 * DAY), when), base)
        codes = {one.code for one in decision.checks}
        assert "younger-parent" in codes, when


def test_only_statements_about_manifests_are_dated() -> None:
    plain = Statement.about_digest("p.toml", "0" * 64, "https://example.com/p", {"b": 1, "a": 2})
    assert Statement.dated(plain, format_time(NOW)) == plain
    ours = Statement.about_manifest("m", "wm1:" + "0" * 64, "https://example.com/p", {}, {"x": "y"})
    subject = json.loads(Statement.dated(ours, format_time(NOW)))["subject"][0]
    assert subject["mediaType"] == MANIFEST_MEDIA_TYPE
    assert subject["annotations"] == {"signedAt": format_time(NOW), "x": "y"}


def summary(decision: Decision) -> str:
    return next(one.summary for one in decision.checks if one.name == "test")

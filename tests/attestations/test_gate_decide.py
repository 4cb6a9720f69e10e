"""The pure core: from evidence to a decision, and nothing else makes one."""

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.gate_makers import KEY, NOW, policy, preset
from weightmark.attestations.checks import Check, Outcome, exit_of, merge_checks
from weightmark.attestations.gate.decision import Decision, Verdict, decide
from weightmark.attestations.gate.evidence import (
    Evidence,
    LedgerEvidence,
    LedgerRecord,
    SignedClaim,
)
from weightmark.attestations.identities import SignerIdentity, SignerKind
from weightmark.attestations.policy.choices import Mode
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.policy.rules import LedgerRule
from weightmark.attestations.predicates.approval import ApprovalClaim
from weightmark.attestations.predicates.registry import Predicate
from weightmark.attestations.predicates.scan import ScanClaim
from weightmark.errors import Exit
from weightmark.provenance.artifact import Outside
from weightmark.provenance.ledger.event import Kind
from weightmark.scanners.findings import FileScan, Finding, ScanReport, Severity
from weightmark.scanners.findings import Outcome as Scanned

IDENTITY = "wm1:" + "a" * 64
WHO = KEY.public.identity
SIGNER_ID = SignerIdentity(SignerKind.KEY, KEY.public.fingerprint)


def signed(kind: str, predicate: Predicate, identity: str = IDENTITY) -> SignedClaim:
    roles = frozenset(["release"])
    return SignedClaim(kind, identity, SIGNER_ID, roles, "d" * 64, None, predicate)


SCANNED = signed("scan", ScanClaim("weightmark 1", "", "clean", "high", ()))
CLEAN = ScanReport.of([FileScan("model.safetensors", ("safetensors",), Scanned.CLEAN, (), ())])
GOOD = Evidence(
    name="model",
    at=NOW,
    identity=IDENTITY,
    files=1,
    size=10,
    checks=(
        Check("signature", Outcome.PASS, f"signed by {WHO}"),
        Check("manifest claim", Outcome.PASS, "1 file as signed"),
    ),
    trusted=(WHO,),
    claims=("c" * 64,),
    scan=CLEAN,
    signed=(SCANNED,),
)
RELEASED = LedgerEvidence(
    "example.com/models", 3, "0" * 64, 0, (LedgerRecord(1, Kind.RELEASE, IDENTITY, WHO),)
)


def needing_ledger(witnesses: int = 0) -> Policy:
    return replace(policy(), ledger=LedgerRule(required=True, witnesses=witnesses))


def test_good_evidence_is_allowed() -> None:
    assert decide(preset("strict"), GOOD).allows


def test_a_decision_is_made_by_deciding_only() -> None:
    with pytest.raises(TypeError):
        Decision(policy(), GOOD, (), Verdict.ALLOW, object())
    with pytest.raises(TypeError):
        replace(decide(policy(), replace(GOOD, scan=None)), seal=object())


def test_the_same_values_give_the_same_decision() -> None:
    rules = policy()
    assert decide(rules, GOOD) == decide(rules, GOOD)


@pytest.mark.parametrize(
    "lost",
    [
        {"checks": ()},
        {"checks": GOOD.checks[:1]},
        {"checks": GOOD.checks[1:]},
        {"scan": None},
        {"identity": ""},
        {"signed": ()},
        {"scan": ScanReport.of([])},
        {"checks": (), "scan": None, "identity": "", "signed": ()},
    ],
    ids=["checks", "content", "signature", "scan", "identity", "claim", "files", "everything"],
)
def test_when_nothing_says_anything_about_a_demand_it_is_never_allowed(
    lost: dict[str, object],
) -> None:
    decision = decide(preset("strict"), replace(GOOD, **lost))  # type: ignore[arg-type] # a table of fields
    assert not decision.allows
    assert decision.exit in (Exit.BAD, Exit.UNCHECKED)


@pytest.mark.parametrize("severity", list(Severity))
def test_a_finding_at_the_threshold_denies_and_below_it_does_not(severity: Severity) -> None:
    finding = Finding("PKL001", severity, "something", "model.safetensors")
    file = replace(CLEAN.files[0], outcome=Scanned.FINDINGS, findings=(finding,))
    decision = decide(preset("baseline"), replace(GOOD, scan=ScanReport.of([file])))
    assert decision.allows == (severity < Severity.HIGH)
    stricter = preset("baseline").with_fail_on(severity)
    assert not decide(stricter, replace(GOOD, scan=ScanReport.of([file]))).allows


def test_a_scan_claim_about_another_artifact_does_not_count() -> None:
    other = replace(SCANNED, identity="wm1:" + "b" * 64)
    assert not decide(preset("strict"), replace(GOOD, signed=(other,))).allows


def test_a_required_ledger_that_was_not_named_is_unchecked() -> None:
    assert decide(needing_ledger(), GOOD).verdict is Verdict.UNCHECKED


def test_a_release_entry_by_a_trusted_signer_is_enough() -> None:
    assert decide(needing_ledger(), replace(GOOD, ledger=RELEASED)).allows


@pytest.mark.parametrize(
    "record",
    [
        LedgerRecord(1, Kind.RELEASE, IDENTITY, ""),
        LedgerRecord(1, Kind.RELEASE, IDENTITY, "key:" + "0" * 64),
        LedgerRecord(1, Kind.RELEASE, "wm1:" + "b" * 64, WHO),
        LedgerRecord(1, Kind.OBSERVED, IDENTITY, WHO),
        LedgerRecord(1, Kind.DECISION, IDENTITY, WHO),
    ],
)
def test_other_entries_are_no_release(record: LedgerRecord) -> None:
    ledger = replace(RELEASED, records=(record,))
    assert decide(needing_ledger(), replace(GOOD, ledger=ledger)).verdict is Verdict.DENY


def test_what_the_ledger_revokes_denies_whatever_else_it_holds() -> None:
    revoked = Check("revocation", Outcome.FAIL, f"the artifact is revoked at #2: `{IDENTITY}`")
    decision = decide(
        preset("baseline"), replace(GOOD, ledger=replace(RELEASED, revocation=revoked))
    )
    assert decision.verdict is Verdict.DENY
    assert revoked in decision.checks


def test_a_ledger_without_witnesses_is_named_and_refused_by_strict() -> None:
    with_ledger = replace(GOOD, ledger=RELEASED)
    told = [check.summary for check in decide(preset("baseline"), with_ledger).checks]
    assert "unwitnessed: the operator could rewrite" in told
    assert decide(preset("baseline"), with_ledger).allows
    assert decide(preset("strict"), with_ledger).verdict is Verdict.DENY
    witnessed = replace(GOOD, ledger=replace(RELEASED, witnesses=1))
    assert decide(preset("strict"), witnessed).allows


def test_a_ledger_that_could_not_be_read_is_unchecked_even_when_it_is_not_required() -> None:
    problem = Check("ledger", Outcome.UNCHECKED, "cannot read")
    ledger = LedgerEvidence("", 0, "", 0, (), problem)
    assert decide(preset("baseline"), replace(GOOD, ledger=ledger)).verdict is Verdict.UNCHECKED


def test_the_approval_that_lasts_longest_counts() -> None:
    unsigned = replace(GOOD, checks=(Check("signature", Outcome.NOTHING, "none"),), signed=())
    approvals = [
        signed("approval", ApprovalClaim("old", NOW)),
        signed("approval", ApprovalClaim("new", NOW.replace(year=2027))),
        signed("approval", ApprovalClaim("other", None), "wm1:" + "b" * 64),
    ]
    for order in permutations(approvals):
        assert decide(preset("baseline"), replace(unsigned, signed=order)).allows
    for only in ([approvals[0]], [approvals[2]]):
        found = decide(preset("baseline"), replace(unsigned, signed=tuple(only)))
        assert found.verdict is Verdict.DENY


FINDINGS = st.builds(
    Finding,
    rule=st.just("PKL001"),
    severity=st.sampled_from(Severity),
    message=st.just("something"),
    path=st.just("model.bin"),
)
FILES = st.builds(
    FileScan,
    path=st.text("ab", min_size=1, max_size=3),
    formats=st.just(()),
    outcome=st.sampled_from(Scanned),
    findings=st.lists(FINDINGS, max_size=2).map(tuple),
    problems=st.lists(st.just("truncated"), max_size=1).map(tuple),
)
CHECKS = st.builds(
    Check,
    name=st.sampled_from(
        ["signature", "manifest claim", "model signature", "links", "names", "claims", "reading"]
    ),
    outcome=st.sampled_from(Outcome),
    summary=st.just("said"),
)
EVIDENCE = st.builds(
    Evidence,
    name=st.just("model"),
    at=st.just(NOW),
    identity=st.sampled_from(["", IDENTITY]),
    files=st.integers(0, 3),
    size=st.just(0),
    checks=st.lists(CHECKS, max_size=6).map(tuple),
    trusted=st.just((WHO,)),
    scan=st.none() | st.lists(FILES, max_size=3).map(ScanReport.of),
    signed=st.sampled_from([(), GOOD.signed]),
    outside=st.sampled_from([(), (Outside(".git", 1),)]),
    uncovered=st.sampled_from([(), ("`.gitignore`",)]),
    ledger=st.sampled_from([None, RELEASED, replace(RELEASED, records=())]),
)
POLICIES = st.sampled_from(
    [preset("baseline"), preset("strict"), preset("audit"), policy(), needing_ledger()]
)


@given(POLICIES, EVIDENCE)
def test_whatever_is_found_only_complete_and_good_evidence_is_allowed(
    rules: Policy, evidence: Evidence
) -> None:
    decision = decide(rules, evidence)
    bad = {Outcome.FAIL, Outcome.UNCHECKED}
    if decision.allows:
        assert evidence.identity
        assert evidence.files
        assert not any(one.outcome in bad for one in evidence.checks)
        assert any(one.outcome is Outcome.PASS for one in evidence.checks)
        assert evidence.scan is not None
        assert (evidence.scan.worst or Severity.INFO) < rules.scan.fail_on
        assert not any(file.problems for file in evidence.scan.files)
    if any(one.outcome is Outcome.FAIL for one in decision.checks):
        assert decision.verdict is Verdict.DENY
    if rules.mode is Mode.ENFORCE:
        assert (decision.exit is Exit.GOOD) == decision.allows
    else:
        assert decision.exit in (Exit.GOOD, Exit.NOTHING)
        assert decision.word != "deny"


@given(EVIDENCE, st.randoms(use_true_random=False))
def test_the_order_of_what_was_found_never_matters(evidence: Evidence, random: object) -> None:
    checks = list(evidence.checks)
    random.shuffle(checks)  # type: ignore[attr-defined] # hypothesis gives a random.Random
    shuffled = replace(evidence, checks=tuple(checks))
    rules = preset("baseline")
    assert decide(rules, evidence).verdict is decide(rules, shuffled).verdict


@given(POLICIES, EVIDENCE)
def test_a_stricter_mode_changes_no_verdict(rules: Policy, evidence: Evidence) -> None:
    enforced = decide(rules.with_mode(Mode.ENFORCE), evidence)
    warned = decide(rules.with_mode(Mode.WARN), evidence)
    assert enforced.verdict is warned.verdict
    assert enforced.checks == warned.checks


def test_a_signer_whose_scan_found_nothing_to_scan_did_scan() -> None:
    claim = ScanClaim("weightmark 1", "", "unsupported", "high", ())
    evidence = replace(GOOD, signed=(signed("scan", claim),))
    strict = policy("[require.scan]\nrole = 'release'")
    (made,) = [one for one in decide(strict, evidence).checks if one.name == "scan claim"]
    assert made.outcome is Outcome.FAIL
    assert made.summary == "the signer scanned, and no file was of a kind that is scanned"
    assert '`[scan] unsupported = "allow"`' in made.fix


def test_what_cannot_be_scanned_names_the_setting_that_accepts_it() -> None:
    nothing = ScanReport.of([FileScan("m.onnx", ("data",), Scanned.UNSUPPORTED, (), ())])
    (made,) = [
        one for one in decide(policy(), replace(GOOD, scan=nothing)).checks if one.name == "scan"
    ]
    assert made.outcome is Outcome.UNCHECKED
    assert '`[scan] unsupported = "allow"` in a policy file' in made.fix


@given(
    st.lists(
        st.builds(
            Check, st.sampled_from(["a", "b", "c"]), st.sampled_from(Outcome), st.text(max_size=3)
        )
    )
)
def test_merging_checks_changes_no_verdict_and_names_each_once(checks: list[Check]) -> None:
    merged = merge_checks(checks)
    assert [one.name for one in merged] == list(dict.fromkeys(one.name for one in checks))
    assert exit_of(merged) is exit_of(checks)
    said = [text for one in merged for text in (one.summary, *one.details)]
    assert sorted(said) == sorted(one.summary for one in checks)


@given(st.lists(st.sampled_from(["claims", "sidecar", "model signature", "links", "names"])))
def test_a_decision_names_each_check_once(names: list[str]) -> None:
    more = tuple(Check(name, Outcome.FAIL, f"wrong {at}") for at, name in enumerate(names))
    made = [
        one.name for one in decide(policy(), replace(GOOD, checks=(*GOOD.checks, *more))).checks
    ]
    assert len(set(made)) == len(made)

"""Required claims: each test is named after how somebody would cheat, or after what is promised."""

import json
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attestations.chain.chains import (
    approve,
    descriptor,
    identity,
    made,
    signer,
    state,
)
from tests.attestations.gate_claims import dated, evidence, judged, rules
from tests.attestations.gate_makers import NOW, check, pem, refused
from weightmark.attestations.chain.model import Gap, GapKind
from weightmark.attestations.checks import Outcome
from weightmark.attestations.gate.decision import Verdict, decide
from weightmark.attestations.identities import SignerIdentity, SignerKind
from weightmark.attestations.licenses.expressions import is_acceptable
from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE
from weightmark.attestations.predicates.bom import CYCLONEDX_PREDICATE, SPDX_PREDICATE
from weightmark.attestations.predicates.classification import CLASSIFICATION_PREDICATE
from weightmark.attestations.predicates.dataset import DATASET_PREDICATE
from weightmark.attestations.predicates.scan import SCAN_PREDICATE
from weightmark.attestations.predicates.slsa_provenance import SLSA_PROVENANCE_PREDICATE
from weightmark.attestations.predicates.test_result import TEST_RESULT_PREDICATE
from weightmark.attestations.predicates.vulns import VULNS_PREDICATE

TESTED = rules("[require.test]\nrole = 'tester'", roles=["tester"])
BUILT = "[require.provenance]\nrole = 'builder'\n"


def results(result: str = "PASSED", by: str = "tester", name: str = "model", **more: Any) -> Any:
    return state(name, TEST_RESULT_PREDICATE, {"result": result, "configuration": [], **more}, by)


def scanned(by: str = "scanner", result: str = "clean", scanner: str = "weightmark 0.1.0") -> Any:
    claim = {"scanner": scanner, "rules": "", "result": result, "fail_on": "high", "findings": []}
    return state("model", SCAN_PREDICATE, claim, by)


def vulns(*scores: str, updated: str = "2026-11-21T00:00:00Z") -> Any:
    found = [{"id": "CVE-1", "severity": [{"method": "nvd", "score": one}]} for one in scores]
    predicate = {
        "scanner": {"uri": "https://example.org/s", "db": {"lastUpdate": updated}, "result": found},
        "metadata": {
            "scanStartedOn": "2026-11-21T01:00:00Z",
            "scanFinishedOn": "2026-11-21T01:00:01Z",
        },
    }
    return state("model", VULNS_PREDICATE, predicate, "scanner")


def dataset(name: str, by: str = "legal", licence: str = "MIT", **more: str) -> Any:
    return state(name, DATASET_PREDICATE, {"license": licence, **more}, by)


def classified(name: str, level: str, by: str = "release") -> Any:
    return state(name, CLASSIFICATION_PREDICATE, {"level": level}, by)


def test_a_claim_by_the_role_is_enough_and_says_who_made_it() -> None:
    decision = judged(TESTED, results())
    assert decision.allows, decision.checks
    assert signer("tester").public.identity in check(decision, "test").summary


@pytest.mark.parametrize(
    "cheat",
    [
        (),
        (results(by="stranger"),),
        (results(by="release"),),
        (results(name="other"),),
        (results("FAILED"),),
        (results("WARNED"),),
    ],
    ids=["missing", "by a stranger", "by another role", "replayed", "failed", "warned"],
)
def test_no_other_claim_stands_in_for_the_one_that_is_asked_for(cheat: tuple[Any, ...]) -> None:
    decision = judged(TESTED, *cheat)
    assert refused(decision) == {"test"}
    assert "weightmark attest" in check(decision, "test").fix


def test_a_failed_test_is_not_outvoted_by_a_second_claim_that_it_passed() -> None:
    both = (results("FAILED"), results("PASSED"))
    for order in permutations(both):
        assert refused(judged(TESTED, *order)) == {"test"}


def test_a_later_test_lifts_an_earlier_failure_only_by_proven_times() -> None:
    found = evidence(TESTED, results("FAILED"), results("PASSED"))

    def at(failed: timedelta, passed: timedelta) -> bool:
        times = {"FAILED": NOW - failed, "PASSED": NOW - passed}
        made = ((one, times[one.predicate.result]) for one in found.signed)  # type: ignore[union-attr] # tests only
        signed = tuple(replace(one, at=time, since=time) for one, time in made)
        return decide(TESTED, replace(found, signed=signed)).allows

    assert at(timedelta(days=2), timedelta(days=1))
    assert not at(timedelta(days=1), timedelta(days=2))
    assert not at(timedelta(days=1), timedelta(days=1))


def test_an_age_counts_by_a_verified_clock_and_never_by_the_signers_word() -> None:
    policy = rules("[require.test]\nrole = 'tester'\nmax_age = '7d'", roles=["tester"])
    found = evidence(policy, results(timestamp="2026-11-21T00:00:00Z"))
    undated = decide(policy, found)
    assert undated.verdict is Verdict.UNCHECKED
    assert "--tsa-url" in check(undated, "test").fix
    assert decide(policy, dated(found, {"test": NOW - timedelta(days=7)})).allows
    late = decide(policy, dated(found, {"test": NOW - timedelta(days=7, seconds=1)}))
    assert refused(late) == {"test"}


def test_a_claim_from_the_future_of_the_decision_does_not_count() -> None:
    found = dated(evidence(TESTED, results()), {"test": NOW + timedelta(hours=1)})
    assert refused(decide(TESTED, found)) == {"test"}


def about(subject: dict[str, Any]) -> Any:
    """A test result about whatever the subject says."""
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [subject],
        "predicateType": TEST_RESULT_PREDICATE,
        "predicate": {"result": "PASSED", "configuration": []},
    }
    return signer("tester").sign_statement(json.dumps(statement).encode())


HEX = identity("model").removeprefix("wm1:")
MANIFEST = "application/vnd.weightmark.manifest.v1"


@pytest.mark.parametrize(
    "subject",
    [
        {"name": "manifest.txt", "digest": {"sha256": HEX}},
        {"name": "model", "digest": {"sha256": HEX}, "mediaType": "text/plain"},
        {"name": "model", "digest": {"sha256": HEX}, "mediaType": f"{MANIFEST} "},
        {"name": "model", "digest": {"sha512": HEX * 2}, "mediaType": MANIFEST},
        {"name": "model", "digest": {"sha1": HEX[:40]}, "mediaType": MANIFEST},
        {"name": identity("model"), "uri": identity("model")},
    ],
    ids=["a file with those bytes", "text", "nearly", "sha512 only", "sha1", "by name"],
)
def test_a_claim_about_something_that_is_no_manifest_is_none_about_the_model(
    subject: dict[str, Any],
) -> None:
    good = {"name": "model", "digest": {"sha256": HEX}, "mediaType": MANIFEST}
    assert judged(TESTED, about(good)).allows
    assert refused(judged(TESTED, about(subject))) == {"test"}


def test_a_statement_about_several_speaks_of_each_by_its_own_identity() -> None:
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [descriptor("innocent"), descriptor("model")],
        "predicateType": TEST_RESULT_PREDICATE,
        "predicate": {"result": "PASSED", "configuration": []},
    }
    both = signer("tester").sign_statement(json.dumps(statement).encode())
    assert judged(TESTED, both).allows
    assert judged(TESTED, both, root="innocent").allows
    assert not judged(TESTED, both, root="third").allows


def test_a_claim_with_doubled_keys_is_refused_and_hides_no_other() -> None:
    doubled = json.dumps({"result": "FAILED", "configuration": []})[:-1] + ', "result": "PASSED"}'
    text = (
        '{"_type": "https://in-toto.io/Statement/v1", "subject": '
        + json.dumps([descriptor("model")])
        + f', "predicateType": "{TEST_RESULT_PREDICATE}", "predicate": {doubled}}}'
    )
    broken = signer("tester").sign_statement(text.encode())
    assert refused(judged(TESTED, broken)) == {"test"}
    assert judged(TESTED, broken, results()).allows


def test_two_of_three_are_two_distinct_signers() -> None:
    keys = pem(*(signer(name).public for name in ("a", "b", "c")))
    policy = rules(
        f"[require.approval]\nrole = 'board'\n[roles.board]\nthreshold = 2\nkeys = {keys}"
    )
    assert refused(judged(policy, approve("model", "a"))) == {"approval"}
    (few,) = [one for one in judged(policy, approve("model", "a")).checks if one.name == "approval"]
    assert f"by another of: {signer('b').public.identity}" in few.fix
    assert signer("a").public.identity not in few.fix
    again = state("model", APPROVAL_PREDICATE, {"reason": "once more"}, "a")
    assert refused(judged(policy, approve("model", "a"), again)) == {"approval"}
    assert refused(judged(policy, approve("model", "a"), approve("other", "b"))) == {"approval"}
    assert judged(policy, approve("model", "a"), approve("model", "c")).allows


def test_one_key_in_two_certificates_and_one_name_with_two_keys_are_one_signer() -> None:
    from weightmark.attestations.gate.judges.demands import distinct_signers

    key = SignerIdentity(SignerKind.KEY, "a" * 64)
    same_key = SignerIdentity(SignerKind.CERTIFICATE, "a" * 64, "x", "ca")
    same_name = SignerIdentity(SignerKind.CERTIFICATE, "b" * 64, "x", "ca")
    other_issuer = SignerIdentity(SignerKind.CERTIFICATE, "c" * 64, "x", "other")
    for order in permutations((key, same_key, same_name)):
        assert distinct_signers(order) == 1
    assert distinct_signers((key, same_key, same_name, other_issuer)) == 2


def test_an_approval_that_ended_approves_nothing() -> None:
    policy = rules("[require.approval]\nrole = 'legal'", roles=["legal"])
    ended = state(
        "model", APPROVAL_PREDICATE, {"reason": "r", "expires": "2026-11-21T11:59:59Z"}, "legal"
    )
    decision = judged(policy, ended)
    assert refused(decision) == {"approval"}
    assert "expired" in check(decision, "approval").summary
    assert judged(policy, ended, approve("model", "legal")).allows


@pytest.mark.parametrize(
    ("claim", "good"),
    [
        (scanned(), True),
        (scanned(scanner="weightmark 0.1.10, scanner 3"), True),
        (scanned(scanner="weightmark 0.0.9"), False),
        (scanned(scanner="another scanner 9"), False),
        (scanned(scanner=""), False),
        (scanned(result="not-scanned"), False),
    ],
)
def test_a_scan_claim_is_by_a_scanner_that_is_new_enough(claim: Any, good: bool) -> None:
    policy = rules("[require.scan]\nrole = 'scanner'\nmin_scanner = '0.1.0'", roles=["scanner"])
    assert judged(policy, claim).allows is good


@pytest.mark.parametrize(
    ("report", "good"),
    [
        (vulns(), True),
        (vulns("low"), True),
        (vulns("3.9"), True),
        (vulns("7.0"), False),
        (vulns("HIGH"), False),
        (vulns("low", "critical"), False),
        (vulns("harmless"), False),
        (vulns("nan"), False),
        (vulns("-1"), False),
        (vulns(updated="2026-11-01T00:00:00Z"), False),
    ],
)
def test_known_vulnerabilities_are_judged_by_the_worst_that_is_said(
    report: Any, good: bool
) -> None:
    policy = rules("[require.vulns]\nrole = 'scanner'\nmax_database_age = '7d'", roles=["scanner"])
    assert judged(policy, report).allows is good


def test_a_bill_of_materials_is_of_a_form_that_is_asked_for() -> None:
    policy = rules("[require.sbom]\nrole = 'legal'\nforms = ['SPDX']", roles=["legal"])
    cyclone = state(
        "model", CYCLONEDX_PREDICATE, {"bomFormat": "CycloneDX", "specVersion": "1.6"}, "legal"
    )
    spdx = state("model", SPDX_PREDICATE, {"spdxVersion": "SPDX-2.3"}, "legal")
    assert refused(judged(policy, cyclone)) == {"sbom"}
    assert judged(policy, spdx).allows


# provenance


def built(
    by: str = "builder", builder: str = "https://example.org/builder", **parameters: Any
) -> Any:
    predicate = {
        "buildDefinition": {
            "buildType": "https://weightmark/buildtypes/finetune/v1",
            "externalParameters": parameters,
            "resolvedDependencies": [
                {
                    "uri": "git+https://github.com/acme/models@refs/tags/v1",
                    "digest": {"sha1": "00"},
                },
                descriptor("base"),
            ],
        },
        "runDetails": {"builder": {"id": builder}},
    }
    return state("model", SLSA_PROVENANCE_PREDICATE, predicate, by)


def expecting(text: str) -> Any:
    return rules(BUILT + text, roles=["builder"])


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("", True),
        ("[provenance]\nbuild_types = ['https://weightmark/buildtypes/*/v1']", True),
        ("[provenance]\nbuild_types = ['https://weightmark/buildtypes/train/v1']", False),
        ("[provenance]\nsources = ['git+https://github.com/acme/**']", True),
        ("[provenance]\nsources = ['git+https://github.com/acme/models@refs/heads/*']", False),
        ("[provenance]\nsources = ['git+https://github.com/acm']", False),
        ("[[provenance.builders]]\nid = 'https://example.org/builder'", True),
        ("[[provenance.builders]]\nid = 'https://example.org/'", False),
        ("[[provenance.builders]]\nid = 'https://example.org/builder/v2'", False),
        (
            "[provenance]\nmin_level = 3\nbuilders = [{id = 'https://example.org/*', level = 3}]",
            True,
        ),
        (
            "[provenance]\nmin_level = 3\nbuilders = [{id = 'https://example.org/*', level = 2}, {id = 'https://other', level = 3}]",
            False,
        ),
    ],
)
def test_how_it_was_made_is_compared_with_what_is_expected(text: str, good: bool) -> None:
    assert judged(expecting(text), built()).allows is good


@pytest.mark.parametrize(
    ("said", "good"),
    [
        ({"entrypoint": "train.py"}, True),
        ({"entrypoint": "train.py", "extra": "--no-filter"}, False),
        ({"entrypoint": "other.py"}, False),
        ({}, False),
        ({"entrypoint": ["train.py"]}, False),
    ],
)
def test_an_external_parameter_that_nobody_expects_is_refused(
    said: dict[str, Any], good: bool
) -> None:
    policy = expecting("[provenance.parameters]\nentrypoint = 'train.py'")
    assert judged(policy, built(**said)).allows is good


def test_a_builder_is_believed_only_by_whoever_may_speak_for_it() -> None:
    policy = rules(
        BUILT + "[[provenance.builders]]\nid = 'https://example.org/builder'\nrole = 'merger'\n",
        roles=["builder", "merger"],
    )
    decision = judged(policy, built())
    assert "may not speak for" in check(decision, "provenance").summary
    assert refused(decision) == {"provenance"}


# chain, licences, data, secrecy

CHAINED = rules(BUILT + "[chain]\n", roles=["builder"])
HONEST = (made("model", "base", "data"), approve("base"), approve("data"))


def test_an_honest_chain_is_allowed_and_a_missing_link_names_its_command() -> None:
    assert judged(CHAINED, *HONEST).allows
    decision = judged(CHAINED, *HONEST[:2])
    assert refused(decision) == {"chain"}
    assert "weightmark attest" in check(decision, "chain").fix


def test_removing_any_claim_of_a_chain_never_allows() -> None:
    for left_out in range(len(HONEST)):
        rest = [one for number, one in enumerate(HONEST) if number != left_out]
        assert not judged(CHAINED, *rest).allows


def test_a_base_is_allowed_by_identity_and_never_by_its_name() -> None:
    text = f"{BUILT}[chain]\nallowed_bases = ['{identity('base')}']\n"
    policy = rules(text, roles=["builder"])
    base = descriptor("base", annotations={"role": "base-model"})
    assert judged(policy, made("model", base), approve("base")).allows
    fake = base | {"digest": descriptor("evil")["digest"]}
    assert refused(judged(policy, made("model", fake), approve("evil"))) == {"chain"}


def test_a_step_is_stated_by_the_role_that_the_policy_gives_to_it() -> None:
    text = f"{BUILT}[chain.steps]\nmerge = 'merger'\n"
    policy = rules(text, roles=["builder", "merger"])
    claims = (approve("base"), made("model", "base", step="finetune"))
    assert judged(policy, *claims).allows
    merged = made("model", "base", step="merge", by="builder")
    assert refused(judged(policy, approve("base"), merged)) == {"chain"}


def test_a_chain_that_is_too_deep_is_refused_and_a_bomb_is_not_followed() -> None:
    policy = rules(f"{BUILT}[chain]\nmax_depth = 2\n", roles=["builder"])
    links = [made(f"m{n}" if n else "model", f"m{n + 1}") for n in range(40)]
    assert refused(judged(policy, *links, approve("m40"))) == {"chain"}


def test_two_stories_of_one_artifact_are_refused() -> None:
    assert refused(judged(CHAINED, *HONEST, made("model", "other"), approve("other"))) == {"chain"}


def test_a_step_that_is_too_old_or_of_no_known_time_is_not_good() -> None:
    policy = rules(f"{BUILT}[chain]\nmax_age = '90d'\n", roles=["builder"])
    assert judged(policy, *HONEST).verdict is Verdict.UNCHECKED


LICENSED = rules(
    f"{BUILT}[chain]\n[licenses]\nallow = ['MIT', 'Apache-2.0']\nrole = 'legal'\n",
    roles=["builder", "legal"],
)


def test_one_licence_of_an_ancestor_refuses_the_whole_line() -> None:
    good = (dataset("model"), dataset("base"), dataset("data", licence="Apache-2.0 OR GPL-3.0"))
    assert judged(LICENSED, *HONEST, *good).allows
    bad = (*good[:2], dataset("data", licence="CC-BY-NC-4.0"))
    assert refused(judged(LICENSED, *HONEST, *bad)) == {"licenses"}
    assert refused(judged(LICENSED, *HONEST, *good[:2])) == {"licenses"}
    both = (*good, dataset("data", licence="CC-BY-NC-4.0"))
    assert refused(judged(LICENSED, *HONEST, *both)) == {"licenses"}


def test_a_licence_in_a_bill_of_materials_counts_for_its_component() -> None:
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"component": {"licenses": [{"license": {"id": "GPL-3.0-only"}}]}},
        "components": [{"licenses": [{"license": {"id": "MIT"}}]}],
    }
    policy = rules("[licenses]\nallow = ['MIT']\nrole = 'legal'\n", roles=["legal"])
    ours = approve("model")
    denied = judged(policy, ours, state("model", CYCLONEDX_PREDICATE, bom, "legal"))
    assert refused(denied) == {"licenses"}
    bom["metadata"] = {"component": {"licenses": [{"expression": "MIT"}]}}
    assert judged(policy, ours, state("model", CYCLONEDX_PREDICATE, bom, "legal")).allows


@pytest.mark.parametrize(
    ("expression", "good"),
    [
        ("MIT", True),
        ("mit", True),
        ("MIT AND Apache-2.0", True),
        ("MIT AND GPL-3.0", False),
        ("GPL-3.0 OR MIT", True),
        ("GPL-3.0 OR MIT AND GPL-3.0", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("(MIT OR GPL-3.0)", True),
        ("(MIT OR GPL-3.0) AND GPL-3.0", False),
        ("(MIT", False),
        ("MIT)", False),
        ("MIT AND (Apache-2.0 OR (GPL-3.0))", True),
        ("(" * 30 + "MIT" + ")" * 30, False),
        ("(MIT AND Apache-2.0)", True),
        ("MIT GPL-3.0", False),
        ("OR", False),
        ("WITH", False),
        ("", False),
        ("()", False),
        ("MIT OR", False),
        ("MIT " * 1000, False),
    ],
)
def test_an_expression_leaves_a_choice_that_is_accepted(expression: str, good: bool) -> None:
    assert is_acceptable(expression, lambda one: one in {"mit", "apache-2.0"}) is good


@given(st.text("ABMIT ()ORWHND-.", max_size=30))
def test_no_expression_is_accepted_without_an_accepted_name(expression: str) -> None:
    assert not is_acceptable(expression, lambda _: False)


def test_a_model_is_as_secret_as_the_most_secret_thing_in_its_line() -> None:
    top = "max_classification = 'internal'\nunclassified = 'public'"
    policy = rules(f"{BUILT}[chain]\n", roles=["builder"], top=top)
    assert judged(policy, *HONEST, classified("data", "internal")).allows
    for name in ("model", "base", "data"):
        secret = classified(name, "restricted")
        assert refused(judged(policy, *HONEST, secret)) == {"classification"}
        lowered = classified(name, "public")
        assert refused(judged(policy, *HONEST, secret, lowered)) == {"classification"}


def test_taking_a_classification_away_never_allows_where_each_is_asked_for() -> None:
    text = f"{BUILT}[chain]\n[require.classification]\nrole = 'legal'\n"
    policy = rules(text, roles=["builder", "legal"], top="max_classification = 'internal'")
    levels = [classified(name, "internal", "legal") for name in ("model", "base", "data")]
    assert judged(policy, *HONEST, *levels).allows
    for left_out in range(3):
        rest = [one for number, one in enumerate(levels) if number != left_out]
        assert refused(judged(policy, *HONEST, *rest)) == {"classification"}


def test_every_dataset_that_went_in_is_described() -> None:
    text = f"{BUILT}[chain]\n[require.dataset]\nrole = 'legal'\npersonal_data = ['none']\n"
    policy = rules(text, roles=["builder", "legal"])
    data = descriptor("data", annotations={"role": "training-data"})
    base = descriptor("base", annotations={"role": "base"})
    claims = (made("model", base, data), approve("base"), approve("data"))
    assert refused(judged(policy, *claims)) == {"dataset"}
    assert refused(judged(policy, *claims, dataset("model", personal_data="none"))) == {"dataset"}
    assert refused(judged(policy, *claims, dataset("data"))) == {"dataset"}
    assert judged(policy, *claims, dataset("data", personal_data="none")).allows


# rules and exceptions


def test_a_rule_of_the_policy_decides_over_the_input_document() -> None:
    def rule(field: str, op: str, value: str) -> bool:
        text = f"[[rule]]\nname = 'r'\nfield = '{field}'\nop = '{op}'\nvalue = {value}\n"
        return judged(rules(text)).allows

    assert rule("artifact.size", "at_most", "10")
    assert not rule("artifact.size", "at_most", "9")
    assert rule("scan.formats", "in", "['safetensors', 'json']")
    assert not rule("scan.formats", "not_in", "['safetensors']")
    assert rule("artifact.name", "matches", "'mod*'")
    assert not rule("artifact.name", "equals", "'other'")


def test_a_rule_about_what_is_not_known_could_not_be_checked() -> None:
    text = "[[rule]]\nname = 'r'\nfield = 'ledger.size'\nop = 'at_least'\nvalue = 0\n"
    decision = judged(rules(text))
    assert decision.verdict is Verdict.UNCHECKED
    assert check(decision, "rule r").why


def exception(rule: str, artifact: str, expires: str = "2027-01-31") -> str:
    return (
        f"[[exceptions]]\nrule = '{rule}'\nartifact = '{artifact}'\nreason = 'bought'\n"
        f"approver = 'legal'\nexpires = {expires}\n"
    )


def test_an_exception_is_shown_and_holds_for_its_artifact_until_its_end() -> None:
    text = "[require.test]\nrole = 'tester'\n"

    def with_exception(*said: str, root: str = "model") -> Any:
        policy = rules(text + exception(*said), roles=["tester"])
        return judged(policy, results("FAILED", name=root), root=root)

    allowed = with_exception("test", identity("model"))
    assert allowed.allows
    shown = check(allowed, "test")
    assert shown.outcome is Outcome.INFO
    assert "legal" in shown.why
    assert refused(with_exception("test", identity("other"))) == {"test"}
    assert refused(with_exception("sbom", identity("model"))) == {"test"}
    ended = with_exception("test", identity("model"), "2026-11-20")
    assert refused(ended) == {"test"}
    assert "ended" in check(ended, "exceptions").summary


def test_an_exception_of_a_model_covers_nothing_of_what_it_was_made_from() -> None:
    def excepting(rule: str, name: str, text: str) -> Any:
        roles = ["builder", *(["legal"] if "legal" in text else [])]
        return rules(text + exception(rule, identity(name)), roles=roles)

    chain = BUILT + "[chain]\n"
    unproven = HONEST[:2]
    assert refused(judged(excepting("chain", "model", chain), *unproven)) == {"chain"}
    assert judged(excepting("chain", "data", chain), *unproven).allows
    licenses = chain + "[licenses]\ndeny = ['CC-BY-NC-4.0']\nrole = 'legal'\n"
    said = (dataset("model"), dataset("base"), dataset("data", licence="CC-BY-NC-4.0"))
    assert refused(judged(excepting("licenses", "model", licenses), *HONEST, *said)) == {"licenses"}
    assert judged(excepting("licenses", "data", licenses), *HONEST, *said).allows


def test_what_was_revoked_can_not_be_excepted() -> None:
    text = BUILT + "[chain]\n" + exception("chain", identity("base"))
    policy = rules(text, roles=["builder"])
    found = evidence(policy, *HONEST)
    assert found.chain
    gap = Gap(GapKind.REVOKED, identity("base"), "the base is revoked")
    revoked = replace(found, chain=replace(found.chain, gaps=(gap,)))
    assert refused(decide(policy, revoked)) == {"chain"}


def test_an_exception_never_covers_what_could_not_be_checked() -> None:
    text = "[require.test]\nrole = 'tester'\nmax_age = '1d'\n"
    policy = rules(text + exception("test", identity("model")), roles=["tester"])
    assert judged(policy, results()).verdict is Verdict.UNCHECKED


def test_a_claim_that_approves_the_exception_of_its_own_artifact_changes_nothing() -> None:
    ours = state("model", APPROVAL_PREDICATE, {"reason": "except rule test"}, "release")
    assert refused(judged(TESTED, ours)) == {"test"}


def test_a_policy_that_expired_decides_nothing() -> None:
    policy = rules("", top="expires = 2026-11-20")
    assert judged(policy).verdict is Verdict.UNCHECKED
    assert judged(rules("", top="expires = 2026-11-21")).allows


# what holds whatever is claimed

EVERYTHING = rules(
    "[require.test]\nrole = 'tester'\n[require.scan]\nrole = 'scanner'\n"
    + BUILT
    + "[chain]\n[chain.steps]\nmerge = 'merger'\n[licenses]\ndeny = ['CC-BY-NC-4.0']\nrole = 'legal'\n"
    + "[require.dataset]\nrole = 'legal'\n",
    roles=["builder", "merger", "scanner", "tester", "legal"],
    top="max_classification = 'internal'",
)
NEEDED = (
    results(),
    scanned(),
    *HONEST,
    *(dataset(name) for name in ("model", "base", "data")),
    *(classified(name, "internal") for name in ("model", "base", "data")),
)
FORGED = tuple(
    claim
    for name in ("model", "base", "data", "other")
    for claim in (
        results(by="stranger", name=name),
        made(name, "other", by="stranger"),
        approve(name, "stranger"),
        dataset(name, "stranger"),
        classified(name, "public", "stranger"),
    )
)


def test_everything_that_is_asked_for_allows() -> None:
    assert judged(EVERYTHING, *NEEDED).allows


@settings(max_examples=30)
@given(st.sets(st.sampled_from(range(len(NEEDED)))), st.sets(st.sampled_from(range(len(FORGED)))))
def test_no_claim_by_a_stranger_changes_a_decision(kept: set[int], forged: set[int]) -> None:
    mine = [NEEDED[number] for number in sorted(kept)]
    theirs = [FORGED[number] for number in sorted(forged)]
    alone, beside = judged(EVERYTHING, *mine), judged(EVERYTHING, *theirs, *mine)
    assert beside.verdict is alone.verdict
    assert refused(beside) == refused(alone)


@settings(max_examples=30)
@given(st.sets(st.sampled_from(range(len(NEEDED)))))
def test_removing_a_required_claim_never_allows(removed: set[int]) -> None:
    rest = [one for number, one in enumerate(NEEDED) if number not in removed]
    assert judged(EVERYTHING, *rest).allows is (not removed)


MANY = (*NEEDED, *FORGED, results("FAILED"), made("base", "corpus", step="merge"))
REFERENCE = judged(EVERYTHING, *MANY).checks


@settings(max_examples=15)
@given(st.permutations(MANY))
def test_the_order_of_claims_never_matters(order: list[Any]) -> None:
    assert judged(EVERYTHING, *order).checks == REFERENCE


@pytest.mark.parametrize(
    "said",
    ["gpl", "gpl3", "cc", "cc-by-nc", "CC-BY-NC-4.0.0", "CC-BY-NC-4.0-", "unknown-license", "AdditionRef-x", "MIT AND gpl"],
)  # fmt: skip
def test_a_word_that_is_no_licence_does_not_pass_a_list_that_only_denies(said: str) -> None:
    text = "[chain]\ncomplete = false\n[licenses]\nrole = 'legal'\ndeny = ['CC-BY-NC-4.0', 'GPL-3.0-only']\n"
    denying = rules(text, roles=["legal"])
    assert refused(judged(denying, dataset("model", licence=said))) == {"licenses"}
    for fine in (
        "MIT",
        "apache-2.0",
        "GPL-2.0+",
        f"MIT OR {said.rsplit(maxsplit=1)[-1]}",
        "LicenseRef-acme",
    ):
        assert judged(denying, dataset("model", licence=fine)).allows, fine


@pytest.mark.parametrize(
    "said",
    ["gpl", "gpl3", "cc-by-nc", "CC-BY-NC-4.0.0", "AdditionRef-x", "MIT AND gpl", "MIT OR gpl", "GPL-3.0-or-later"],
)  # fmt: skip
def test_a_rule_that_forbids_licences_is_not_passed_by_a_word_that_is_none(said: str) -> None:
    text = (
        "[licenses]\nrole = 'legal'\nallow = ['MIT', 'LicenseRef-acme', 'gpl', 'gpl3', 'cc-by-nc', 'CC-BY-NC-4.0.0',"
        " 'AdditionRef-x', 'GPL-3.0-or-later']\n"
        "[[rule]]\nname = 'r'\nfield = 'licenses'\nop = 'not_in'\nvalue = ['CC-BY-NC-4.0', 'GPL-3.0-only']\n"
    )
    forbidding = rules(text, roles=["legal"])
    decision = judged(forbidding, approve("model"), dataset("model", licence=said))
    assert refused(decision) == {"rule r"}
    for fine in ("MIT", "LicenseRef-acme"):
        assert judged(forbidding, approve("model"), dataset("model", licence=fine)).allows, fine

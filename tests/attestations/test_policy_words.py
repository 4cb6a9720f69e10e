"""Every word that a policy can say: a decision that it allows, and the same one that the word makes bad.

`DENIES` shows it here; `SHOWN` names the test that does, where it takes files, services or certificates.
A word that stands in neither list, nor among those that demand nothing, fails.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.chain.chains import approve, descriptor, identity, made, signer, state
from tests.attestations.gate_claims import dated, evidence, rules
from tests.attestations.gate_makers import NOW, refused
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.gate.decision import Decision, decide
from weightmark.attestations.gate.evidence import LedgerEvidence, LedgerRecord
from weightmark.attestations.policy.conditions import FIELDS
from weightmark.attestations.predicates.bom import CYCLONEDX_PREDICATE
from weightmark.attestations.predicates.classification import CLASSIFICATION_PREDICATE
from weightmark.attestations.predicates.dataset import DATASET_PREDICATE
from weightmark.attestations.predicates.scan import SCAN_PREDICATE
from weightmark.attestations.predicates.test_result import TEST_RESULT_PREDICATE
from weightmark.attestations.predicates.vulns import VULNS_PREDICATE
from weightmark.provenance.artifact import Outside
from weightmark.provenance.ledger.event import Kind
from weightmark.scanners.findings import FileScan, Finding, ScanReport, Severity
from weightmark.scanners.findings import Outcome as Scanned

_TESTS = Path(__file__).parents[1]
_SCHEMA = _TESTS.parent / "attestations" / "policy" / "policy.schema.json"
DAY = timedelta(days=1)
ME = f"key:{signer('release').public.fingerprint}"


def statements(by: str = "qa", name: str = "model") -> dict[str, Bundle]:
    """A good claim of each kind, by one signer."""
    vulns = {
        "scanner": {"uri": "u", "db": {"lastUpdate": "2026-11-01T00:00:00Z"}, "result": []},
        "metadata": {
            "scanStartedOn": "2026-11-20T00:00:00Z",
            "scanFinishedOn": "2026-11-20T00:00:01Z",
        },
    }
    clean = {"scanner": "weightmark 0.1.0", "rules": "", "result": "clean", "fail_on": "high"}
    said: dict[str, tuple[str, dict[str, Any]]] = {
        "scan": (SCAN_PREDICATE, {**clean, "findings": []}),
        "test": (TEST_RESULT_PREDICATE, {"result": "WARNED", "configuration": []}),
        "vulns": (VULNS_PREDICATE, vulns),
        "sbom": (CYCLONEDX_PREDICATE, {"bomFormat": "CycloneDX", "specVersion": "1.6"}),
        "dataset": (DATASET_PREDICATE, {"license": "MIT", "personal_data": "present"}),
        "classification": (CLASSIFICATION_PREDICATE, {"level": "internal"}),
    }
    found = {kind: state(name, *one, by) for kind, one in said.items()}
    return found | {"approval": approve(name, by), "provenance": made(name, "base", by=by)}


GOOD = statements()
BASE = (made("model", descriptor("base", annotations={"role": "base"}), by="qa"), approve("base"))
MADE = "[require.provenance]\nrole = 'qa'\n"
FINDING = Finding("PKL001", Severity.MEDIUM, "something", "model.safetensors")
FOUND = ScanReport.of(
    [
        FileScan("m", ("safetensors",), Scanned.FINDINGS, (FINDING,), ()),
        FileScan("x.xyz", (), Scanned.UNSUPPORTED, (), ()),
    ]
)
LEDGER = LedgerEvidence(
    "ledger.example", 9, "", 1, (LedgerRecord(1, Kind.RELEASE, identity("model"), ME),)
)


def asked(text: str, *claims: Bundle, top: str = "", env: str = "", **more: Any) -> Decision:
    """Decide by a policy with this text; `more` are other facts than those of a plain signed model."""
    policy = rules(text, roles=["qa"] if "'qa'" in text else [], top=top, environment=env)
    return decide(policy, replace(evidence(policy, *claims), **more))


def of_kind(kind: str, more: str = "") -> str:
    return f"[require.{kind}]\nrole = 'qa'\n{more}\n"


def role_of(kind: str) -> Iterator[Decision]:
    """The claim by the role, and the same by somebody else."""
    more = "[provenance]\n" if kind == "provenance" else ""
    policy = rules(
        of_kind(kind, "result = 'WARNED'" if kind == "test" else "") + more, roles=["qa"]
    )
    yield decide(policy, evidence(policy, *_line(kind, "qa")))
    yield decide(policy, evidence(policy, *_line(kind, "other")))


def age_of(kind: str) -> Iterator[Decision]:
    """The claim of yesterday, and the same of last week."""
    more = "result = 'WARNED'\n" if kind == "test" else ""
    policy = rules(of_kind(kind, f"max_age = '3d'\n{more}"), roles=["qa"])
    found = evidence(policy, *_line(kind, "qa"))
    for age in (DAY, 7 * DAY):
        yield decide(policy, dated(found, {kind: NOW - age}))


def _line(kind: str, by: str) -> tuple[Bundle, ...]:
    """What is asked of an artifact of this kind: some kinds are asked all along a chain, which ends here."""
    return (statements(by)[kind], approve("base"), approve("model"))


def pair(good: Decision, bad: Decision) -> Iterator[Decision]:
    yield good
    yield bad


def chain_of(more: str, allows: str = "", *claims: Bundle, roles: str = "") -> Iterator[Decision]:
    """A model made from a base, under `[chain]` as usual and with one more word."""
    for text in (allows, more):
        yield asked(f"{MADE}[chain]\n{text}\n{roles}", *(claims or BASE))


def listed(key: str, role: str) -> Iterator[Decision]:
    """An input of a role that is in the list, and one that is not."""
    given = (
        made("model", descriptor("base", annotations={"role": role}), by="qa"),
        approve("base"),
    )
    for name in ("base", "other"):
        allowed = f"[chain]\n{key} = ['{identity(name)}']\n"
        yield asked(MADE + allowed, *given)


def licensed(rule: str, other: str) -> Iterator[Decision]:
    for text in (rule, other):
        yield asked(f"[licenses]\nrole = 'qa'\n{text}\n", GOOD["dataset"], approve("model"))


def provenance(good: str, bad: str) -> Iterator[Decision]:
    source = {"uri": "git+https://github.com/acme/m@v1", "digest": {"sha1": "00"}}
    claim = made("model", descriptor("base"), source, by="qa", lr="1")
    for text in (good, bad):
        yield asked(MADE + text, claim)


def top(good: str, bad: str, *claims: Bundle, text: str = "", **more: Any) -> Iterator[Decision]:
    for one in (good, bad):
        yield asked(text, *claims, top=one, **more)


def tables(good: str, bad: str, *claims: Bundle, **more: Any) -> Iterator[Decision]:
    for one in (good, bad):
        yield asked(one, *claims, **more)


def excepted(change: dict[str, str]) -> Iterator[Decision]:
    """An exception that holds, and one of which a single word is another."""
    words = {
        "rule": "scan",
        "artifact": identity("model"),
        "reason": "looked at",
        "approver": "me",
        "expires": "2099-01-01",
    }
    for said in (words, words | change):
        lines = [
            f"{key} = {value if key == 'expires' else json.dumps(value)}"
            for key, value in said.items()
        ]
        bad = FileScan("m", ("safetensors",), Scanned.FINDINGS, (FINDING,), ())
        text = "[scan]\nfail_on = 'low'\n[[exceptions]]\n" + "\n".join(lines)
        yield asked(text, scan=ScanReport.of([bad]))


RULES: Mapping[str, tuple[str, str, str]] = {
    "artifact.files": ("at_most", "1", "0"),
    "artifact.identity": ("equals", f"'{identity('model')}'", f"'{identity('other')}'"),
    "artifact.name": ("matches", "'mod*'", "'other*'"),
    "artifact.size": ("at_least", "10", "11"),
    "chain.artifacts": ("at_most", "2", "1"),
    "chain.builders": ("in", "['https://example.org/builder']", "['https://example.org/b']"),
    "chain.complete": ("equals", "true", "false"),
    "chain.depth": ("at_most", "1", "0"),
    "chain.ends": ("contains", f"'{identity('base')}'", f"'{identity('other')}'"),
    "chain.steps": ("not_in", "['merge']", "['finetune']"),
    "claims.kinds": ("contains", "'provenance'", "'vulns'"),
    "claims.signers": ("not_in", "['key:0']", f"['key:{signer('qa').public.fingerprint}']"),
    "classification.levels": ("in", "['internal']", "['public']"),
    "content.digest": ("not_equals", "'sha1'", "'blake3'"),
    "ledger.origin": ("equals", "'ledger.example'", "'ledger'"),
    "ledger.size": ("at_least", "9", "10"),
    "ledger.witnesses": ("at_least", "1", "2"),
    "licenses": ("in", "['MIT']", "['Apache-2.0']"),
    "outside.files": ("at_most", "3", "2"),
    "scan.findings": ("at_most", "1", "0"),
    "scan.formats": ("in", "['safetensors']", "['pickle']"),
    "scan.rules": ("not_in", "['PKL002']", "['PKL001']"),
    "scan.unsupported": ("at_most", "1", "0"),
    "signers": ("in", f"['{ME}']", "['key:0']"),
    "test.results": ("contains", "'WARNED'", "'PASSED'"),
}
EVERYWHERE = (*BASE, *(GOOD[kind] for kind in ("dataset", "classification", "test")))


def condition(field: str) -> Iterator[Decision]:
    """A rule over one field that is met, and one that is not."""
    op, met, unmet = RULES[field]
    chained = field.startswith("chain.") or field == "claims.kinds"
    claims = EVERYWHERE if chained else EVERYWHERE[2:]
    for value in (met, unmet):
        text = f"[[rule]]\nname = 'r'\nfield = '{field}'\nop = '{op}'\nvalue = {value}\n"
        asks = MADE + "[chain]\nvouchers = 'release'\n" if chained else ""
        licences = "[licenses]\nrole = 'qa'\nallow = ['MIT']\n" if field == "licenses" else ""
        qa = "[require.classification]\nrole = 'qa'\n" if field.startswith("class") else ""
        test = "[require.test]\nrole = 'qa'\nresult = 'WARNED'\n"
        yield asked(
            asks + licences + qa + test + text,
            *claims,
            *(() if chained else (approve("model"),)),
            top="outside = 'report'",
            scan=FOUND,
            outside=(Outside(".git", 3),),
            ledger=LEDGER,
            compared_by="blake3",
            content_signers=(ME,),
        )


KINDS = ("scan", "provenance", "test", "approval", "vulns", "sbom", "dataset", "classification")
DENIES: Mapping[str, Callable[[], Iterator[Decision]]] = {
    **{f"require.{kind}.role": lambda kind=kind: role_of(kind) for kind in KINDS},  # type: ignore[misc] # bound here
    **{f"require.{kind}.max_age": lambda kind=kind: age_of(kind) for kind in KINDS},  # type: ignore[misc] # bound here
    "expires": lambda: top("expires = 2099-01-01", "expires = 2026-01-01"),
    "max_classification": lambda: top(
        "max_classification = 'internal'\nunclassified = 'public'",
        "max_classification = 'public'\nunclassified = 'public'",
        state("model", CLASSIFICATION_PREDICATE, {"level": "internal"}, "release"),
        approve("model"),
    ),
    "unclassified": lambda: top(
        "max_classification = 'internal'\nunclassified = 'public'",
        "max_classification = 'internal'\nunclassified = 'confidential'",
        approve("model"),
    ),
    "outside": lambda: top(
        "outside = 'report'", "outside = 'refuse'", outside=(Outside(".git", 1),)
    ),
    "names.clashes": lambda: tables(
        "[names]\nclashes = 'allow'\n", "[names]\nclashes = 'refuse'\n", clashes=("`A` and `a`",)
    ),
    "require.test.result": lambda: tables(
        of_kind("test", "result = 'WARNED'"), of_kind("test", "result = 'PASSED'"), GOOD["test"]
    ),
    "require.scan.min_scanner": lambda: tables(
        of_kind("scan", "min_scanner = '0.1.0'"),
        of_kind("scan", "min_scanner = '0.2.0'"),
        GOOD["scan"],
    ),
    "require.vulns.max_database_age": lambda: tables(
        of_kind("vulns", "max_database_age = '30d'"),
        of_kind("vulns", "max_database_age = '7d'"),
        GOOD["vulns"],
    ),
    "require.sbom.forms": lambda: tables(
        of_kind("sbom", "forms = ['CycloneDX']"), of_kind("sbom", "forms = ['SPDX']"), GOOD["sbom"]
    ),
    "require.dataset.personal_data": lambda: tables(
        of_kind("dataset", "personal_data = ['present']"),
        of_kind("dataset", "personal_data = ['none']"),
        GOOD["dataset"],
        approve("model"),
    ),
    "scan.required": lambda: tables(
        "[scan]\nrequired = false\n", "[scan]\nrequired = true\n", scan=None
    ),
    "scan.fail_on": lambda: tables(
        "[scan]\nfail_on = 'high'\n", "[scan]\nfail_on = 'medium'\n", scan=FOUND
    ),
    "scan.unsupported": lambda: tables(
        "[scan]\nunsupported = 'list'\n", "[scan]\nunsupported = 'refuse'\n", scan=FOUND
    ),
    "scan.deny_formats": lambda: tables(
        "[scan]\ndeny_formats = ['pickle']\n", "[scan]\ndeny_formats = ['safetensors']\n"
    ),
    "scan.allow_formats": lambda: tables(
        "[scan]\nallow_formats = ['safetensors']\n", "[scan]\nallow_formats = ['json']\n"
    ),
    "provenance.builders[].id": lambda: provenance(
        "[[provenance.builders]]\nid = 'https://example.org/*'\n",
        "[[provenance.builders]]\nid = 'https://example.com/*'\n",
    ),
    "provenance.builders[].level": lambda: provenance(
        "[provenance]\nmin_level = 2\nbuilders = [{id = 'https://example.org/*', level = 2}]\n",
        "[provenance]\nmin_level = 2\nbuilders = [{id = 'https://example.org/*', level = 1},"
        " {id = 'https://other', level = 2}]\n",
    ),
    "provenance.min_level": lambda: provenance(
        "[provenance]\nmin_level = 1\nbuilders = [{id = 'https://example.org/*', level = 1},"
        " {id = 'https://other', level = 2}]\n",
        "[provenance]\nmin_level = 2\nbuilders = [{id = 'https://example.org/*', level = 1},"
        " {id = 'https://other', level = 2}]\n",
    ),
    "provenance.build_types": lambda: provenance(
        "[provenance]\nbuild_types = ['https://weightmark/buildtypes/finetune/*']\n",
        "[provenance]\nbuild_types = ['https://weightmark/buildtypes/merge/*']\n",
    ),
    "provenance.sources": lambda: provenance(
        "[provenance]\nsources = ['git+https://github.com/acme/**']\n",
        "[provenance]\nsources = ['git+https://github.com/acm']\n",
    ),
    "provenance.parameters": lambda: provenance(
        "[provenance.parameters]\nlr = '1'\n", "[provenance.parameters]\nlr = '2'\n"
    ),
    "chain.complete": lambda: chain_of("complete = true", "complete = false", BASE[0]),
    "chain.max_depth": lambda: chain_of("max_depth = 0", "max_depth = 1"),
    "chain.allowed_bases": lambda: listed("allowed_bases", "base"),
    "chain.allowed_datasets": lambda: listed("allowed_datasets", "data"),
    "chain.role": lambda: chain_of(
        "role = 'release'\nvouchers = 'release'", "role = 'qa'\nvouchers = 'release'"
    ),
    "chain.vouchers": lambda: chain_of("vouchers = 'qa'", "vouchers = 'release'"),
    "chain.steps": lambda: chain_of(
        "steps = {finetune = 'release'}", "steps = {finetune = 'qa', merge = 'release'}"
    ),
    "licenses.allow": lambda: licensed("allow = ['MIT']", "allow = ['Apache-2.0']"),
    "licenses.deny": lambda: licensed("deny = ['GPL-3.0-only']", "deny = ['MIT']"),
    "licenses.role": lambda: tables(
        "[licenses]\nrole = 'qa'\nallow = ['MIT']\n",
        "[licenses]\nrole = 'release'\nallow = ['MIT']\n[require.dataset]\nrole = 'qa'\n",
        GOOD["dataset"],
        approve("model"),
    ),
    "ledger.required": lambda: tables(
        "[ledger]\nrequired = false\n", "[ledger]\nrequired = true\n"
    ),
    "exceptions[].rule": lambda: excepted({"rule": "formats"}),
    "exceptions[].artifact": lambda: excepted({"artifact": identity("other")}),
    "exceptions[].expires": lambda: excepted({"expires": "2026-01-01"}),
    **{f"rule[].field {one}": lambda one=one: condition(one) for one in RULES},  # type: ignore[misc] # bound here
    **{
        f"environments.{key}": lambda good=good, bad=bad: overlaid(good, bad)  # type: ignore[misc] # bound here
        for key, (good, bad) in {
            "max_classification": ("", "max_classification = 'public'\n"),
            "scan": ("", "[environments.prod.scan]\ndeny_formats = ['safetensors']\n"),
            "require": ("", "[environments.prod.require.test]\nrole = 'release'\n"),
            "chain": ("", "[environments.prod.chain]\ncomplete = true\n"),
            "licenses": ("", "[environments.prod.licenses]\nallow = ['MIT']\n"),
            "ledger": ("", "[environments.prod.ledger]\nrequired = true\n"),
            "rule": (
                "",
                "[[environments.prod.rule]]\nname = 'r'\nfield = 'artifact.files'\nop = 'at_most'\nvalue = 0\n",
            ),
        }.items()
    },
}


def overlaid(good: str, bad: str) -> Iterator[Decision]:
    """The same policy in an environment that demands nothing more, and in one that does."""
    for one in (good, bad):
        yield asked(
            f"[environments.prod]\n{one}",
            made("model", "base", by="release"),
            env="prod",
        )


SHOWN: Mapping[str, str] = {
    "version": "attestations/test_policy.py::test_a_policy_that_is_empty_wrong_or_demands_nothing_is_refused",
    "revision": "cli/test_policy_revisions.py::test_an_older_policy_that_its_owner_signed_is_refused_once_a_newer_one_was_seen",
    "mode": "attestations/test_gate.py::test_warn_mode_exits_with_0_and_says_would_deny",
    "digests": "attestations/test_claims_files.py::test_a_claim_whose_sha256_is_right_and_blake3_wrong_is_tampering",
    "trust_receipts": "attestations/test_receipts.py",
    "roles.*.threshold": "attestations/test_gate_claims.py::test_two_of_three_are_two_distinct_signers",
    "roles.*.keys": "attestations/test_gate.py::test_a_signature_by_a_stranger_is_denied",
    "roles.*.trust": "cli/test_policy.py::test_a_moment_counts_for_the_release_role_as_well",
    "roles.*.identities": "attestations/test_policy.py::test_an_identity_of_a_role_is_who_it_says_and_no_neighbour",
    "roles.*.certificates": "attestations/trust/test_certificates.py::test_a_certificate_is_named_by_subject_common_name_or_fingerprint",
    "require.release.role": "attestations/test_gate.py::test_a_signature_by_a_stranger_is_denied",
    "require.release.max_age": "attestations/test_gate_roles.py::test_an_age_that_nothing_proves_could_not_be_checked",
    "require.release.approvals": "attestations/test_gate.py::test_an_approval_of_other_bytes_is_denied",
    "require.scan.fail_on": "attestations/test_gate_evasions.py::test_a_scan_claim_with_a_severe_finding_is_no_scan_that_was_asked_for",
    "require.vulns.fail_on": "attestations/test_gate_claims.py::test_known_vulnerabilities_are_judged_by_the_worst_that_is_said",
    "scan.engines": "attestations/test_gate_engines.py::test_an_engine_that_the_policy_names_has_to_have_looked",
    "scan.remote_code": "attestations/test_gate_roles.py::test_code_and_configurations_that_name_code_are_refused_where_the_policy_says_so",
    "scan.limits": "attestations/test_gate.py::test_a_limit_of_the_policy_that_is_hit_allows_nothing",
    "ledger.max_age": "cli/test_policy.py::test_witnesses_of_the_policy_watch_the_ledger_and_when_they_saw_it_counts",
    "ledger.witnesses": "attestations/test_gate_decide.py::test_a_ledger_without_witnesses_is_named_and_refused_by_strict",
    "ledger.witness_policy": "cli/test_policy.py::test_witnesses_of_the_policy_watch_the_ledger_and_when_they_saw_it_counts",
    "provenance.builders[].role": "attestations/test_gate_claims.py::test_a_builder_is_believed_only_by_whoever_may_speak_for_it",
    "chain.signed_ends": "attestations/test_gate_dropped_claims.py::test_a_released_ancestor_without_its_record_is_no_end",
    "chain.max_age": "attestations/test_gate_claims.py::test_a_step_that_is_too_old_or_of_no_known_time_is_not_good",
    "vsa": "attestations/decisions/test_answering.py::test_no_other_decision_answers",
    "rule[].op": "attestations/test_gate_claims.py::test_a_rule_of_the_policy_decides_over_the_input_document",
    "rule[].value": "attestations/test_policy.py::test_a_rule_compares_what_can_be_compared",
    "exceptions[].reason": "attestations/test_policy.py::test_an_exception_is_narrow_and_ends",
    "exceptions[].approver": "attestations/test_policy.py::test_an_exception_is_narrow_and_ends",
    "environments": "attestations/test_policy.py::test_an_environment_is_laid_over_the_policy",
}
DEMANDS_NOTHING = {"name", "rule[].name", "rule[].message"}


@cache
def words() -> tuple[str, ...]:
    """Every word of the published schema, as `table.key`, `tables[].key` or `tables.*.key`."""

    def below(node: dict[str, Any], path: str) -> Iterator[str]:
        inner = node.get("additionalProperties")
        items = node.get("items", {})
        if "properties" in node:
            for key, value in node["properties"].items():
                yield from below(value, f"{path}.{key}" if path else key)
        elif isinstance(inner, dict) and "properties" in inner:
            yield from below(inner, f"{path}.*")
        elif node.get("type") == "array" and "properties" in items:
            yield from below(items, f"{path}[]")
        else:
            yield path

    return tuple(below(json.loads(_SCHEMA.read_text()), ""))


def test_every_word_of_a_policy_is_shown_to_deny() -> None:
    shown = {*DENIES, *SHOWN, *DEMANDS_NOTHING}
    covered = {one for one in words() for known in shown if _is_below(one, known)}
    assert [one for one in words() if one not in covered] == []
    assert [one for one in SHOWN if not any(_is_below(word, one) for word in words())] == []


def _is_below(word: str, known: str) -> bool:
    plain = known.partition(" ")[0]
    return word == plain or word.startswith((f"{plain}.", f"{plain}["))


@pytest.mark.parametrize("place", sorted(set(SHOWN.values())))
def test_what_shows_it_is_there(place: str) -> None:
    file, _, name = place.partition("::")
    text = (_TESTS / file).read_text(encoding="utf-8")
    assert not name or re.search(rf"^def {name}\(", text, re.MULTILINE)


def test_every_field_of_the_input_document_can_deny() -> None:
    assert set(RULES) == set(FIELDS)


@pytest.mark.parametrize("word", DENIES)
def test_a_word_of_the_policy_denies(word: str) -> None:
    good, bad = DENIES[word]()
    assert good.allows, [one for one in good.checks if one.outcome not in ("pass", "info")]
    assert not bad.allows
    assert refused(bad) or any(one.outcome == "unchecked" for one in bad.checks)

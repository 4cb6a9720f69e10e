"""Predicates of others' types: read strictly where the type says something, kept where it does not."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.attestations.predicates.registry import (
    PREDICATE_TYPES,
    check_predicate,
    read_predicate,
)
from weightmark.attestations.predicates.slsa_provenance import SlsaProvenance
from weightmark.attestations.predicates.stating import stated
from weightmark.attestations.statements import Statement, Subject
from weightmark.errors import CallError, MalformedError

_D = {"sha256": "ab" * 32}
_FILE = {"name": "a", "digest": _D}

EXAMPLES: dict[str, dict[str, Any]] = {
    "provenance": {
        "buildDefinition": {
            "buildType": "https://weightmark/buildtypes/finetune/v1",
            "externalParameters": {"entrypoint": "train.py", "lr": "2e-5"},
            "internalParameters": {"seed": 42},
            "resolvedDependencies": [
                {"name": "base", "uri": "hf://acme/base@00", "digest": _D, "annotations": {"r": 1}},
                {"uri": "git+https://example.org/x", "digest": {"gitCommit": "ff" * 20}},
            ],
        },
        "runDetails": {
            "builder": {"id": "https://example.org/builder", "version": {"a": "1"}},
            "metadata": {
                "invocationId": "1",
                "startedOn": "2026-01-01T00:00:00Z",
                "finishedOn": "2026-01-01T01:00:00Z",
            },
            "byproducts": [{"name": "log", "digest": _D, "downloadLocation": "https://x"}],
        },
    },
    "vsa": {
        "verifier": {"id": "https://example.org/v"},
        "timeVerified": "2026-01-01T00:00:00Z",
        "resourceUri": "hf://acme/base",
        "policy": {"uri": "https://example.org/p", "digest": _D},
        "inputAttestations": [{"mediaType": "application/vnd.weightmark.claim.v1", "digest": _D}],
        "verificationResult": "PASSED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
        "slsaVersion": "1.2",
    },
    "svr": {
        "verifier": {"id": "https://example.org/v", "policies": [{"uri": "p", "digest": _D}]},
        "timeCreated": "2026-01-01T00:00:00Z",
        "properties": ["A", "B"],
    },
    "test-result": {
        "result": "WARNED",
        "configuration": [_FILE],
        "url": "https://example.org/run",
        "passedTests": ["a"],
        "warnedTests": ["b"],
        "failedTests": [],
    },
    "scai": {
        "attributes": [
            {
                "attribute": "LICENSED",
                "target": _FILE,
                "conditions": {"a": "b"},
                "evidence": {"uri": "https://example.org/e"},
            }
        ],
        "producer": {"uri": "https://example.org/p"},
    },
    "vulns": {
        "scanner": {
            "uri": "pkg:x/y@1",
            "version": "1",
            "db": {"uri": "d", "version": "1", "lastUpdate": "2026-01-01T00:00:00.52Z"},
            "result": [{"id": "CVE-1", "severity": [{"method": "nvd", "score": "low"}]}],
        },
        "metadata": {
            "scanStartedOn": "2026-01-01T00:00:00Z",
            "scanFinishedOn": "2026-01-01T00:00:01Z",
        },
    },
    "release": {"purl": "pkg:huggingface/acme/base@1", "packageId": "7"},
    "reference": {"attester": {"id": "https://example.org/a"}, "references": [_FILE]},
    "link": {
        "name": "train",
        "command": ["python", "train.py"],
        "materials": [_FILE],
        "byproducts": {"return-value": 0},
        "environment": {},
    },
    "cyclonedx": {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []},
    "spdx": {"spdxVersion": "SPDX-2.3", "name": "x"},
    "dataset": {
        "license": "CC-BY-4.0",
        "sources": ["https://example.org"],
        "records": "10",
        "personal_data": "none",
    },
    "classification": {"level": "internal", "reason": "contract"},
    "deployment": {"target": "cluster eu-1"},
    "approval": {"reason": "looked at it", "expires": "2027-01-31T00:00:00Z"},
}
_URIS = {one.name: uri for uri, one in PREDICATE_TYPES.items()}
_OPEN = sorted(EXAMPLES.keys() - {"dataset", "classification", "deployment", "approval"})
"""types of others, in which unknown fields are kept"""


def _statement(name: str, predicate: dict[str, Any]) -> Statement:
    return Statement((Subject("x", "ab" * 32, ""),), _URIS[name], predicate)


def _written(name: str, predicate: dict[str, Any]) -> dict[str, Any]:
    read = read_predicate(_statement(name, predicate))
    assert read is not None
    return read.to_predicate()


def _leaves(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += _leaves(inner, (*path, key))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            found += _leaves(inner, (*path, index))
    return found


def _changed(predicate: dict[str, Any], path: tuple[Any, ...], new: object) -> dict[str, Any]:
    copy: Any = json.loads(json.dumps(predicate))
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = new
    made: dict[str, Any] = copy
    return made


def test_every_type_that_may_be_stated_by_hand_has_an_example() -> None:
    assert {one.name for one in PREDICATE_TYPES.values() if one.by_hand} == EXAMPLES.keys()


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_what_was_read_is_written_again(name: str) -> None:
    expected = EXAMPLES[name] | ({"failedTests": []} if name == "test-result" else {})
    written = _written(name, EXAMPLES[name])
    assert {key: value for key, value in expected.items() if value != []} == {
        key: value for key, value in written.items() if value != []
    }


@pytest.mark.parametrize("name", _OPEN)
def test_unknown_fields_are_kept(name: str) -> None:
    assert _written(name, EXAMPLES[name] | {"x_later": {"a": [1]}})["x_later"] == {"a": [1]}


@pytest.mark.parametrize("name", ["dataset", "classification", "approval"])
def test_our_own_types_have_no_other_fields(name: str) -> None:
    with pytest.raises(MalformedError):
        check_predicate(_URIS[name], EXAMPLES[name] | {"x": 1})


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_retyped_field_is_refused_or_kept_and_never_a_crash(name: str) -> None:
    refused = 0
    for path in _leaves(EXAMPLES[name]):
        for wrong in (7, True, "x", [7], {"y": 7}, 1.5):
            try:
                check_predicate(_URIS[name], _changed(EXAMPLES[name], path, wrong))
            except MalformedError:
                refused += 1
    assert refused


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("provenance", ("buildDefinition", "buildType")),
        ("provenance", ("buildDefinition", "externalParameters")),
        ("provenance", ("runDetails", "builder", "id")),
        ("vsa", ("policy", "digest", "sha256")),
        ("vsa", ("verificationResult",)),
        ("svr", ("properties",)),
        ("test-result", ("configuration",)),
        ("scai", ("attributes", 0, "attribute")),
        ("vulns", ("scanner", "result")),
        ("release", ("purl",)),
        ("reference", ("references", 0, "digest")),
        ("link", ("name",)),
        ("link", ("materials", 0, "digest")),
        ("cyclonedx", ("bomFormat",)),
        ("dataset", ("license",)),
        ("classification", ("level",)),
        ("approval", ("reason",)),
    ],
)
def test_a_missing_required_field_is_refused(name: str, path: tuple[Any, ...]) -> None:
    copy: Any = json.loads(json.dumps(EXAMPLES[name]))
    place = copy
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    with pytest.raises(MalformedError):
        check_predicate(_URIS[name], copy)


@pytest.mark.parametrize(
    "digest",
    [{"sha256": "AB" * 32}, {"sha256": "ab" * 31}, {"sha256": "ab" * 32 + "\n"}, {"sha512": "ab"}],
)
def test_a_strong_digest_is_lowercase_hex_of_its_length(digest: dict[str, str]) -> None:
    with pytest.raises(MalformedError):
        check_predicate(
            _URIS["reference"],
            {"attester": {"id": "a"}, "references": [{"name": "x", "digest": digest}]},
        )


def test_two_materials_of_one_name_are_refused() -> None:
    with pytest.raises(MalformedError):
        check_predicate(_URIS["link"], {"name": "x", "materials": [_FILE, _FILE]})


def test_weak_digests_never_link() -> None:
    predicate = _changed(
        EXAMPLES["provenance"],
        ("buildDefinition", "resolvedDependencies"),
        [{"name": "x", "digest": {"md5": "00", "sha1": "00", "gitCommit": "00"}}],
    )
    provenance = SlsaProvenance.from_statement(_statement("provenance", predicate))
    assert [one.links for one in provenance.dependencies] == [False]


@pytest.mark.parametrize(
    ("build_type", "step"),
    [
        ("https://weightmark/buildtypes/finetune/v1", "finetune"),
        ("https://weightmark/buildtypes/finetune/v2", ""),
        ("https://weightmark/buildtypes/finetune/v1/x", ""),
        ("https://weightmark.evil/buildtypes/finetune/v1", ""),
        ("https://weightmark/buildtypes/unknown/v1", ""),
    ],
)
def test_only_our_own_build_types_name_a_step(build_type: str, step: str) -> None:
    predicate = _changed(EXAMPLES["provenance"], ("buildDefinition", "buildType"), build_type)
    assert SlsaProvenance.from_statement(_statement("provenance", predicate)).step == step


@pytest.mark.parametrize(
    "moment", ["2026-01-01T00:00:00.5+02:00", "2026-01-01t00:00:00z", "2026-01-01T00:00:00-11:30"]
)
def test_times_of_other_producers_are_read(moment: str) -> None:
    check_predicate(_URIS["svr"], EXAMPLES["svr"] | {"timeCreated": moment})


@pytest.mark.parametrize(
    "moment",
    ["2026-01-01", "2026-01-01T00:00:00", "20260101T000000Z", "now", "2026-13-01T00:00:00Z"],
)
def test_what_is_no_rfc_3339_time_is_refused(moment: str) -> None:
    with pytest.raises(MalformedError):
        check_predicate(_URIS["svr"], EXAMPLES["svr"] | {"timeCreated": moment})


@given(
    st.sampled_from(sorted(EXAMPLES)),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    st.data(),
)
def test_anything_at_any_place_is_refused_or_read(
    name: str, value: object, data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(_leaves(EXAMPLES[name])))
    with contextlib.suppress(MalformedError):
        check_predicate(_URIS[name], _changed(EXAMPLES[name], path, value))


@pytest.mark.parametrize(
    "name",
    [
        "https://slsa.dev/provenance/v1 ",
        "https://SLSA.dev/provenance/v1",
        "https://slsa.dev/provenance/v1/",
        " https://slsa.dev/provenance/v1",
        "https://example.com/a b",
        "https://example.com/a\n",
    ],
)
def test_a_type_that_only_looks_like_one_is_not_signed_unchecked(name: str) -> None:
    with pytest.raises(CallError, match="no predicate type"):
        stated(name, {})

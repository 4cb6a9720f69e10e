"""Both forms: valid whatever names and claims say, inert, and never richer than what is known."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.attestations.bom.contents import (
    MOMENT,
    SIGNER,
    claimed,
    content,
    contents,
    file,
    identity,
)
from tests.attestations.bom.documents import (
    cyclonedx_problems,
    everything,
    properties,
    spdx_problems,
)
from weightmark.attestations.bom.cyclonedx import cyclonedx_document
from weightmark.attestations.bom.interface import (
    BomAncestor,
    BomContent,
    Fact,
    Origin,
    Source,
)
from weightmark.attestations.bom.spdx import spdx_document
from weightmark.attestations.bom.text import document_text

_FEW = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])


@_FEW
@given(contents())
def test_cyclonedx_is_valid_inert_and_round_trips_whatever_is_said(said: BomContent) -> None:
    document = cyclonedx_document(said)
    text = document_text(document)
    assert not cyclonedx_problems(text)
    assert json.loads(text) == document
    assert text.isascii()
    assert not set("<>&\x1b\x7f") & set(text)
    given_refs = [one["bom-ref"] for one in everything(document) if "bom-ref" in one]
    assert len(given_refs) == len(set(given_refs))
    assert {one["ref"] for one in everything(document) if "ref" in one} <= set(given_refs)


@_FEW
@given(contents())
def test_spdx_is_read_back_by_the_bindings_of_its_model_whatever_is_said(said: BomContent) -> None:
    document = spdx_document(said)
    text = document_text(document)
    assert not spdx_problems(text)
    assert json.loads(text) == document
    ids = [one["spdxId"] for one in document["@graph"] if "spdxId" in one]
    assert len(ids) == len(set(ids))
    assert spdx_document(said) == document


def test_the_serial_number_follows_from_the_content() -> None:
    one, same, other = content(), content(), content(files=(file("other"),))
    numbers = [cyclonedx_document(said)["serialNumber"] for said in (one, same, other)]
    assert numbers[0] == numbers[1] != numbers[2]
    ids = [spdx_document(said)["@graph"][1]["spdxId"] for said in (one, same, other)]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("said", "as_it_stands"),
    [
        ("apache-2.0", {"license": {"id": "Apache-2.0"}}),
        ("mit or apache-2.0", {"expression": "MIT OR Apache-2.0"}),
        ("llama3 community", {"license": {"name": "llama3 community"}}),
        ("<script>", {"license": {"name": "<script>"}}),
        ("MIT OR", {"license": {"name": "MIT OR"}}),
        ("MIT AND proprietary", {"license": {"name": "MIT AND proprietary"}}),
    ],
)
def test_a_licence_stands_as_what_it_is(said: str, as_it_stands: dict[str, Any]) -> None:
    told = content(facts={"licenses": (Fact((said,), claimed()),)})
    document = cyclonedx_document(told)
    assert not cyclonedx_problems(json.dumps(document))
    [choice] = document["metadata"]["component"]["licenses"]
    shown = choice.get("license", choice)
    marks = ("acknowledgement", "properties")
    plainly = {name: value for name, value in shown.items() if name not in marks}
    assert plainly == as_it_stands.get("license", as_it_stands)
    assert SIGNER in shown["properties"][0]["value"]
    graph = spdx_document(told)["@graph"]
    [licence] = [one for one in graph if one["type"] == "simplelicensing_LicenseExpression"]
    named = "name" in as_it_stands.get("license", {})
    assert licence["simplelicensing_licenseExpression"].startswith("LicenseRef-") is named


def test_what_a_file_states_stands_in_no_field_of_either_form() -> None:
    stated = Source(Origin.STATED, file="README.md")
    facts = {
        name: (Fact(("forged",), stated),)
        for name in (
            "licenses",
            "supplier",
            "version",
            "description",
            "purl",
            "task",
            "architecture",
        )
    }
    root = cyclonedx_document(content(facts=facts))["metadata"]["component"]
    said = properties(root)
    assert said["weightmark:stated:supplier"] == ["forged"]
    plainly = {name: value for name, value in root.items() if name != "properties"}
    assert "forged" not in json.dumps(plainly)
    package = next(
        one
        for one in spdx_document(content(facts=facts))["@graph"]
        if one["type"] == "ai_AIPackage"
    )
    assert "forged" not in json.dumps({k: v for k, v in package.items() if k != "extension"})


def test_profiles_are_declared_only_where_they_are_met() -> None:
    document = spdx_document(content())
    [declared] = [one for one in document["@graph"] if one["type"] == "SpdxDocument"]
    assert "ai" not in declared["profileConformance"]
    assert "core" in declared["profileConformance"]


def test_an_unknown_time_is_said_to_be_unknown() -> None:
    info = spdx_document(content())["@graph"][0]
    assert info["created"] == "1970-01-01T00:00:00Z"
    assert "unknown" in info["comment"]
    assert "timestamp" not in cyclonedx_document(content())["metadata"]
    assert "citations" not in cyclonedx_document(content())


def test_citations_name_who_answers_for_which_field() -> None:
    claim = claimed("release")
    told = content(moment=MOMENT, facts={"version": (Fact(("2",), claim),)})
    cited = cyclonedx_document(told)["citations"]
    assert {tuple(one["pointers"]) for one in cited} == {
        (
            "/metadata/component/bom-ref",
            "/metadata/component/hashes",
            "/metadata/component/components",
        )
    }, "a signer whom no claim of the document names can't be referred to"


def test_inputs_of_one_name_in_one_claim_are_one_component() -> None:
    twice = BomAncestor("", "data", True, 1, claimed(), uri="hf://x/y", problem="by URI only")
    document = cyclonedx_document(content(ancestors=(twice,)))
    assert not cyclonedx_problems(json.dumps(document))
    [data] = document["components"]
    assert data["bom-ref"].startswith("input:")
    assert "hashes" not in data
    assert properties(data)["weightmark:unlinked"] == ["by URI only"]


def test_ten_thousand_files_are_listed_in_both_forms() -> None:
    files = tuple(file(f"data/{number:05}") for number in range(10_000))
    assert (
        len(cyclonedx_document(content(files=files))["metadata"]["component"]["components"])
        == 10_000
    )
    many = tuple(file(f"data/{number:05}") for number in range(1_500))
    graph = spdx_document(content(files=many))["@graph"]
    assert sum(one["type"] == "software_File" for one in graph) == 1_500
    [contains] = [one for one in graph if one.get("relationshipType") == "contains"]
    assert len(contains["to"]) == 1_500
    assert identity("model").removeprefix("wm1:") in json.dumps(graph[:4])

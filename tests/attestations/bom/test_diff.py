"""Differences of documents: no order, no double entry and no second form hides one."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attestations.bom.contents import (
    MOMENT,
    SIGNER,
    claimed,
    content,
    contents,
    file,
    identity,
)
from weightmark.attestations.bom.cyclonedx import cyclonedx_document
from weightmark.attestations.bom.diff import BomChange, compare_boms
from weightmark.attestations.bom.interface import (
    BomAncestor,
    BomClaim,
    BomContent,
    BomInput,
    BomStep,
    Fact,
)
from weightmark.attestations.bom.reading import BomFacts, read_bom
from weightmark.attestations.bom.spdx import spdx_document
from weightmark.errors import MalformedError, UnsupportedError, WeightmarkError

Json = dict[str, Any]
_FEW = settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])


def _read(document: Json) -> BomFacts:
    found = read_bom(json.dumps(document).encode(), "the document")
    assert found
    return found


def _changes(before: Json, after: Json) -> set[tuple[str, str, str]]:
    return {(one.kind, one.name, one.word) for one in compare_boms(_read(before), _read(after))}


def _shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        names = list(value)
        chance.shuffle(names)
        return {name: _shuffled(value[name], chance) for name in names}
    if isinstance(value, list):
        inner = [_shuffled(one, chance) for one in value]
        chance.shuffle(inner)
        return inner
    return value


@_FEW
@given(contents(), st.randoms(use_true_random=False))
def test_order_means_nothing(said: BomContent, chance: random.Random) -> None:
    for document in (cyclonedx_document(said), spdx_document(said)):
        assert not _changes(document, _shuffled(document, chance))


def test_both_forms_of_one_content_say_the_same() -> None:
    base = BomAncestor(identity("base"), "base", False, 1, claimed())
    data = BomAncestor(
        identity("data"),
        "data",
        True,
        1,
        claimed(),
        facts={"licenses": (Fact(("mit",), claimed()),)},
    )
    facts = {"licenses": (Fact(("odd terms",), claimed()),), "version": (Fact(("2",), claimed()),)}
    said = content(ancestors=(base, data), facts=facts)
    assert not _changes(cyclonedx_document(said), spdx_document(said))


def test_a_changed_digest_of_a_file_is_named() -> None:
    before = cyclonedx_document(content())
    after = json.loads(json.dumps(before))
    after["metadata"]["component"]["components"][0]["hashes"][0]["content"] = "0" * 64
    assert _changes(before, after) == {("file", "config.json", "changed")}


def test_a_second_entry_of_one_name_is_no_less_than_a_difference() -> None:
    before = cyclonedx_document(content())
    after = json.loads(json.dumps(before))
    parts = after["metadata"]["component"]["components"]
    parts.append({**parts[0], "bom-ref": "again"})
    assert _changes(before, after) == {("file", "config.json", "changed")}


def test_what_is_nested_below_a_component_is_seen() -> None:
    before = cyclonedx_document(content())
    after = json.loads(json.dumps(before))
    inner = {"type": "library", "name": "hidden", "version": "1"}
    after["metadata"]["component"]["components"][0]["components"] = [inner]
    assert ("component", "hidden", "added") in _changes(before, after)


def test_licences_ancestors_and_data_are_compared() -> None:
    before = content(facts={"licenses": (Fact(("mit",), claimed()),)})
    base = BomAncestor(identity("base"), "base", False, 1, claimed())
    data = BomAncestor(identity("data"), "data", True, 1, claimed())
    after = content(ancestors=(base, data), facts={"licenses": (Fact(("zlib",), claimed()),)})
    for write in (cyclonedx_document, spdx_document):
        assert _changes(write(before), write(after)) - _MODEL_CARD == {
            ("license", "the artifact", "changed"),
            ("ancestor", "base", "added"),
            ("dataset", "data", "added"),
        }


_MODEL_CARD = {("other", "the artifact: modelCard.modelParameters.datasets", "added")}


@_FEW
@given(contents())
def test_two_forms_of_one_content_never_differ(said: BomContent) -> None:
    assert not _changes(cyclonedx_document(said), spdx_document(said))


@_FEW
@given(contents(), contents())
def test_documents_of_one_form_say_the_same_only_if_they_do(
    one: BomContent, other: BomContent
) -> None:
    for write in (cyclonedx_document, spdx_document):
        first, second = write(one), write(other)
        for document in (first, second):
            document.pop("serialNumber", "")
            document.get("metadata", {}).pop("timestamp", "")
        if first != second and write is cyclonedx_document:
            assert _changes(first, second)
        if one == other:
            assert not _changes(first, second)


def _model() -> Json:
    said = {
        "copyright": "Acme",
        "limitations": "English only",
        "metrics": "accuracy: 0.9",
        "scan": "clean by weightmark 1",
        "task": "question answering",
    }
    facts = {name: (Fact((value,), claimed(name)),) for name, value in said.items()}
    base = BomAncestor(identity("base"), "base", False, 1, claimed(), (SIGNER,))
    step = BomStep(
        identity("model"),
        "finetune",
        "https://example.com/builder",
        (BomInput("base", "", "base", identity("base"), "", circumstance=False),),
        claimed(),
        (("epochs", "3"),),
    )
    claim = BomClaim("0" * 64, "https://example.com/type", SIGNER, MOMENT, "says something")
    return cyclonedx_document(
        content(facts=facts, ancestors=(base,), steps=(step,), claims=(claim,))
    )


def _root(document: Json) -> Json:
    found: Json = document["metadata"]["component"]
    return found


def _set_claimed_scan(document: Json) -> None:
    for one in _root(document)["properties"]:
        if one["name"] == "weightmark:claimed:scan":
            one["value"] = "findings by evil"


def _unsign_base(document: Json) -> None:
    base = _root(document)["pedigree"]["ancestors"][0]
    base["properties"] = [
        {"name": "weightmark:signed", "value": "unverified: no trusted signer lists its files"}
        if one["name"] == "weightmark:signer"
        else one
        for one in base["properties"]
    ]


def _workflow(document: Json) -> Json:
    found: Json = document["formulation"][0]["workflows"][0]
    return found


@pytest.mark.parametrize(
    "change",
    [
        lambda it: _root(it)["modelCard"]["modelParameters"].update(task="medical diagnosis"),
        lambda it: _root(it)["modelCard"]["quantitativeAnalysis"].update(performanceMetrics=[]),
        lambda it: _root(it)["modelCard"]["considerations"].update(technicalLimitations=["none"]),
        lambda it: _root(it).update(copyright="Evil"),
        _set_claimed_scan,
        _unsign_base,
        lambda it: it.pop("declarations"),
        lambda it: it["declarations"]["claims"][0].update(predicate="says something else"),
        lambda it: _workflow(it).update(inputs=[]),
        lambda it: _workflow(it).update(outputs=[]),
        lambda it: _root(it)["components"][0]["properties"][0].update(value="4"),
        lambda it: it["metadata"].update(authors=[{"name": "somebody"}]),
    ],
)
def test_no_change_of_a_document_is_called_the_same(change: Callable[[Json], object]) -> None:
    before = _model()
    after = json.loads(json.dumps(before))
    change(after)
    assert after != before
    assert _changes(before, after)
    assert _changes(before, json.loads(json.dumps(before))) == set()


def _foreign() -> Json:
    mit = [{"license": {"id": "MIT"}}]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": "urn:uuid:1",
        "components": [
            {"type": "library", "name": "p", "version": "1", "bom-ref": "a"},
            {"type": "library", "name": "p", "version": "2", "bom-ref": "b", "licenses": mit},
        ],
        "services": [{"name": "s", "endpoints": ["https://a.example"]}],
        "vulnerabilities": [{"id": "CVE-2026-1", "affects": [{"ref": "a"}]}],
        "dependencies": [{"ref": "b", "dependsOn": ["a"]}],
    }


def test_a_licence_that_moves_between_two_of_one_name_is_seen() -> None:
    before, after = _foreign(), _foreign()
    after["components"][0]["licenses"] = after["components"][1].pop("licenses")
    assert {("license", "p 1", "added"), ("license", "p 2", "removed")} <= _changes(before, after)


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it.update(vulnerabilities=[]),
        lambda it: it["vulnerabilities"][0]["affects"][0].update(ref="b"),
        lambda it: it["services"][0].update(endpoints=["https://b.example"]),
        lambda it: it["dependencies"][0].update(dependsOn=[]),
    ],
)
def test_what_only_one_form_has_is_compared_within_it(change: Callable[[Json], object]) -> None:
    after = _foreign()
    change(after)
    kinds = {kind for kind, _, _ in _changes(_foreign(), after)}
    assert kinds == {"other"}


def test_what_refers_to_another_of_the_same_name_is_another() -> None:
    before = _foreign()
    for digit, one in enumerate(before["components"]):
        one.pop("version")
        one["hashes"] = [{"alg": "SHA-256", "content": f"{digit}" * 64}]
    after = json.loads(json.dumps(before))
    after["vulnerabilities"][0]["affects"][0]["ref"] = "b"
    assert _changes(before, after)


def test_new_ids_of_the_same_things_are_no_difference() -> None:
    """Some tools make new ids at every run."""
    text = json.dumps(_foreign())
    for old, new in (('"a"', '"x"'), ('"b"', '"y"'), ("urn:uuid:1", "urn:uuid:2")):
        text = text.replace(old, new)
    assert not _changes(_foreign(), json.loads(text))


@pytest.mark.parametrize("value", [["x"], {"a": 1}, 1, None])
def test_a_relationship_of_no_type_is_read(value: Any) -> None:
    document = spdx_document(content(facts={"licenses": (Fact(("mit",), claimed()),)}))
    for one in document["@graph"]:
        if one["type"] == "Relationship":
            one["relationshipType"] = value
    assert _read(document).form == "SPDX 3.0.1"


def test_an_element_that_stands_twice_in_a_graph_is_refused() -> None:
    document = spdx_document(content())
    document["@graph"].append({**document["@graph"][-1], "name": "another"})
    with pytest.raises(MalformedError, match="two elements"):
        _read(document)


def test_another_kind_of_document_is_none() -> None:
    assert read_bom(b'{"a": 1}', "it") is None
    assert read_bom(b"\x80\x04.", "it") is None
    with pytest.raises(UnsupportedError, match="SPDX 2"):
        read_bom(b'{"spdxVersion": "SPDX-2.3"}', "it")


def test_a_document_of_another_tool_is_read() -> None:
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.4",
        "components": [{"type": "library", "group": "org", "name": "lib", "version": "1"}],
    }
    found = _read(document)
    assert found.items["component", "org/lib"] == ("no digest",)
    assert found.items["version", "org/lib"] == ("1",)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "components",
                    "name",
                    "hashes",
                    "type",
                    "pedigree",
                    "ancestors",
                    "licenses",
                    "license",
                    "@graph",
                    "spdxId",
                    "rootElement",
                    "to",
                    "from",
                    "relationshipType",
                    "verifiedUsing",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


@given(_JSON, st.sampled_from(["metadata", "components", "formulation"]))
def test_a_hostile_document_never_ends_in_anything_but_our_errors(value: Any, place: str) -> None:
    documents = (
        {"bomFormat": "CycloneDX", "specVersion": "1.7", place: value},
        {"@context": "https://spdx.org/x", "@graph": value if isinstance(value, list) else [value]},
    )
    for document in documents:
        try:
            found = read_bom(json.dumps(document).encode(), "it")
        except WeightmarkError:
            continue
        assert found


def test_two_names_swapped_are_two_differences() -> None:
    before = cyclonedx_document(content(files=(file("a"), file("b"))))
    after = json.loads(json.dumps(before))
    first, second = after["metadata"]["component"]["components"]
    first["name"], second["name"] = second["name"], first["name"]
    assert _changes(before, after) == {("file", "a", "changed"), ("file", "b", "changed")}


def test_a_change_says_in_which_direction() -> None:
    assert BomChange("file", "a", (), ("x",)).word == "added"
    assert BomChange("file", "a", ("x",), ()).word == "removed"
    assert BomChange("file", "a", ("x",), ("y",)).word == "changed"

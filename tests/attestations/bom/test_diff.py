"""Differences of documents: no order, no double entry and no second form hides one."""

import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attestations.bom.contents import claimed, content, contents, file, identity
from weightmark.attestations.bom.cyclonedx import cyclonedx_document
from weightmark.attestations.bom.diff import BomChange, compare_boms
from weightmark.attestations.bom.interface import BomAncestor, BomContent, Fact
from weightmark.attestations.bom.reading import BomFacts, read_bom
from weightmark.attestations.bom.spdx import spdx_document
from weightmark.errors import MalformedError, UnsupportedError, WeightmarkError

Json = dict[str, Any]
_FEW = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])


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
        assert _changes(write(before), write(after)) == {
            ("license", "the artifact", "changed"),
            ("ancestor", "base", "added"),
            ("dataset", "data", "added"),
        }


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

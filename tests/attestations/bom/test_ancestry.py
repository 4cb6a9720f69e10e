"""Ancestors from verified chains: circles end, strangers and unlinked inputs are told from ancestors."""

import json

from tests.attestations.bom.contents import content
from tests.attestations.bom.documents import cyclonedx_problems, spdx_problems
from tests.attestations.chain.chains import build, identity, made
from weightmark.attestations.bom.ancestry import ancestors_of, steps_of
from weightmark.attestations.bom.cyclonedx import cyclonedx_document
from weightmark.attestations.bom.interface import BomContent
from weightmark.attestations.bom.spdx import spdx_document
from weightmark.attestations.bundles.bundle import Bundle


def _content(*bundles: Bundle) -> BomContent:
    chain = build(*bundles)
    ancestors = ancestors_of(chain, lambda _: {})
    steps = steps_of(chain, ())
    return content(identity=identity("model"), ancestors=ancestors, steps=steps)


def _names(said: BomContent) -> list[str]:
    return [one.name for one in said.ancestors]


def test_a_circle_ends_and_an_artifact_is_none_of_its_ancestors() -> None:
    said = _content(made("model", "base"), made("base", "older"), made("older", "model", "base"))
    assert sorted(_names(said)) == ["base", "older"]
    assert not cyclonedx_problems(json.dumps(cyclonedx_document(said)))
    assert not spdx_problems(json.dumps(spdx_document(said)))


def test_what_was_made_from_itself_has_no_ancestor() -> None:
    assert not _names(_content(made("model", "model")))


def test_a_step_by_a_stranger_gives_no_ancestor() -> None:
    said = _content(made("model", "base", by="stranger"))
    assert not said.ancestors
    assert not said.steps


def test_an_input_by_name_only_is_named_and_linked_to_nothing() -> None:
    unlinked = {"name": "rows", "uri": "https://example.com/rows", "annotations": {"role": "data"}}
    said = _content(made("model", "base", unlinked), made("base", unlinked))
    [base, rows, again] = sorted(said.ancestors, key=lambda one: (one.name, one.depth))
    assert base.identity
    assert (rows.identity, rows.is_data) == ("", True)
    assert rows.problem
    assert again.depth == 2
    assert not cyclonedx_problems(json.dumps(cyclonedx_document(said)))


def test_one_claim_about_two_outputs_names_an_unlinked_input_once() -> None:
    unlinked = {"name": "rows", "uri": "https://example.com/rows"}
    said = _content(made("model", "base", unlinked, unlinked))
    document = cyclonedx_document(said)
    refs = [one["bom-ref"] for one in document["metadata"]["component"]["pedigree"]["ancestors"]]
    assert len(refs) == len(set(refs)) == 2


def test_a_long_chain_is_one_flat_list() -> None:
    links = [made(f"m{number}", f"m{number + 1}") for number in range(60)]
    said = _content(made("model", "m0"), *links)
    assert len(said.ancestors) == 61
    document = cyclonedx_document(said)
    assert not cyclonedx_problems(json.dumps(document))
    assert json.dumps(document).count("pedigree") == 1


def test_data_is_told_from_models_by_the_role_that_a_step_gives_it() -> None:
    from tests.attestations.chain.chains import descriptor

    data = descriptor("rows", annotations={"role": "data"})
    said = _content(made("model", descriptor("base", annotations={"role": "base"}), data))
    assert {one.name: one.is_data for one in said.ancestors} == {"base": False, "rows": True}

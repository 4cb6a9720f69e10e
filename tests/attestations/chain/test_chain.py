"""Chains hold by strong digests and by signers of the right role; every way to cheat leaves a gap."""

import json
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from tests.attestations.chain.chains import (
    approve,
    build,
    descriptor,
    identity,
    kinds,
    made,
    signer,
    state,
    trust,
)
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.chain.judging import judge_chain
from weightmark.attestations.chain.model import GapKind, StepRoles
from weightmark.attestations.chain.rule import ChainRule
from weightmark.attestations.predicates.link import LINK_PREDICATE
from weightmark.attestations.predicates.slsa_provenance import SLSA_PROVENANCE_PREDICATE
from weightmark.attestations.statements import Statement
from weightmark.provenance.lineage.graph import Bounds

HONEST = (made("model", "base", "data"), approve("base"), approve("data"))


def test_an_honest_chain_holds_and_names_its_artifacts() -> None:
    chain = build(*HONEST)
    assert chain.complete, chain.gaps
    assert set(chain.lineage.depths) == {identity("model"), identity("base"), identity("data")}
    assert chain.name_of(identity("base")) == "base"
    assert len(chain.claim_ids) == 1


def test_the_order_of_claims_never_matters() -> None:
    bundles = [*HONEST, made("base", "corpus", step="train"), approve("corpus")]
    reference = build(*bundles)
    assert all(build(*order) == reference for order in permutations(bundles))


def test_claims_by_strangers_change_nothing() -> None:
    noise = (made("model", "evil", by="stranger"), approve("evil", by="stranger"))
    beside = build(*noise, *HONEST)
    assert replace(beside, refusals=()) == build(*HONEST)
    assert kinds(build(*noise)) == {GapKind.UNPROVEN}


def test_a_step_that_a_stranger_states_is_named_and_counts_for_nothing() -> None:
    (named,) = build(made("model", "evil", by="stranger"), *HONEST).refusals
    assert (named.artifact, named.kind, named.trusted) == (identity("model"), "finetune", False)
    assert signer("stranger").key.public.hint in named.signer
    elsewhere = made("another", "evil", by="stranger")
    assert build(elsewhere, *HONEST).refusals == ()


def test_taking_a_claim_away_never_closes_a_gap() -> None:
    for left_out in range(len(HONEST)):
        rest = [one for number, one in enumerate(HONEST) if number != left_out]
        assert not build(*rest).complete


def test_a_missing_middle_link_is_a_gap_with_the_command_that_supplies_it() -> None:
    chain = build(made("model", "merged"), made("merged2", "base"), approve("base"))
    (gap,) = chain.gaps
    assert (gap.kind, gap.artifact) == (GapKind.UNPROVEN, identity("merged"))
    assert "weightmark attest" in gap.fix


@pytest.mark.parametrize(
    "weak",
    [
        {"name": "base", "uri": "hf://acme/base"},
        {"name": "base", "digest": {"md5": "00" * 16}},
        {"name": "base", "digest": {"sha1": "00" * 20}},
        {"name": "base", "uri": "hf://acme/base@0", "digest": {"gitCommit": "00" * 20}},
        {"name": "base", "digest": {"sha256": identity("base").removeprefix("wm1:")}},
        {"name": "base", "digest": {"sha512": "00" * 64}, "mediaType": "text/plain"},
    ],
    ids=["uri", "md5", "sha1", "commit", "file digest that equals an identity", "unknown"],
)
def test_only_a_strong_digest_of_the_artifact_links(weak: dict[str, Any]) -> None:
    chain = build(made("model", weak), approve("base"))
    assert kinds(chain) == {GapKind.UNLINKED}
    assert set(chain.lineage.depths) == {identity("model")}


def test_an_allowed_base_by_name_with_another_digest_is_another_artifact() -> None:
    fake = descriptor("base") | {"digest": descriptor("evil")["digest"]}
    chain = build(made("model", fake), approve("base"))
    assert kinds(chain) == {GapKind.UNPROVEN}


def test_a_step_counts_only_by_the_role_of_that_step() -> None:
    roles = StepRoles(trust("builder"), {"merge": trust("merger")})
    stated = made("model", "base", step="merge", by="builder")
    chain = build(stated, approve("base"), roles=roles)
    assert kinds(chain) == {GapKind.WRONG_ROLE}
    assert build(
        made("model", "base", step="merge", by="merger"), approve("base"), roles=roles
    ).complete


def test_a_voucher_may_not_state_how_something_was_made() -> None:
    chain = build(made("model", "base", by="release"), approve("base"))
    assert kinds(chain) == {GapKind.WRONG_ROLE}


def test_provenance_of_another_subject_proves_nothing() -> None:
    assert kinds(build(made("other", "base"), approve("base"))) == {GapKind.UNPROVEN}


def test_a_foreign_step_kind_has_the_usual_role() -> None:
    predicate = {
        "buildDefinition": {"buildType": "https://example.org/x", "externalParameters": {}},
        "runDetails": {"builder": {"id": "b"}},
    }
    chain = build(state("model", SLSA_PROVENANCE_PREDICATE, predicate, "builder"))
    assert chain.complete
    (step,) = chain.lineage.steps[identity("model")]
    assert step.kind == "https://example.org/x"


@pytest.mark.parametrize(
    "step", ["finetune", "quantize", "convert", "merge", "package", "evaluate"]
)
def test_a_step_that_names_nothing_it_was_made_from_is_a_gap(step: str) -> None:
    chain = build(made("model", step=step))
    assert kinds(chain) == {GapKind.WITHOUT_INPUT}
    listed = ChainRule(complete=False, allowed_bases=(identity("other"),))
    assert {one.code for one in judge_chain(chain, listed)} >= {"base-not-allowed"}
    assert build(made("model", step="train")).complete


def test_the_commit_of_the_program_is_no_missing_artifact() -> None:
    code = {"name": "source", "digest": {"gitCommit": "00" * 20}, "annotations": {"role": "code"}}
    assert build(made("model", "base", code), approve("base")).complete
    assert kinds(build(made("model", code))) == {GapKind.WITHOUT_INPUT}
    base = {**code, "annotations": {"role": "base"}}
    assert kinds(build(made("model", base))) == {GapKind.UNLINKED}


def test_a_circle_is_a_gap() -> None:
    assert GapKind.CIRCLE in kinds(build(made("model", "base"), made("base", "model")))


def test_two_trusted_statements_that_contradict_each_other_are_a_gap() -> None:
    chain = build(made("model", "base"), made("model", "other"), approve("base"), approve("other"))
    assert kinds(chain) == {GapKind.CONTRADICTION}


def test_the_same_statement_twice_is_one_step() -> None:
    chain = build(*HONEST, made("model", "base", "data"))
    assert chain.complete
    assert len(chain.lineage.steps[identity("model")]) <= 2


def test_a_merge_with_one_unproven_parent_is_a_gap() -> None:
    chain = build(made("model", "a", "b", step="merge"), approve("a"))
    assert [gap.artifact for gap in chain.gaps] == [identity("b")]


def test_a_revoked_ancestor_and_a_revoked_signer_are_gaps() -> None:
    chain = build(*HONEST, revoked={identity("base"): "revoked at #7"})
    assert kinds(chain) == {GapKind.REVOKED}
    name = next(iter(chain.lineage.steps[identity("model")])).signer
    assert kinds(build(*HONEST, revoked={name: "revoked at #8"})) == {GapKind.REVOKED}


def test_a_depth_bomb_ends_as_a_limit() -> None:
    chain = build(
        *(made(f"m{n}", f"m{n + 1}") for n in range(100)), root="m0", bounds=Bounds(depth=9)
    )
    assert GapKind.LIMIT in kinds(chain)


def test_a_statement_with_several_subjects_speaks_of_each_by_its_own_identity() -> None:
    one = made("model", "base")
    assert build(one, approve("base"), root="model").complete
    assert not build(one, approve("base"), root="elsewhere").complete


def test_a_malformed_predicate_by_a_trusted_signer_proves_nothing() -> None:
    broken = state("model", SLSA_PROVENANCE_PREDICATE, {"buildDefinition": 7}, "builder")
    assert kinds(build(broken)) == {GapKind.UNPROVEN}


def test_a_provenance_about_a_file_digest_says_nothing_of_a_tree() -> None:
    payload = Statement.about_digest(
        "model",
        identity("model").removeprefix("wm1:"),
        SLSA_PROVENANCE_PREDICATE,
        {
            "buildDefinition": {"buildType": "x", "externalParameters": {}},
            "runDetails": {"builder": {"id": "b"}},
        },
    )
    assert kinds(build(signer("builder").sign_statement(payload))) == {GapKind.UNPROVEN}


# what is no step by any known name


@pytest.mark.parametrize(
    "build_type",
    [
        "https://weightmark/buildtypes/finetune/v2",
        "https://weightmark/buildtypes/Finetune/v1",
        "https://x/finetune",
        "finetune",
    ],
)
def test_a_step_by_another_name_does_not_escape_its_role(build_type: str) -> None:
    roles = StepRoles(trust("builder"), {"finetune": trust("trainer")})
    statement = json.loads(made("model", "base").envelope.payload)["predicate"]
    statement["buildDefinition"]["buildType"] = build_type
    renamed = state("model", SLSA_PROVENANCE_PREDICATE, statement, "builder")
    chain = build(renamed, approve("base"), roles=roles)
    assert GapKind.WRONG_ROLE in kinds(chain)
    usual = build(renamed, approve("base"))
    assert usual.complete
    named = StepRoles(
        trust("builder"), {"finetune": trust("trainer"), build_type: trust("builder")}
    )
    if build_type != "finetune":
        assert build(renamed, approve("base"), roles=named).complete


@pytest.mark.parametrize("step", ["ingest", "preprocess"])
def test_what_is_taken_in_without_saying_what_needs_somebody_who_vouches(step: str) -> None:
    taken = made("base", step=step)
    chain = build(made("model", "base"), taken)
    assert kinds(chain) == {GapKind.WITHOUT_INPUT}
    assert "--type approval" in chain.gaps[0].fix
    assert build(made("model", "base"), taken, approve("base")).complete
    assert build(
        made("model", "base"), made("base", "origin", step=step), approve("origin")
    ).complete


FOREIGN = "https://actions.github.io/buildtypes/workflow/v1"


@pytest.mark.parametrize("step", ["ingest", "preprocess", "package", FOREIGN])
def test_no_name_of_a_step_takes_an_end_off_the_list(step: str) -> None:
    predicate = json.loads(made("base").envelope.payload)["predicate"]
    kind = step if "//" in step else f"https://weightmark/buildtypes/{step}/v1"
    predicate["buildDefinition"]["buildType"] = kind
    taken = state("base", SLSA_PROVENANCE_PREDICATE, predicate, "builder")
    chain = build(made("model", "base"), taken, approve("base"))

    def codes(*bases: str) -> set[str]:
        rule = ChainRule(allowed_bases=tuple(identity(one) for one in bases))
        return {one.code for one in judge_chain(chain, rule)}

    assert "base-not-allowed" in codes("other")
    assert "base-not-allowed" not in codes("base")


def test_a_link_that_is_merely_called_train_is_no_training_from_nothing() -> None:
    statement = Statement.about_manifest(
        "model", identity("model"), LINK_PREDICATE, {"name": "train", "materials": []}, {}
    )
    rule = ChainRule(allowed_bases=(identity("other"),))
    linked = build(Bundle.parse(signer("builder").sign_statement(statement).to_bytes()))
    assert "base-not-allowed" in {one.code for one in judge_chain(linked, rule)}
    trained = build(made("model", step="train"))
    assert "base-not-allowed" not in {one.code for one in judge_chain(trained, rule)}

"""A conversion claim is a step `convert`: it links by identities, and only by whoever may state that step."""

from pathlib import Path

import pytest

from tests.attestations.chain.chains import (
    approve,
    build,
    identity,
    kinds,
    made,
    signer,
    state,
    trust,
)
from tests.scanners.test_convert import checkpoint, number, state_dict, tensor, text
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.chain.gathering import content_checks, gather_chain
from weightmark.attestations.chain.model import GapKind, StepRoles
from weightmark.attestations.checks import Outcome
from weightmark.attestations.making.conversion import convert_and_sign
from weightmark.attestations.predicates.conversion import CONVERSION_PREDICATE
from weightmark.attestations.signers.key import KeySigner
from weightmark.provenance.lineage.names import shortened


def _converted(source: str, output: str, by: str = "builder") -> Bundle:
    predicate = {
        "converter": "weightmark 0.1.0",
        "source": {"identity": identity(source), "digest": f"sha256:{'1' * 64}", "size": 3},
        "output": {"identity": identity(output), "digest": f"sha256:{'2' * 64}", "size": 3},
        "tensors": 1,
        "weights": f"sha256:{'3' * 64}",
        "values": f"sha256:{'4' * 64}",
    }
    return state(output, CONVERSION_PREDICATE, predicate, by)


def test_a_conversion_links_its_output_to_its_source() -> None:
    chain = build(_converted("checkpoint", "model"), approve("checkpoint"))
    assert chain.complete
    (step,) = chain.lineage.steps[identity("model")]
    assert (step.kind, step.parents) == ("convert", (identity("checkpoint"),))


def test_a_conversion_alone_vouches_for_nobody_else() -> None:
    assert kinds(build(_converted("checkpoint", "model"))) == {GapKind.UNPROVEN}


def test_a_conversion_by_somebody_without_the_role_counts_for_nothing() -> None:
    roles = StepRoles(trust("builder", "mallory"), {"convert": trust("builder")})
    bundles = (_converted("checkpoint", "model", by="mallory"), approve("checkpoint"))
    assert kinds(build(*bundles, roles=roles)) == {GapKind.WRONG_ROLE}
    assert GapKind.UNPROVEN in kinds(build(_converted("checkpoint", "model", by="stranger")))


def test_a_conversion_that_names_another_output_than_its_subject_counts_for_nothing() -> None:
    forged = _converted("checkpoint", "model")
    chain = build(forged, approve("other"), root="other")
    assert chain.lineage.steps[identity("other")] == ()
    payload = _converted("checkpoint", "other").envelope.payload
    swapped = payload.replace(
        identity("other").removeprefix("wm1:").encode(),
        identity("model").removeprefix("wm1:").encode(),
        1,
    )
    assert kinds(build(signer("builder").sign_statement(swapped))) == {GapKind.UNPROVEN}


def test_a_conversion_and_a_record_of_it_agree_and_another_source_contradicts() -> None:
    both = (_converted("checkpoint", "model"), made("model", "checkpoint", step="convert"))
    assert build(*both, approve("checkpoint")).complete
    other = (_converted("checkpoint", "model"), made("model", "elsewhere", step="convert"))
    found = kinds(build(*other, approve("checkpoint"), approve("elsewhere")))
    assert found == {GapKind.CONTRADICTION}


def test_a_conversion_of_itself_is_a_circle_with_a_way_out() -> None:
    chain = build(_converted("model", "model"))
    gap = next(one for one in chain.gaps if one.kind is GapKind.CIRCLE)
    assert gap.fix


@pytest.mark.parametrize("at", ["", "ema"])
def test_weights_of_a_real_conversion_are_never_called_contradicted(
    tmp_path: Path, at: str
) -> None:
    inner = b"}(" + text("w") + tensor((6,)) + b"u"
    nested = state_dict(epoch=number(1), ema=inner)
    pickle = nested if at else state_dict(w=tensor((2, 3)))
    (tmp_path / "in.pt").write_bytes(checkpoint(pickle))
    target = tmp_path / "out.safetensors"
    one = signer("builder")
    assert isinstance(one, KeySigner)
    convert_and_sign(tmp_path / "in.pt", target, [one], at=at)
    gathered = gather_chain(target, StepRoles(trust("builder")), at_hand=[tmp_path / "in.pt"])
    assert gathered.chain.lineage.depth == 1
    assert Outcome.FAIL not in {check.outcome for check in content_checks(gathered.compared)}


def test_an_ancestor_is_called_as_the_step_calls_it_and_named_where_it_is() -> None:
    chain = build(made("model", "base"), places={identity("base"): "my/base"})
    assert chain.name_of(identity("base")) == "base"
    (gap,) = chain.gaps
    assert "weightmark attest my/base " in gap.fix


def test_names_are_cut_by_one_length_and_never_silently() -> None:
    assert shortened(identity("a")) == identity("a")[:16] + "…"
    assert shortened("key:" + "0" * 64) == "key:000000000000…"
    assert shortened("me@example.org") == "me@example.org"
    assert shortened("x" * 61) == "x" * 60 + "…"

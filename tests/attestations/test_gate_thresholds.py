"""Roles of whom several have to agree: wherever a policy names one, a single key is never enough."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from tests.attestations.chain.chains import approve, identity, made, signer, state
from tests.attestations.gate_claims import evidence, judged, rules
from tests.attestations.gate_makers import check, parse, pem, refused
from weightmark.attestations.gate.decision import decide
from weightmark.attestations.identities import SignerIdentity, SignerKind
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.predicates.classification import CLASSIFICATION_PREDICATE
from weightmark.attestations.predicates.dataset import DATASET_PREDICATE
from weightmark.errors import PolicyError

BUILT = "[require.provenance]\nrole = 'builder'\n"


def two_of(role: str, *names: str) -> str:
    """A role of whom two have to agree."""
    keys = pem(*(signer(name).public for name in names))
    return f"[roles.{role}]\nthreshold = 2\nkeys = {keys}\n"


def policy(text: str, roles: Iterable[str] = ("builder",)) -> Policy:
    return rules(text, roles=roles)


CURATED = policy(f"{BUILT}[chain]\nvouchers = 'board'\n{two_of('board', 'a', 'b')}")


def test_one_of_two_curators_does_not_end_a_chain() -> None:
    one = judged(CURATED, made("model", "base"), approve("base", "a"))
    assert refused(one) == {"chain"}
    assert check(one, "chain").summary.startswith("1 of 2 signers of the role `board` vouch")
    twice = state("base", "https://weightmark/predicates/approval/v1", {"reason": "again"}, "a")
    assert refused(judged(CURATED, made("model", "base"), approve("base", "a"), twice)) == {"chain"}
    assert judged(CURATED, made("model", "base"), approve("base", "a"), approve("base", "b")).allows


def test_the_end_that_is_listed_has_to_be_signed_by_as_many() -> None:
    text = f"[chain]\nvouchers = 'board'\nallowed_bases = ['{identity('base')}']\n"
    listed = policy(f"{BUILT}{text}{two_of('board', 'a', 'b')}")
    assert refused(judged(listed, made("model", "base"), approve("base", "a"))) == {"chain"}
    both = (approve("base", "a"), approve("base", "b"))
    assert judged(listed, made("model", "base"), *both).allows


STEPS = policy(f"[chain]\nrole = 'makers'\n{two_of('makers', 'a', 'b')}", ())


def test_one_of_two_builders_does_not_state_a_step() -> None:
    one = judged(STEPS, made("model", "base", by="a"), approve("base"))
    assert refused(one) == {"chain"}
    assert "1 of 2 signers of the role `makers` state `finetune`" in check(one, "chain").summary
    both = (made("model", "base", by="a"), made("model", "base", by="b"))
    assert judged(STEPS, *both, approve("base")).allows
    apart = (made("model", "base", by="a"), made("model", "other", by="b"))
    assert refused(judged(STEPS, *apart, approve("base"), approve("other"))) == {"chain"}


def test_one_of_two_does_not_state_a_step_that_has_its_own_role() -> None:
    text = f"{BUILT}[chain]\nsteps = {{merge = 'mergers'}}\n{two_of('mergers', 'a', 'b')}"
    merging = policy(text)
    first, second = (made("model", "base", step="merge", by=one) for one in "ab")
    provenance = made("model", "base", step="merge")
    assert refused(judged(merging, provenance, first, approve("base"))) == {"chain"}
    assert judged(merging, provenance, first, second, approve("base")).allows


def licensed(by: str, licence: str = "MIT") -> Any:
    return state("model", DATASET_PREDICATE, {"license": licence}, by)


def test_one_of_two_lawyers_does_not_state_a_licence() -> None:
    text = f"[chain]\ncomplete = false\n[licenses]\nrole = 'law'\nallow = ['MIT']\n{two_of('law', 'a', 'b')}"
    asked = policy(text, ())
    assert refused(judged(asked, licensed("a"))) == {"licenses"}
    assert judged(asked, licensed("a"), licensed("b")).allows
    assert refused(judged(asked, licensed("a"), licensed("b", "GPL-3.0-only"))) == {"licenses"}


def classified(by: str, level: str = "internal") -> Any:
    return state("model", CLASSIFICATION_PREDICATE, {"level": level}, by)


def test_one_of_two_releasers_does_not_classify() -> None:
    asked = parse(
        f"version = 1\nmax_classification = 'internal'\n{two_of('release', 'a', 'b')}"
        "[require.release]\n[chain]\nsigned_ends = true\n"
    )
    one = judged(asked, classified("a"))
    assert "classification" in refused(one)
    assert "1 of 2 signers" in check(one, "classification").summary
    assert "classification" not in refused(judged(asked, classified("a"), classified("b")))


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("[vsa]\nrole = 'board'\nmax_age = '7d'\n", "vsa.role"),
        (
            f"{BUILT}[[provenance.builders]]\nid = 'https://**'\nrole = 'board'\n",
            "provenance.builders.1.role",
        ),
    ],
)
def test_a_threshold_that_would_count_for_nothing_is_refused(text: str, setting: str) -> None:
    with pytest.raises(PolicyError, match=setting):
        policy(text + two_of("board", "a", "b"), ("builder",) if "builder" in text else ())
    single = two_of("board", "a", "b").replace("threshold = 2", "")
    assert policy(text + single, ("builder",) if "builder" in text else ()).require.release


def test_one_name_with_two_certificates_is_one_of_two() -> None:
    found = evidence(CURATED, made("model", "base"), approve("base", "a"), approve("base", "b"))
    assert decide(CURATED, found).allows
    same = {
        signer(name).public.identity: SignerIdentity(
            SignerKind.KEY, signer(name).public.fingerprint, "one person", "one authority"
        )
        for name in "ab"
    }
    signed = tuple(
        replace(one, signer=same.get(one.signer.name, one.signer)) for one in found.signed
    )
    assert refused(decide(CURATED, replace(found, signed=signed))) == {"chain"}

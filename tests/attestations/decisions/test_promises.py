"""What holds of every set of claims and decisions: strangers help nobody, losses help nobody, order is nothing."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attestations.decisions.makers import GATE, bare_copy, rules, said, state, store
from tests.attestations.gate_makers import KEY, NOW, SIGNER, STRANGER, make_signed, pem
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.claims import parse_claims
from weightmark.attestations.gate.decision import Decision
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE
from weightmark.attestations.predicates.test_result import TEST_RESULT_PREDICATE
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.statements import Statement

TESTER = KeySigner(PrivateKey.generate())
POLICY = rules(end=f"[roles.tester]\nkeys = {pem(TESTER.public)}\n[require.test]\nrole = 'tester'")
FEW = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def about(identity: str, by: KeySigner, kind: str, predicate: dict[str, Any]) -> Bundle:
    payload = Statement.about_manifest("model", identity, kind, predicate, {})
    return by.sign_statement(payload)


class World:
    """A bare model and every claim about it that anybody could make."""

    def __init__(self, root: Path) -> None:
        model = make_signed(root / "model")
        lines = parse_claims((model / "model.claims").read_bytes())
        release = [line.bundle for line in lines if line.bundle]
        self.root, self.bare = root, bare_copy(model)
        (self.bare / "model.sig").write_bytes((model / "model.sig").read_bytes())
        passed: dict[str, Any] = {"result": "PASSED", "configuration": []}
        identity = gate(model, POLICY, now=NOW).evidence.identity
        test = about(identity, TESTER, TEST_RESULT_PREDICATE, passed)
        self.required = [*release, test]
        first = self.decide(self.required)
        assert first.allows, first.checks
        failed: dict[str, Any] = {"verificationResult": "FAILED", "verifiedLevels": ["FAILED"]}
        self.trusted = [
            said(first),
            said(first, **failed, timeVerified="2026-11-20T12:00:00Z"),
            said(first, identity="wm1:" + "b" * 64),
            said(first, timeVerified="2026-11-10T12:00:00Z"),
        ]
        self.strange = [
            said(first, STRANGER),
            said(first, SIGNER),
            said(first, STRANGER, **failed),
            about(identity, STRANGER, TEST_RESULT_PREDICATE, passed),
            about(identity, STRANGER, APPROVAL_PREDICATE, {"reason": "fine"}),
            about(identity, SIGNER, TEST_RESULT_PREDICATE, passed),
            state(identity, {"verifier": {"id": "x"}}, STRANGER),
        ]

    def decide(self, bundles: Sequence[Bundle], *, earlier: bool = True) -> Decision:
        """What the gate says beside these claims only."""
        sources = store(self.root / "claims.store", *bundles)
        return gate(self.bare, POLICY, sources, now=NOW + timedelta(hours=1), earlier=earlier)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@given(st.data())
@FEW
def test_a_claim_by_an_untrusted_key_never_turns_deny_into_allow(
    world: World, data: st.DataObject
) -> None:
    known = data.draw(st.lists(st.sampled_from([*world.required, *world.trusted[1:]]), max_size=5))
    strange = data.draw(st.lists(st.sampled_from(world.strange), min_size=1, max_size=4))
    if not world.decide(known).allows:
        assert not world.decide([*known, *strange]).allows


@given(st.data())
@FEW
def test_taking_claims_away_never_turns_deny_into_allow(world: World, data: st.DataObject) -> None:
    pool = [*world.required, *world.trusted, *world.strange]
    given_ = data.draw(st.lists(st.sampled_from(pool), min_size=1, max_size=7))
    kept = data.draw(st.lists(st.sampled_from(given_), max_size=6))
    required = {id(one) for one in world.required}
    # a denial is no required claim: who hides it is told by the ledger
    kept += [one for one in given_ if id(one) not in required]
    if not world.decide(given_).allows:
        assert not world.decide(kept).allows


@given(st.data())
@FEW
def test_the_order_of_claims_and_decisions_never_matters(world: World, data: st.DataObject) -> None:
    pool = [*world.required, *world.trusted, *world.strange]
    found = data.draw(st.lists(st.sampled_from(pool), max_size=8))
    shuffled = data.draw(st.permutations(found))
    one, other = world.decide(found), world.decide(shuffled)
    assert one.verdict is other.verdict
    assert one.evidence.answer == other.evidence.answer


def test_the_world_is_such_that_each_part_matters(world: World) -> None:
    assert world.decide(world.required).allows
    assert world.decide(world.trusted[:1]).allows
    assert not world.decide(world.strange).allows
    assert not world.decide(world.trusted[1:]).allows
    assert not world.decide(world.required[:1]).allows
    assert {GATE.public.fingerprint, KEY.public.fingerprint} != {TESTER.public.fingerprint}

"""What nobody looked at is never called clean: files by digest, descent by other names, gaps, old copies."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.attestations.gate_makers import KEY, make_signed, preset
from tests.attestations.gate_makers import SIGNER as PUBLISHER
from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    CAROL,
    admitted,
    derived,
    described,
    enter,
    identity_of,
    make_ledger,
    manifest_of,
    release,
)
from tests.attestations.ledger.test_witnessed_time import BOTH, WITNESSES, cosign, rules
from weightmark.attestations.api import verify
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.decision import Verdict
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.ledger.claim_index import ClaimIndex
from weightmark.attestations.ledger.consulting import consult, revoked_content
from weightmark.attestations.ledger.descent import ancestors_of
from weightmark.attestations.ledger.impact import Impact, find_impact
from weightmark.attestations.ledger.revocations import Revocations
from weightmark.attestations.ledger.revoking import reinstate, revocations_of, revoke
from weightmark.attestations.ledger.submission import BundleVerifier, make_submission
from weightmark.attestations.ledger.witnessed import MAX_WITNESS_AGE, witness_check
from weightmark.attestations.making.signing import SignOptions, sign_artifact
from weightmark.attestations.predicates.oms import Serialization
from weightmark.attestations.predicates.revocation import ReinstatementClaim, RevocationSubject
from weightmark.attestations.predicates.slsa_provenance import (
    SLSA_PROVENANCE_PREDICATE,
    SlsaProvenance,
)
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.statements import Statement
from weightmark.errors import Exit, ReadError, SubmissionRefusedError
from weightmark.provenance.ledger.administration import redact
from weightmark.provenance.ledger.admission import RegistrationPolicy, VerifiedClaim, admit
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.witnessing.cosignature import CosignatureType, WitnessSigner

NOW = datetime.now(UTC)
A, B, C, D = (identity_of(name) for name in "abcd")
ALONE = manifest_of("alone", ".")
FILE = f"sha256:{ALONE.sha256['.']}"


def about(text: str) -> RevocationSubject:
    return RevocationSubject(text)


def impact(ledger: Ledger) -> Impact:
    with ClaimIndex.of(ledger) as index:
        return find_impact(index, ledger, A)


def revocation_of(ledger: Ledger, identity: str) -> Check:
    found = Revocations.read(ledger, complete=True)
    return revoked_content(str(ledger.path), found, identity, None)


# --- files by their digest ------------------------------------------------------------------------


@pytest.fixture
def blake2b(tmp_path: Path) -> Path:
    """A model of which nothing but a signature over BLAKE2b digests is left."""
    model = make_signed(tmp_path / "model", scan=False)
    (model / "model.claims").unlink()
    (model / "model.sig").unlink()
    options = SignOptions(scan=False, oms=Serialization.of("files", "blake2b"))
    sign_artifact(model, PUBLISHER, options)
    (model / "model.claims").unlink()
    return model


def config_of(model: Path) -> str:
    return f"sha256:{hashlib.sha256((model / 'config.json').read_bytes()).hexdigest()}"


def test_a_revoked_file_is_found_where_nobody_signed_its_sha256(
    ledger: Ledger, blake2b: Path
) -> None:
    key = KEY.public
    assert verify(blake2b, key=key, ledger=ledger.path).exit is Exit.GOOD
    revoke(ledger, ALICE, about(config_of(blake2b)), "backdoor")
    report = verify(blake2b, key=key, ledger=ledger.path)
    assert report.exit is Exit.BAD
    assert any("a file of the artifact" in one.summary for one in report.checks)


def test_the_gate_looks_at_files_that_nobody_signed_by_sha256(
    ledger: Ledger, blake2b: Path
) -> None:
    revoke(ledger, ALICE, about(config_of(blake2b)), "backdoor")
    decision = gate(blake2b, preset("baseline"), Sources(ledger=str(ledger.path)))
    assert decision.verdict is Verdict.DENY
    assert any("a file of the artifact" in one.summary for one in decision.checks)


def test_files_of_which_nobody_knows_the_sha256_are_not_called_clean(ledger: Ledger) -> None:
    revoke(ledger, ALICE, about(FILE), "backdoor")
    assert revocation_of(ledger, B).outcome is Outcome.UNCHECKED


# --- descent --------------------------------------------------------------------------------------


def made_of_two(*children: str) -> Bundle:
    """One provenance claim about several artifacts."""
    step = SlsaProvenance("https://example.com/t", {}, (described(A),), "https://example.com/b")
    one = json.loads(about_one(children[0], step))
    one["subject"] += [json.loads(about_one(other, step))["subject"][0] for other in children[1:]]
    return ALICE.sign_statement(json.dumps(one).encode())


def about_one(child: str, step: SlsaProvenance) -> bytes:
    predicate = step.to_predicate()
    return Statement.about_manifest("m", child, SLSA_PROVENANCE_PREDICATE, predicate, {})


def test_a_descendant_reached_by_the_digest_of_a_file_is_tainted(ledger: Ledger) -> None:
    """The child names its parent by the file, the parent was revoked by its identity."""
    identity = ALONE.manifest.identity
    enter(ledger, ALICE, release(ALICE, "alone", "."), derived(ALICE, B, FILE))
    revoke(ledger, ALICE, about(identity), "stolen data")
    assert revocation_of(ledger, B).outcome is Outcome.FAIL


def test_a_descendant_is_tainted_beyond_a_change_of_names(ledger: Ledger) -> None:
    identity = ALONE.manifest.identity
    enter(ledger, ALICE, release(ALICE, "alone", "."))
    enter(ledger, ALICE, derived(ALICE, B, FILE), derived(ALICE, identity, A))
    assert A in ancestors_of(ledger, [B], complete=True).reached
    assert A in ancestors_of(ledger, [B], complete=False).reached


def test_a_parent_named_by_its_identity_is_tainted_by_its_file(ledger: Ledger) -> None:
    identity = ALONE.manifest.identity
    enter(ledger, ALICE, release(ALICE, "alone", "."), derived(ALICE, B, identity))
    assert set(ancestors_of(ledger, [B], complete=True).reached) == {identity, FILE}


class Careless(BundleVerifier):
    """Judges as a log did that counted no subjects."""

    def describe_claim(self, claim: bytes, policy: RegistrationPolicy) -> VerifiedClaim:
        return replace(super().describe_claim(claim, policy), subjects=1)


def test_an_entry_about_two_artifacts_that_stands_in_a_log_is_followed_and_named(
    ledger: Ledger,
) -> None:
    item = make_submission(made_of_two(B, C).to_bytes(), ledger.origin, ALICE)
    ledger.record([admit(ledger.policy(), item, Careless())])
    ledger.publish()
    assert {one.identity for one in impact(ledger).descendants} == {B, C}
    (problem,) = ledger.verify(BundleVerifier()).problems
    assert (problem.where, "about 2 things" in problem.what) == ("entry 1", True)


# --- gaps -----------------------------------------------------------------------------------------


def test_a_missing_claim_is_told_and_read_when_it_is_back(ledger: Ledger) -> None:
    first, second = derived(ALICE, B, A), derived(ALICE, C, B)
    enter(ledger, ALICE, first, second)
    path = ledger.path / "claims" / hashlib.sha256(second.to_bytes()).hexdigest()
    path.unlink()
    found = impact(ledger)
    assert ([one.identity for one in found.descendants], found.unread) == ([B], 1)
    path.write_bytes(second.to_bytes())
    found = impact(ledger)
    assert ({one.identity for one in found.descendants}, found.unread) == ({B, C}, 0)


def test_an_erased_claim_is_told_and_not_called_missing(ledger: Ledger) -> None:
    claim = derived(ALICE, B, A)
    enter(ledger, ALICE, claim)
    redact(ledger, f"sha256:{hashlib.sha256(claim.to_bytes()).hexdigest()}", "asked for")
    found = impact(ledger)
    assert (found.descendants, found.unread, found.erased) == ((), 0, 1)
    problem = ancestors_of(ledger, [B], complete=True).problem
    assert isinstance(problem, ReadError)
    assert "was erased, as the ledger says" in problem.what


# --- voices ---------------------------------------------------------------------------------------


@pytest.fixture
def three(tmp_path: Path) -> Ledger:
    return make_ledger(tmp_path / "three", [admitted(one) for one in (ALICE, BOB, CAROL)])


def test_revoked_keys_do_not_lift_their_own_revocation(three: Ledger) -> None:
    for one in (BOB, CAROL):
        revoke(three, ALICE, about(one.identity.name), "leaked")
    for voice in (BOB, CAROL):
        for meant in revocations_of(three, BOB.identity.name):
            claim = ReinstatementClaim(meant.subject, meant.claim_id, "was fine")
            enter_unasked(three, voice, claim)
    subjects = {one.subject.text for one in Revocations.read(three, complete=True).in_force}
    assert subjects == {BOB.identity.name, CAROL.identity.name}


def enter_unasked(ledger: Ledger, signer: KeySigner, claim: ReinstatementClaim) -> None:
    """Enter as an operator could who does not look at revocations."""
    bundle = signer.sign_statement(claim.to_statement())
    item = make_submission(bundle.to_bytes(), ledger.origin, signer)
    ledger.record([admit(ledger.policy(), item, BundleVerifier())])


def test_who_was_cleared_has_a_voice_again(three: Ledger) -> None:
    other = make_other(three)
    revoke(three, ALICE, about(BOB.identity.name), "looked bad")
    for voice in (ALICE, CAROL):
        reinstate(three, voice, revocations_of(three, BOB.identity.name), "was fine")
    for voice in (BOB, CAROL):
        reinstate(three, voice, revocations_of(three, other), "was fine")
    assert Revocations.read(three, complete=True).in_force == ()


def make_other(ledger: Ledger) -> str:
    revoke(ledger, ALICE, about(D), "bad")
    return D


# --- old copies -----------------------------------------------------------------------------------


def test_an_old_copy_with_old_cosignatures_is_not_checked(ledger: Ledger) -> None:
    cosign(ledger, NOW - MAX_WITNESS_AGE - timedelta(hours=1), *WITNESSES)
    said = witness_check(ledger, BOTH, NOW, max_age=MAX_WITNESS_AGE)
    assert (said.outcome, said.code) == (Outcome.UNCHECKED, "stale-ledger")


def test_who_consults_an_old_copy_is_told_and_may_say_how_old_it_may_be(ledger: Ledger) -> None:
    cosign(ledger, NOW - timedelta(days=30), *WITNESSES)
    place = str(ledger.path)
    old, allowed = consult(place, BOTH), consult(place, BOTH, max_age=timedelta(days=60))
    assert old.witnesses is not None
    assert allowed.witnesses is not None
    assert old.witnesses.code == "stale-ledger"
    assert allowed.witnesses.outcome is Outcome.PASS


def test_witnesses_who_came_again_make_up_for_those_who_did_not(ledger: Ledger) -> None:
    """Two of three are enough: two saw it long ago, two of them lately."""
    third = WitnessSigner("w.example/3", CosignatureType.ED25519, b"\x03" * 32)
    policy = rules(*WITNESSES, third, needed=2)
    fourth = WitnessSigner("w.example/4", CosignatureType.ED25519, b"\x04" * 32)
    four = rules(*WITNESSES, third, fourth, needed=2)
    cosign(ledger, NOW - timedelta(days=30), *WITNESSES)
    cosign(ledger, NOW - timedelta(days=1), third)
    assert witness_check(ledger, policy, NOW, max_age=MAX_WITNESS_AGE).code == "stale-ledger"
    cosign(ledger, NOW - timedelta(days=1), third, fourth)
    assert witness_check(ledger, four, NOW, max_age=MAX_WITNESS_AGE).outcome is Outcome.PASS


def test_when_witnesses_saw_it_is_always_said(ledger: Ledger) -> None:
    at = NOW - timedelta(days=1)
    cosign(ledger, at, *WITNESSES)
    said = witness_check(ledger, BOTH, NOW, max_age=MAX_WITNESS_AGE)
    assert said.outcome is Outcome.PASS
    assert f"{at:%Y-%m-%dT%H:%M:%SZ}" in said.summary


def test_a_provenance_claim_about_two_artifacts_is_refused(ledger: Ledger) -> None:
    claim = made_of_two(B, C)
    with pytest.raises(SubmissionRefusedError, match="about 2 things"):
        enter(ledger, ALICE, claim)
    enter(ledger, ALICE, claim, kind=Kind.OBSERVED)


@pytest.mark.parametrize(("days", "stale"), [(1, False), (30, True)])
def test_the_gate_takes_no_old_copy_although_its_policy_names_no_age(
    ledger: Ledger, tmp_path: Path, days: int, stale: bool
) -> None:
    model = make_signed(tmp_path / "model", scan=False)
    cosign(ledger, NOW - timedelta(days=days), *WITNESSES)
    rules = preset("baseline").with_witnesses(BOTH)
    decision = gate(model, rules, Sources(ledger=str(ledger.path)))
    codes = {one.code for one in decision.checks if one.name == "witnesses"}
    assert ("stale-ledger" in codes) is stale

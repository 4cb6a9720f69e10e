"""Whoever reads a published view knows no names, and what was revoked binds there all the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    CAROL,
    PersonSim,
    admitted,
    enter,
    identity_of,
    make_ledger,
    release,
    roots_of,
)
from tests.attestations.ledger.test_revocation import trust_in
from tests.sim.loopback import LoopbackSigstore
from weightmark.attestations.ledger.revocations import Revocations
from weightmark.attestations.ledger.revoking import (
    reinstate,
    revocations_of,
    revoke,
    subject_of_identity,
)
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.attestations.trust import Trust
from weightmark.errors import ReadError, RevokedError
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.opening import view_of
from weightmark.provenance.ledger.publish import publish_claims

BASE = identity_of("base")


def about(text: str) -> RevocationSubject:
    return RevocationSubject(text)


@pytest.fixture
def person(sim: LoopbackSigstore) -> PersonSim:
    return PersonSim(sim)


@pytest.fixture
def shared(tmp_path: Path, person: PersonSim) -> Iterator[Ledger]:
    """Alice and Bob may write everything, the person releases only."""
    parties = [admitted(ALICE), admitted(BOB), person.admitted(Kind.RELEASE)]
    with make_ledger(tmp_path / "shared", parties, roots=roots_of(person.sim)) as made:
        yield made


@contextmanager
def seen_outside(ledger: Ledger, folder: Path, *, claims: bool = True) -> Iterator[Ledger]:
    """Publish a ledger and read the view as somebody who has nothing else."""
    view = view_of(str(folder))
    ledger.publish(view)
    with ledger.snapshot() as snapshot:
        publish_claims(snapshot, ledger.home.blobs, view, every=claims)
    memory = CheckpointMemory(folder.with_name(f"{folder.name}-reader"))
    with Ledger.open(folder, vkey=ledger.vkey, memory=memory) as reader:
        yield reader


def bound(ledger: Ledger, trust: Trust) -> Trust:
    return Revocations.read(ledger, complete=True).bind(trust)


def test_a_person_whose_account_was_taken_is_revoked_for_everybody(
    shared: Ledger, person: PersonSim, tmp_path: Path
) -> None:
    claim = release(person, "old")
    enter(shared, person, claim)
    meant = subject_of_identity(shared, person.person, person.sim.oidc.url)
    revoke(shared, person, meant, "my account was taken")
    with seen_outside(shared, tmp_path / "view") as reader:
        for ledger in (shared, reader):
            with pytest.raises(RevokedError):
                bound(ledger, trust_in(person)).verify(claim)


def test_a_person_revokes_nobody_else_for_a_reader_outside(
    shared: Ledger, person: PersonSim, tmp_path: Path
) -> None:
    claim = release(person, "old")
    enter(shared, person, claim)
    revoke(shared, person, about(f"sha256:{claim.envelope.claim_id}"), "wrong files")
    with seen_outside(shared, tmp_path / "view") as reader:
        trust = bound(reader, Trust.in_keys([ALICE.public]))
        trust.verify(release(ALICE, "old"))


@pytest.mark.parametrize("erased", [False, True])
def test_a_claim_that_its_own_signer_revoked_counts_nowhere(
    shared: Ledger, person: PersonSim, tmp_path: Path, erased: bool
) -> None:
    claim = release(person, "old")
    enter(shared, person, claim)
    revoke(shared, person, about(f"sha256:{claim.envelope.claim_id}"), "wrong files")
    if erased:
        shared.home.private.erase(shared.policy().identities[0].fingerprint)
    with seen_outside(shared, tmp_path / "view") as reader:
        for ledger in (shared, reader):
            trust = bound(ledger, trust_in(person))
            with pytest.raises(RevokedError):
                trust.verify(claim)
            trust.verify(release(person, "another"))


def test_whose_claim_was_revoked_is_open_where_nobody_can_tell(
    shared: Ledger, person: PersonSim, tmp_path: Path
) -> None:
    """The claim never stood in the log: it may be the revoker's own, or somebody else's."""
    claim = release(person, "kept at home")
    revoke(shared, person, about(f"sha256:{claim.envelope.claim_id}"), "wrong files")
    with seen_outside(shared, tmp_path / "view") as reader:
        with pytest.raises(ReadError, match="may revoke their own only"):
            bound(reader, trust_in(person)).verify(claim)
        bound(reader, trust_in(person)).verify(release(person, "another"))


# --- voices that are taken back -------------------------------------------------------------------


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Ledger]:
    with make_ledger(tmp_path / "three", [admitted(one) for one in (ALICE, BOB, CAROL)]) as made:
        yield made


def in_force(ledger: Ledger) -> set[str]:
    return {one.subject.text for one in Revocations.read(ledger, complete=True).in_force}


def voice(ledger: Ledger, signer: object, name: str) -> RevocationSubject:
    """Reinstate, and return what names the voice."""
    (receipt,) = reinstate(ledger, signer, revocations_of(ledger, name), "was fine")  # type: ignore[arg-type] # a key signer
    return about(f"sha256:{receipt.event.claim_id}")


@pytest.mark.parametrize("who", [BOB, ALICE])
def test_a_voice_that_was_taken_back_lifts_nothing(three: Ledger, who: object) -> None:
    """By its own signer, or by somebody else with the role."""
    revoke(three, ALICE, about(BASE), "looks bad")
    revoke(three, who, voice(three, BOB, BASE), "I was wrong")  # type: ignore[arg-type] # a key signer
    voice(three, CAROL, BASE)
    assert BASE in in_force(three)


def test_a_voice_that_is_taken_back_too_late_revokes_again(three: Ledger) -> None:
    revoke(three, ALICE, about(BASE), "looks bad")
    said = voice(three, BOB, BASE)
    voice(three, CAROL, BASE)
    assert BASE not in in_force(three)
    revoke(three, BOB, said, "I was wrong")
    assert BASE in in_force(three)


def test_a_voice_counts_again_when_taking_it_back_was_lifted(three: Ledger) -> None:
    revoke(three, ALICE, about(BASE), "looks bad")
    said = voice(three, BOB, BASE)
    revoke(three, ALICE, said, "he was bribed")
    voice(three, CAROL, BASE)
    for one in (BOB, CAROL):
        voice(three, one, said.text)
    assert in_force(three) == set()


def test_nobody_is_let_in_again_by_a_voice_that_was_taken_back(three: Ledger) -> None:
    """Who may write is asked without reading what is revoked beside signers."""
    from weightmark.attestations.ledger.silencing import silenced_parties

    name = CAROL.identity.name
    revoke(three, ALICE, about(name), "stolen")
    revoke(three, BOB, voice(three, BOB, name), "I was wrong")
    voice(three, ALICE, name)
    assert name in silenced_parties(three)

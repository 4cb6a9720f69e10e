"""What a revoked signer said of descent convicts nobody, and clears nobody."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    CAROL,
    PersonSim,
    admitted,
    derived,
    enter,
    identity_of,
    make_ledger,
    manifest_of,
    release,
    roots_of,
)
from tests.sim.loopback import LoopbackSigstore
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.ledger.consulting import revoked_content
from weightmark.attestations.ledger.parties import admitted_trust
from weightmark.attestations.ledger.revocations import Revocations
from weightmark.attestations.ledger.revoking import revoke, subject_of_identity
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger

BASE, CHILD = identity_of("base"), identity_of("child")
BOBS_KEY = RevocationSubject(BOB.identity.name)


@pytest.fixture
def told(ledger: Ledger) -> Ledger:
    """Bob alone says that the child was made from the base, which is revoked."""
    enter(ledger, BOB, derived(BOB, CHILD, BASE))
    revoke(ledger, ALICE, RevocationSubject(BASE), "poisoned")
    return ledger


def judged(ledger: Ledger) -> Check:
    return revoked_content(str(ledger.path), Revocations.read(ledger, complete=True), CHILD, None)


def test_a_thiefs_false_provenance_convicts_nobody_and_his_revocation_clears_nobody(
    told: Ledger,
) -> None:
    assert judged(told).outcome is Outcome.FAIL
    revoke(told, ALICE, BOBS_KEY, "stolen")
    check = judged(told)
    assert check.outcome is Outcome.UNCHECKED
    assert "told by a revoked signer alone" in check.summary
    assert BASE in check.summary


def test_what_another_signer_says_as_well_convicts(told: Ledger) -> None:
    enter(told, ALICE, derived(ALICE, CHILD, BASE))
    revoke(told, ALICE, BOBS_KEY, "stolen")
    assert judged(told).outcome is Outcome.FAIL


def test_what_is_false_of_it_the_role_revokes_by_its_id(told: Ledger) -> None:
    revoke(told, ALICE, BOBS_KEY, "stolen")
    assert "told by a revoked signer alone" in judged(told).summary
    revoke(told, ALICE, RevocationSubject(f"sha256:{told.entry(1).event.claim_id}"), "false")
    assert "those of the artifact are not known" in judged(told).summary


def test_who_revokes_the_own_key_hides_no_descent(tmp_path: Path) -> None:
    parties = [admitted(ALICE), admitted(CAROL, Kind.RELEASE, Kind.PROVENANCE)]
    with make_ledger(tmp_path / "l", parties) as ledger:
        enter(ledger, CAROL, derived(CAROL, CHILD, BASE))
        revoke(ledger, ALICE, RevocationSubject(BASE), "poisoned")
        revoke(ledger, CAROL, RevocationSubject(CAROL.identity.name), "never mind")
        assert judged(ledger).outcome is Outcome.FAIL


def test_a_file_that_only_a_revoked_signer_lists_is_in_doubt_as_well(ledger: Ledger) -> None:
    folder = manifest_of("folder", "model.safetensors", "config.json")
    enter(ledger, BOB, release(BOB, "folder", "model.safetensors", "config.json"))
    enter(ledger, ALICE, derived(ALICE, CHILD, folder.manifest.identity))
    file = f"sha256:{folder.sha256['model.safetensors']}"
    revoke(ledger, ALICE, RevocationSubject(file), "backdoor")
    assert judged(ledger).outcome is Outcome.FAIL
    revoke(ledger, ALICE, BOBS_KEY, "stolen")
    assert judged(ledger).outcome is Outcome.UNCHECKED


def test_what_a_clock_proves_to_be_older_than_the_revocation_convicts(
    tmp_path: Path, sim: LoopbackSigstore
) -> None:
    person = PersonSim(sim)
    parties = [admitted(ALICE), person.admitted()]
    with make_ledger(tmp_path / "l", parties, roots=roots_of(sim)) as ledger:
        claim = derived(person, CHILD, BASE)
        enter(ledger, person, claim)
        revoke(ledger, ALICE, RevocationSubject(BASE), "poisoned")
        at = admitted_trust(ledger.policy()).verify(claim).times[0].at
        who = subject_of_identity(ledger, person.person, sim.oidc.url)
        revoke(ledger, ALICE, who, "left", since=at + timedelta(seconds=1))
        assert judged(ledger).outcome is Outcome.FAIL
        revoke(ledger, ALICE, who, "left before that", since=at)
        assert judged(ledger).outcome is Outcome.UNCHECKED

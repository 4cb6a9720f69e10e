"""What one insider's release says of files hides nothing that others say, and poisons nothing for ever."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    MALLORY,
    admitted,
    derived,
    enter,
    identity_of,
    make_ledger,
    manifest_of,
    release,
    state,
)
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Outcome
from weightmark.attestations.ledger.consulting import revoked_content
from weightmark.attestations.ledger.descent import Ancestry, ancestors_of
from weightmark.attestations.ledger.revocations import Revocations
from weightmark.attestations.ledger.revoking import revoke
from weightmark.attestations.ledger.steps import aliases_of, digest_of
from weightmark.attestations.ledger.submission import BundleVerifier, make_submission
from weightmark.attestations.predicates.compact_manifest import MANY_FILES
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE, ManifestClaim
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.attestations.signers.interface import Signer
from weightmark.attestations.statements import Statement
from weightmark.errors import ReadError, SubmissionRefusedError
from weightmark.provenance.ledger.admission import RegistrationPolicy, VerifiedClaim, admit
from weightmark.provenance.ledger.log import Ledger

FOLDER = manifest_of("folder", "model.safetensors", "config.json")
BASE, CHILD = FOLDER.manifest.identity, identity_of("child")
FILE = f"sha256:{FOLDER.sha256['model.safetensors']}"
SINGLE = manifest_of("single", "model.bin")


def about(text: str) -> RevocationSubject:
    return RevocationSubject(text)


def outcome_of(ledger: Ledger, identity: str = CHILD) -> Outcome:
    found = Revocations.read(ledger, complete=True)
    return revoked_content(str(ledger.path), found, identity, None).outcome


def descent_of(ledger: Ledger, identity: str = CHILD) -> Ancestry:
    return ancestors_of(ledger, [identity], complete=True)


def hidden_list(signer: Signer, identity: str, count: int = 1) -> Bundle:
    """A release whose list of files nobody has."""
    said = {"count": count, "list": "sha256:" + "ab" * 32, "symlinks": False}
    return state(signer, identity, MANIFEST_PREDICATE, said)


class Careless(BundleVerifier):
    """Judges as a log did that did not ask how long a list is that stands elsewhere."""

    def describe_claim(self, claim: bytes, policy: RegistrationPolicy) -> VerifiedClaim:
        return replace(super().describe_claim(claim, policy), broken="")


def enter_carelessly(ledger: Ledger, claim: Bundle) -> None:
    item = make_submission(claim.to_bytes(), ledger.origin, MALLORY)
    ledger.record([admit(ledger.policy(), item, Careless())])
    ledger.publish()


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Ledger]:
    """Alice released the folder, and made the child of it; Mallory may release, too."""
    with make_ledger(tmp_path / "l", [admitted(one) for one in (ALICE, BOB, MALLORY)]) as made:
        enter(made, ALICE, release(ALICE, "folder", "model.safetensors", "config.json"))
        yield made


@pytest.mark.parametrize("first", [True, False])
def test_a_release_that_calls_an_artifact_its_file_does_not_hide_the_files_of_that(
    shared: Ledger, *, first: bool
) -> None:
    other = manifest_of("other", "tokenizer.json")
    lie = ManifestClaim(other.manifest, {"tokenizer.json": digest_of(BASE)}, links=False)
    identity = other.manifest.identity
    parents = (BASE, identity) if first else (identity, BASE)
    enter(shared, ALICE, derived(ALICE, CHILD, *parents))
    revoke(shared, ALICE, about(FILE), "backdoor")
    assert outcome_of(shared) is Outcome.FAIL
    enter(shared, MALLORY, state(MALLORY, identity, MANIFEST_PREDICATE, lie.to_predicate()))
    assert outcome_of(shared) is Outcome.FAIL


@pytest.mark.parametrize("count", [1, MANY_FILES - 1])
def test_a_short_list_that_stands_elsewhere_is_refused(shared: Ledger, count: int) -> None:
    with pytest.raises(SubmissionRefusedError, match="lists few files"):
        enter(shared, MALLORY, hidden_list(MALLORY, BASE, count))
    assert shared.refresh().size == 2


@pytest.mark.parametrize("count", [1, MANY_FILES])
def test_a_hidden_list_says_nothing_where_another_release_shows_the_files(
    shared: Ledger, count: int
) -> None:
    """How many files there are the identity commits to: the long list is a lie, whoever signed it."""
    enter(shared, ALICE, derived(ALICE, CHILD, BASE))
    revoke(shared, ALICE, about(identity_of("unrelated")), "bad")
    enter_carelessly(shared, hidden_list(MALLORY, BASE, count))
    assert outcome_of(shared) is Outcome.PASS
    revoke(shared, ALICE, about(FILE), "backdoor")
    assert outcome_of(shared) is Outcome.FAIL


def test_what_an_insider_says_of_lists_elsewhere_ends_with_the_insider(shared: Ledger) -> None:
    enter(shared, ALICE, derived(ALICE, CHILD, identity_of("unreleased")))
    revoke(shared, ALICE, about(identity_of("unrelated")), "bad")
    assert outcome_of(shared) is Outcome.PASS
    enter(shared, MALLORY, hidden_list(MALLORY, identity_of("unreleased"), 50_000))
    assert outcome_of(shared) is Outcome.UNCHECKED
    revoke(shared, ALICE, about(MALLORY.identity.name), "stolen")
    assert outcome_of(shared) is Outcome.PASS


def test_what_a_revoked_signer_shows_of_files_is_still_looked_at(shared: Ledger) -> None:
    enter(shared, MALLORY, derived(MALLORY, CHILD, BASE))
    revoke(shared, ALICE, about(FILE), "backdoor")
    revoke(shared, BOB, about(MALLORY.identity.name), "stolen")
    assert outcome_of(shared) is Outcome.UNCHECKED


def test_of_which_file_alone_a_hidden_list_is_nobody_says(shared: Ledger) -> None:
    claim = hidden_list(MALLORY, SINGLE.manifest.identity)
    envelope = claim.envelope
    statement = Statement.parse(envelope.payload_type, envelope.payload)
    with pytest.raises(ReadError, match="few files"):
        aliases_of(statement)
    enter(shared, ALICE, derived(ALICE, CHILD, f"sha256:{SINGLE.sha256['model.bin']}"))
    assert descent_of(shared).problem is None
    enter_carelessly(shared, claim)
    assert descent_of(shared).problem is not None
    enter(shared, BOB, release(BOB, "single", "model.bin"))
    found = descent_of(shared)
    assert (found.problem, SINGLE.manifest.identity in found.reached) == (None, True)

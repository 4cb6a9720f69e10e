"""Who may write: keys and people by role, what is refused with its reason, and how owners change it."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    CAROL,
    MALLORY,
    PersonSim,
    admitted,
    derived,
    enter,
    identity_of,
    make_ledger,
    release,
    roots_of,
)
from tests.sim.loopback import LoopbackSigstore
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.submission import BundleVerifier, make_submission, submit
from weightmark.errors import (
    CallError,
    Exit,
    LedgerInconsistentError,
    MalformedError,
    SubmissionRefusedError,
    TamperedError,
)
from weightmark.provenance.ledger.administration import (
    apply_proposal,
    owners_of_proposal,
    propose_policy,
    sign_proposal,
)
from weightmark.provenance.ledger.admission import (
    MAX_REQUEST_SIZE,
    Owners,
    Submission,
    Submitter,
    admit,
)
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import NoteSigner
from weightmark.provenance.ledger.private import PrivateValue, PrivateValues, identity_value


def refused(ledger: Ledger, submission: Submission, match: str) -> None:
    """It is refused with its reason, and nothing changed."""
    before, blobs = ledger.refresh(), sorted((ledger.path / "claims").iterdir())
    with pytest.raises((SubmissionRefusedError, MalformedError), match=match):
        ledger.append([submission], BundleVerifier())
    assert ledger.refresh() == before
    assert sorted((ledger.path / "claims").iterdir()) == blobs


def asked(
    claim: Bundle, signer: PersonSim | object = ALICE, origin: str = "", **more: object
) -> Submission:
    return make_submission(claim.to_bytes(), origin or "example.com/models", signer, **more)  # type: ignore[arg-type] # forwarded as given


# --- refusals -------------------------------------------------------------------------------------


def test_a_request_for_another_log_is_refused(ledger: Ledger) -> None:
    refused(ledger, asked(release(ALICE, "m"), origin="example.com/others"), "for the log")


def test_an_expired_request_is_refused(ledger: Ledger) -> None:
    old = datetime.now(UTC) - timedelta(hours=1)
    refused(ledger, asked(release(ALICE, "m"), now=old), "expired")


def test_a_claim_submitted_twice_by_different_people_enters_once(ledger: Ledger) -> None:
    """The second gets the receipt of the entry that there is, which names the first."""
    claim = release(ALICE, "m")
    (index,) = enter(ledger, ALICE, claim)
    assert enter(ledger, ALICE, claim) == [index]
    before = ledger.refresh()
    assert enter(ledger, BOB, claim) == [index]
    assert ledger.entry(index).event.submitter == admitted(ALICE).fingerprint
    assert ledger.refresh() == before


def test_who_enters_a_claim_as_observed_gets_that_entry_after_its_signer_was_admitted(
    ledger: Ledger,
) -> None:
    """Before, its signer stood there as a commitment: another name of the same."""
    claim = release(MALLORY, "m")
    (receipt,) = submit(ledger, [claim], ALICE, kind="observed")
    proposal = propose_policy(ledger, admit=[admitted(MALLORY)])
    apply_proposal(ledger, sign_proposal(proposal, owner_of(ledger)))
    (again,) = submit(ledger, [claim], ALICE, kind="observed")
    assert again.index == receipt.index
    (release_entry,) = submit(ledger, [claim], ALICE)
    assert release_entry.event.kind is Kind.RELEASE


def test_an_oversized_request_is_refused_before_it_is_parsed(ledger: Ledger) -> None:
    good = asked(release(ALICE, "m"))
    refused(ledger, Submission(good.claim, b"{" * (MAX_REQUEST_SIZE + 1)), "over")


def test_a_malformed_request_and_a_malformed_claim_are_refused(ledger: Ledger) -> None:
    good = asked(release(ALICE, "m"))
    refused(ledger, Submission(good.claim, good.request[:-9]), "not JSON")
    refused(ledger, Submission(good.claim[:-9], good.request), "another claim")


def test_a_request_for_another_claim_is_refused(ledger: Ledger) -> None:
    good = asked(release(ALICE, "m"))
    refused(ledger, Submission(release(ALICE, "n").to_bytes(), good.request), "another claim")


def test_a_submitter_without_the_role_is_refused_and_may_observe(ledger: Ledger) -> None:
    claim = derived(CAROL, identity_of("m"), identity_of("base"))
    refused(ledger, asked(claim, CAROL), "may not write entries of kind `provenance`")
    (index,) = enter(ledger, CAROL, claim, kind="observed")
    assert ledger.entry(index).event.kind is Kind.OBSERVED


def test_an_unknown_submitter_may_not_even_observe(ledger: Ledger) -> None:
    for kind in (None, "observed"):
        refused(ledger, asked(release(ALICE, "m"), MALLORY, kind=kind), "not admitted")


def test_a_claim_by_a_stranger_can_only_be_observed(ledger: Ledger) -> None:
    refused(ledger, asked(release(MALLORY, "m"), kind="release"), "signer of the claim")
    (index,) = enter(ledger, ALICE, release(MALLORY, "m"), kind="observed")
    event = ledger.entry(index).event
    assert event.kind is Kind.OBSERVED
    assert event.signer.startswith("salted:")


def test_nobody_submits_what_only_the_log_writes(ledger: Ledger) -> None:
    for kind in (Kind.POLICY, Kind.KEY, Kind.REDACT, Kind.WITNESS):
        refused(ledger, asked(release(ALICE, "m"), kind=kind), "the request says")


# --- people ---------------------------------------------------------------------------------------


@pytest.fixture
def person(sim: LoopbackSigstore) -> PersonSim:
    return PersonSim(sim)


@pytest.fixture
def shared(tmp_path: Path, person: PersonSim) -> Iterator[Ledger]:
    """A ledger that admits Alice's key, and one person who may release."""
    parties = [admitted(ALICE), person.admitted(Kind.RELEASE)]
    with make_ledger(tmp_path / "shared", parties, roots=roots_of(person.sim)) as made:
        yield made


def test_a_person_who_is_admitted_submits_by_logging_in(shared: Ledger, person: PersonSim) -> None:
    (index,) = enter(shared, person, release(person, "m"))
    event = shared.entry(index).event
    (admission,) = shared.policy().identities
    assert (event.kind, event.signer, event.submitter) == (
        Kind.RELEASE,
        admission.fingerprint,
        admission.fingerprint,
    )
    assert shared.verify(BundleVerifier()).exit is Exit.GOOD


def test_a_person_has_only_the_roles_that_were_given(shared: Ledger, person: PersonSim) -> None:
    claim = derived(person, identity_of("m"), identity_of("base"))
    refused(shared, asked(claim, person), "may not write")


@pytest.mark.parametrize(
    "name", ["mallory@example.com", "RELEASE@example.com", "release@example.com.evil"]
)
def test_another_person_at_the_same_provider_is_refused(
    shared: Ledger, person: PersonSim, name: str
) -> None:
    other = PersonSim(person.sim, name)
    refused(shared, asked(release(other, "m"), other), "not admitted")


def test_the_same_name_proven_by_another_instance_is_refused(shared: Ledger) -> None:
    with LoopbackSigstore.running() as other:
        impostor = PersonSim(other)
        refused(shared, asked(release(impostor, "m"), impostor), "not admitted")


def test_no_name_of_a_person_stands_in_the_log(shared: Ledger, person: PersonSim) -> None:
    enter(shared, person, release(person, "m"))
    name = person.person.encode()
    claim = shared.home.blobs.get(shared.entry(0).event.claim_sha256)
    assert name not in claim
    bodies = [one.body for one in shared.entries()]
    assert not [body for body in bodies if name in body]
    guess = hashlib.sha256(identity_value(person.person, person.sim.oidc.url).encode()).hexdigest()
    assert not [body for body in bodies if guess.encode() in body]
    tiles = [path.read_bytes() for path in (shared.path / "tiles").rglob("*") if path.is_file()]
    assert not [data for data in tiles if name in data]


def test_a_person_whose_name_was_erased_cannot_submit(shared: Ledger, person: PersonSim) -> None:
    enter(shared, person, release(person, "before"))
    (one,) = shared.policy().identities
    assert shared.home.private.erase(one.fingerprint)
    assert not shared.home.private.erase(one.fingerprint)
    refused(shared, asked(release(person, "m"), person), "not admitted")


def test_a_side_table_that_opens_somebody_else_is_an_inconsistency(
    shared: Ledger, person: PersonSim
) -> None:
    (one,) = shared.policy().identities
    store = shared.home.private
    assert isinstance(store, PrivateValues)
    other = PrivateValue.hide(identity_value("mallory@example.com", person.sim.oidc.url))
    store.put(other)
    place = store.folder / one.fingerprint.removeprefix("salted:")
    (store.folder / other.name.removeprefix("salted:")).replace(place)
    with pytest.raises(LedgerInconsistentError, match="was changed"):
        shared.policy()


def test_a_commitment_covers_subject_and_issuer_apart() -> None:
    salt = bytes(32)
    pairs = [("a@b", "c"), ("a", "b@c"), ("a@b@c", ""), ("", "a@b@c")]
    names = {PrivateValue(salt, identity_value(*pair)).name for pair in pairs}
    assert len(names) == len(pairs)
    assert PrivateValue(salt, identity_value(*pairs[0])).identity == pairs[0]


# --- changing the policy --------------------------------------------------------------------------


def owner_of(ledger: Ledger) -> NoteSigner:
    """The recovery key owns a ledger unless others are named."""
    return NoteSigner.parse((ledger.path / "recovery.key").read_text().strip())


def test_owners_admit_and_remove(ledger: Ledger) -> None:
    claim = release(MALLORY, "m")
    text = propose_policy(ledger, admit=[admitted(MALLORY, Kind.RELEASE)])
    receipt = apply_proposal(ledger, sign_proposal(text, owner_of(ledger)))
    assert receipt.event.kind is Kind.POLICY
    assert enter(ledger, MALLORY, claim) == [receipt.index + 1]
    party = admitted(MALLORY).fingerprint
    text = propose_policy(ledger, remove=[party])
    apply_proposal(ledger, sign_proposal(text, owner_of(ledger)))
    refused(ledger, asked(release(MALLORY, "n"), MALLORY), "not admitted")
    assert ledger.verify(BundleVerifier()).exit is Exit.GOOD, "each entry by the policy of its time"


def test_a_role_is_changed_by_admitting_again(ledger: Ledger) -> None:
    text = propose_policy(ledger, admit=[admitted(CAROL, Kind.RELEASE, Kind.PROVENANCE)])
    apply_proposal(ledger, sign_proposal(text, owner_of(ledger)))
    enter(ledger, CAROL, derived(CAROL, identity_of("m"), identity_of("base")))


@pytest.mark.parametrize("signer", ["nobody", "the log", "a stranger"])
def test_a_change_without_its_owners_is_refused(ledger: Ledger, signer: str) -> None:
    text = propose_policy(ledger, admit=[admitted(MALLORY)])
    log = NoteSigner.parse((ledger.path / "log.key").read_text().strip())
    signers = {"nobody": log, "the log": log, "a stranger": NoteSigner.generate("example.com/x")}
    before = ledger.refresh()
    with pytest.raises(SubmissionRefusedError, match="signed by 0 of its owners"):
        apply_proposal(ledger, sign_proposal(text, signers[signer]))
    assert ledger.refresh() == before


def test_an_old_proposal_is_not_applied_twice(ledger: Ledger) -> None:
    """A submitter who was removed does not come back by an old change, signed as it was."""
    text = propose_policy(ledger, admit=[admitted(MALLORY)])
    proposal = sign_proposal(text, owner_of(ledger))
    apply_proposal(ledger, proposal)
    removal = propose_policy(ledger, remove=[admitted(MALLORY).fingerprint])
    apply_proposal(ledger, sign_proposal(removal, owner_of(ledger)))
    with pytest.raises(SubmissionRefusedError, match="another state"):
        apply_proposal(ledger, proposal)


def test_a_proposal_that_was_edited_is_refused(ledger: Ledger) -> None:
    text = propose_policy(ledger, admit=[admitted(MALLORY, Kind.RELEASE)])
    proposal = sign_proposal(text, owner_of(ledger)).replace(b'["release"]', b'["revoke"]', 1)
    with pytest.raises(TamperedError):
        apply_proposal(ledger, proposal)


def test_a_change_takes_as_many_owners_as_were_agreed(tmp_path: Path) -> None:
    keys = [NoteSigner.generate(f"example.com/owner{n}") for n in range(3)]
    owners = Owners(tuple(sorted(one.verifier.vkey for one in keys)), 2)
    with make_ledger(tmp_path / "l", [admitted(ALICE)], owners=owners) as ledger:
        proposal = propose_policy(ledger, admit=[admitted(BOB)])
        once = sign_proposal(proposal, keys[0])
        twice = sign_proposal(once, keys[0])
        assert owners_of_proposal(ledger.policy(), twice) == (keys[0].verifier,)
        for lacking in (once, twice):
            with pytest.raises(SubmissionRefusedError, match="signed by 1 of its owners"):
                apply_proposal(ledger, lacking)
        apply_proposal(ledger, sign_proposal(once, keys[2]))
        enter(ledger, BOB, release(BOB, "m"))


def test_owners_can_hand_over_and_the_old_ones_are_out(ledger: Ledger) -> None:
    fresh = NoteSigner.generate("example.com/new-owner")
    text = propose_policy(ledger, owners=Owners((fresh.verifier.vkey,)))
    apply_proposal(ledger, sign_proposal(text, owner_of(ledger)))
    text = propose_policy(ledger, admit=[admitted(MALLORY)])
    with pytest.raises(SubmissionRefusedError, match="0 of its owners"):
        apply_proposal(ledger, sign_proposal(text, owner_of(ledger)))
    apply_proposal(ledger, sign_proposal(text, fresh))


@pytest.mark.parametrize(("count", "threshold"), [(0, 1), (1, 0), (1, 2)])
def test_owners_that_could_never_agree_are_refused(count: int, threshold: int) -> None:
    keys = [NoteSigner.generate(f"example.com/{n}").verifier.vkey for n in range(count)]
    with pytest.raises(MalformedError):
        Owners(tuple(sorted(keys)), threshold)


def test_what_would_change_nothing_or_nobody_is_a_wrong_call(ledger: Ledger) -> None:
    with pytest.raises(CallError, match="stay as it is"):
        propose_policy(ledger, admit=[admitted(ALICE)])
    with pytest.raises(CallError, match="not admitted"):
        propose_policy(ledger, remove=[admitted(MALLORY).fingerprint])


def test_the_same_person_is_never_admitted_twice(tmp_path: Path) -> None:
    twice = [Submitter.of_identity("a@example.com", "https://id.example.com") for _ in range(2)]
    with pytest.raises(MalformedError, match="twice"):
        make_ledger(tmp_path / "l", twice)
    with make_ledger(tmp_path / "m", twice[:1]) as ledger:
        text = propose_policy(ledger, admit=[twice[1], admitted(ALICE)])
        apply_proposal(ledger, sign_proposal(text, owner_of(ledger)))
        assert len(ledger.policy().submitters) == 2


def test_an_operator_who_enters_a_policy_without_owners_is_found(ledger: Ledger) -> None:
    """The operator's own build records what `apply_proposal` refuses; whoever audits sees it."""
    from weightmark.provenance.ledger.admission import admit_operation
    from weightmark.provenance.ledger.operations import sign_operation, verify_operation

    log = NoteSigner.parse((ledger.path / "log.key").read_text().strip())
    text = propose_policy(ledger, admit=[admitted(MALLORY)])
    submission = sign_operation(Kind.POLICY, log.sign(text), log, datetime.now(UTC))
    operation = verify_operation(submission, Kind.POLICY, "", log.verifier, ())
    ledger.record([admit_operation(operation)])
    ledger.publish()
    with pytest.raises(SubmissionRefusedError, match="0 of its owners"):
        ledger.policy()
    audit = ledger.verify(BundleVerifier())
    assert audit.exit is Exit.BAD


def test_whoever_was_removed_meanwhile_writes_nothing(ledger: Ledger) -> None:
    """Judged before the change, recorded after it: the entry would be one that no policy admits."""
    item = asked(release(BOB, "m"), BOB)
    judged = admit(ledger.policy(), item, BundleVerifier())
    text = propose_policy(ledger, remove=[admitted(BOB).fingerprint])
    apply_proposal(ledger, sign_proposal(text, owner_of(ledger)))
    before = ledger.refresh()
    with pytest.raises(SubmissionRefusedError, match="changed while"):
        ledger.record([judged])
    (outcome,) = ledger.record_groups([[judged]]).outcomes
    assert isinstance(outcome, SubmissionRefusedError)
    assert ledger.refresh() == before
    assert ledger.verify(BundleVerifier()).exit is Exit.GOOD

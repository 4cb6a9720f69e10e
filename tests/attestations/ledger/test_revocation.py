"""What is revoked counts for nobody, whoever asks and however it is submitted again."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.attestations.gate_makers import SIGNER as PUBLISHER
from tests.attestations.gate_makers import STRANGER as WATCHER
from tests.attestations.gate_makers import check, make_signed, preset, refused
from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    CAROL,
    ORIGIN,
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
from weightmark.attestations.claims import parse_claims
from weightmark.attestations.gate.decision import Decision, Verdict
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.ledger.consulting import consult
from weightmark.attestations.ledger.revocations import Revocations
from weightmark.attestations.ledger.revoking import (
    reinstate,
    revocations_of,
    revoke,
    subject_of_identity,
)
from weightmark.attestations.ledger.submission import BundleVerifier, submit
from weightmark.attestations.predicates.revocation import (
    ReinstatementClaim,
    RevocationClaim,
    RevocationSubject,
)
from weightmark.attestations.signers.interface import Signer
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.identities import IdentityAnchor, parse_rule
from weightmark.attestations.trust.roots import parse_root
from weightmark.errors import (
    LedgerInconsistentError,
    MalformedError,
    ReadError,
    RevokedError,
    SubmissionRefusedError,
)
from weightmark.provenance.ledger.admission import RegistrationPolicy, VerifiedClaim
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.private import identity_value

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
BASE, CHILD, OTHER = (identity_of(name) for name in ("base", "child", "other"))


def about(text: str) -> RevocationSubject:
    return RevocationSubject(text)


def in_force(ledger: Ledger) -> set[str]:
    return {one.subject.text for one in Revocations.read(ledger, complete=True).in_force}


def trusted_after(ledger: Ledger, *signers: object) -> Trust:
    trust = Trust.in_keys([one.public for one in signers])  # type: ignore[attr-defined] # key signers
    return Revocations.read(ledger, complete=True).bind(trust)


# --- what a revocation is -------------------------------------------------------------------------


def test_a_digest_is_revoked_for_all_time_and_has_no_date() -> None:
    with pytest.raises(MalformedError, match="has no date"):
        RevocationClaim(about(BASE), "bad", since=LONG_AGO)


@pytest.mark.parametrize(
    "text", ["", "wm1:", "wm1:xyz", "salted:" + "a" * 64, "md5:" + "a" * 64, "key:" + "A" * 64]
)
def test_what_names_nothing_cannot_be_revoked(text: str) -> None:
    with pytest.raises(MalformedError):
        about(text)


def test_a_revocation_names_nobody_in_the_open(ledger: Ledger) -> None:
    meant = subject_of_identity(ledger, "mallory@example.com", "https://id.example.com")
    receipt = revoke(ledger, ALICE, meant, "left the company")
    claim, request = ledger.claim(receipt.index), ledger.request(receipt.index)
    assert b"mallory" not in claim + request + receipt.text
    assert meant.means(identity_value("mallory@example.com", "https://id.example.com"))
    assert not meant.means(identity_value("malory@example.com", "https://id.example.com"))


# --- who may --------------------------------------------------------------------------------------


def test_without_the_role_nobody_revokes_an_artifact_or_another_key(ledger: Ledger) -> None:
    for text in (BASE, ALICE.identity.name):
        with pytest.raises(SubmissionRefusedError, match="may not write entries of kind `revoke`"):
            revoke(ledger, CAROL, about(text), "because")
    assert in_force(ledger) == set()


def test_a_signer_revokes_its_own_key_without_the_role(ledger: Ledger) -> None:
    revoke(ledger, CAROL, about(CAROL.identity.name), "lost")
    with pytest.raises(RevokedError, match=rf"revoked at #1 of `{ORIGIN}`: lost"):
        trusted_after(ledger, CAROL).verify(release(CAROL, "m"))


def test_a_signer_revokes_its_own_claim_and_nobody_elses(ledger: Ledger) -> None:
    hers, his = release(CAROL, "m"), release(ALICE, "m")
    assert hers.envelope.claim_id == his.envelope.claim_id, "two signatures on one statement"
    revoke(ledger, CAROL, about(f"sha256:{hers.envelope.claim_id}"), "wrong files")
    trust = trusted_after(ledger, CAROL, ALICE)
    trust.verify(his)
    trust.verify(release(CAROL, "n"))
    with pytest.raises(RevokedError):
        trust.verify(hers)


def test_the_role_revokes_a_claim_for_everybody(ledger: Ledger) -> None:
    hers, his = release(CAROL, "m"), release(ALICE, "m")
    revoke(ledger, BOB, about(f"sha256:{hers.envelope.claim_id}"), "wrong files")
    for claim in (hers, his):
        with pytest.raises(RevokedError):
            trusted_after(ledger, CAROL, ALICE).verify(claim)


def test_a_revocation_by_a_file_digest_without_the_role_revokes_no_file(ledger: Ledger) -> None:
    """A claim id and a file's digest look alike; only the role makes one mean a file."""
    revoke(ledger, CAROL, about("sha256:" + "ab" * 32), "mine")
    assert Revocations.read(ledger, complete=True).of_content(["sha256:" + "ab" * 32]) is None


def test_nobody_carries_the_revocation_of_somebody_else(ledger: Ledger) -> None:
    claim = CAROL.sign_statement(RevocationClaim(about(BASE), "because").to_statement())
    with pytest.raises(SubmissionRefusedError, match="by its signer only"):
        submit(ledger, [claim], ALICE)


# --- lifting --------------------------------------------------------------------------------------


def test_one_voice_alone_lifts_nothing_and_two_do(ledger: Ledger) -> None:
    revoke(ledger, ALICE, about(BASE), "looks bad")
    reinstate(ledger, ALICE, revocations_of(ledger, BASE), "was fine")
    assert in_force(ledger) == {BASE}
    reinstate(ledger, BOB, revocations_of(ledger, BASE), "checked again")
    assert in_force(ledger) == set()


def test_what_was_lifted_is_revoked_again_in_the_same_words(ledger: Ledger) -> None:
    for _ in range(3):
        revoke(ledger, ALICE, about(BASE), "looks bad")
        again = revoke(ledger, ALICE, about(BASE), "looks bad")
        assert [one.index for one in revocations_of(ledger, BASE)] == [again.index], "asked twice"
        for one in (ALICE, BOB):
            reinstate(ledger, one, revocations_of(ledger, BASE), "was fine")
        assert in_force(ledger) == set()


def test_another_one_of_the_role_revokes_what_was_lifted_in_the_same_words(ledger: Ledger) -> None:
    revoke(ledger, ALICE, about(BASE), "looks bad")
    for one in (ALICE, BOB):
        reinstate(ledger, one, revocations_of(ledger, BASE), "was fine")
    revoke(ledger, BOB, about(BASE), "looks bad")
    assert in_force(ledger) == {BASE}


def test_a_revocation_that_was_signed_before_another_was_lifted_is_not_taken_in_silence(
    ledger: Ledger,
) -> None:
    """In the same words it is the same claim: it would have a receipt, and bind nobody."""
    prepared = BOB.sign_statement(RevocationClaim(about(BASE), "looks bad").to_statement())
    revoke(ledger, ALICE, about(BASE), "looks bad")
    for one in (ALICE, BOB):
        reinstate(ledger, one, revocations_of(ledger, BASE), "was fine")
    with pytest.raises(SubmissionRefusedError, match="in the same words was lifted"):
        enter(ledger, BOB, prepared)
    revoke(ledger, BOB, about(BASE), "looks bad")
    assert in_force(ledger) == {BASE}


@pytest.mark.parametrize("renews", ["", "abc", "A" * 64, 7])
def test_a_renewal_names_what_it_renews(renews: object) -> None:
    predicate = {"reason": "bad", "renews": renews}
    text = about(BASE).to_statement("https://weightmark/predicates/revocation/v1", predicate)
    with pytest.raises(MalformedError, match="renews"):
        RevocationClaim.from_statement(Statement.parse("application/vnd.in-toto+json", text))


def test_the_same_voice_twice_is_one(ledger: Ledger) -> None:
    revoke(ledger, ALICE, about(BASE), "looks bad")
    for reason in ("was fine", "really"):
        reinstate(ledger, ALICE, revocations_of(ledger, BASE), reason)
    assert in_force(ledger) == {BASE}


def test_a_voice_without_the_role_is_refused(ledger: Ledger) -> None:
    revoke(ledger, ALICE, about(BASE), "looks bad")
    with pytest.raises(SubmissionRefusedError, match="may not write entries of kind `reinstate`"):
        reinstate(ledger, CAROL, revocations_of(ledger, BASE), "was fine")


def test_lifting_one_revocation_leaves_the_other(ledger: Ledger) -> None:
    revoke(ledger, ALICE, about(BASE), "looks bad")
    first = revocations_of(ledger, BASE)
    revoke(ledger, BOB, about(BASE), "is bad")
    for one in (ALICE, BOB):
        reinstate(ledger, one, first, "was fine")
    (left,) = revocations_of(ledger, BASE)
    assert left.reason == "is bad"


def test_voices_collected_before_the_revocation_lift_nothing(ledger: Ledger) -> None:
    """Whoever knows what will be revoked cannot lift it in advance."""
    claim = BOB.sign_statement(RevocationClaim(about(BASE), "bad").to_statement())
    ahead = ReinstatementClaim(about(BASE), claim.envelope.claim_id, "fine").to_statement()
    for one in (ALICE, BOB):
        submit(ledger, [one.sign_statement(ahead)], one)
    submit(ledger, [claim], BOB)
    assert in_force(ledger) == {BASE}


def test_entering_the_release_again_lifts_nothing(ledger: Ledger) -> None:
    enter(ledger, ALICE, release(ALICE, "base"))
    revoke(ledger, BOB, about(BASE), "bad")
    enter(ledger, ALICE, release(ALICE, "base", title="base, really good"))
    enter(ledger, BOB, release(BOB, "base"))
    assert in_force(ledger) == {BASE}


# --- since ----------------------------------------------------------------------------------------


@pytest.fixture
def person(sim: LoopbackSigstore) -> PersonSim:
    return PersonSim(sim)


@pytest.fixture
def shared(tmp_path: Path, person: PersonSim) -> Iterator[Ledger]:
    parties = [admitted(ALICE), admitted(BOB), person.admitted(Kind.RELEASE)]
    with make_ledger(tmp_path / "shared", parties, roots=roots_of(person.sim)) as made:
        yield made


def trust_in(person: PersonSim) -> Trust:
    root = parse_root(json.dumps(person.sim.trusted_root()).encode(), name="sim")
    rule = parse_rule(exact=person.person, issuer=person.sim.oidc.url)
    return Trust((IdentityAnchor(rule, root, exact=person.person),))


def test_since_spares_what_a_verified_clock_proves_to_be_older(
    shared: Ledger, person: PersonSim
) -> None:
    old = release(person, "old")
    person.sim.clock.shift(timedelta(days=2))
    new = release(person, "new")
    since = person.sim.clock.now() - timedelta(days=1)
    meant = subject_of_identity(shared, person.person, person.sim.oidc.url)
    revoke(shared, ALICE, meant, "laptop stolen", since=since.replace(microsecond=0))
    trust = Revocations.read(shared, complete=True).bind(trust_in(person))
    now = person.sim.clock.now()
    assert trust.verify(old, now=now).times
    with pytest.raises(RevokedError) as caught:
        trust.verify(new, now=now)
    assert "signed after" in caught.value.why


def test_without_since_nothing_is_spared(shared: Ledger, person: PersonSim) -> None:
    claim = release(person, "old")
    revoke(shared, ALICE, subject_of_identity(shared, person.person, person.sim.oidc.url), "fired")
    trust = Revocations.read(shared, complete=True).bind(trust_in(person))
    with pytest.raises(RevokedError) as caught:
        trust.verify(claim)
    assert "no claim is spared" in caught.value.why


def test_the_signers_own_word_on_the_time_spares_nothing(ledger: Ledger) -> None:
    """A key without a clock: nothing proves when it signed, whatever the log's `at` says."""
    claim = release(ALICE, "m")
    enter(ledger, ALICE, claim)
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    revoke(ledger, BOB, about(ALICE.identity.name), "lost", since=later)
    with pytest.raises(RevokedError) as caught:
        trusted_after(ledger, ALICE).verify(claim)
    assert "nothing proves" in caught.value.why


def test_a_person_is_known_by_the_name_that_the_policy_has(
    shared: Ledger, person: PersonSim
) -> None:
    """So that without the role a person revokes itself, and nobody else."""
    meant = subject_of_identity(shared, person.person, person.sim.oidc.url)
    assert meant.text == shared.policy().identities[0].fingerprint
    revoke(shared, person, meant, "leaving")
    other = subject_of_identity(shared, "bob@example.com", person.sim.oidc.url)
    with pytest.raises(SubmissionRefusedError):
        revoke(shared, person, other, "no friend")


def test_a_revocation_by_somebody_erased_still_binds(shared: Ledger, person: PersonSim) -> None:
    claim = release(person, "old")
    meant = subject_of_identity(shared, person.person, person.sim.oidc.url)
    revoke(shared, person, meant, "leaving")
    shared.home.private.erase(meant.text)
    trust = Revocations.read(shared, complete=True).bind(trust_in(person))
    with pytest.raises(RevokedError):
        trust.verify(claim)


# --- what lies beneath ----------------------------------------------------------------------------


def test_a_revocation_whose_claim_is_missing_is_unchecked_never_gone(ledger: Ledger) -> None:
    receipt = revoke(ledger, ALICE, about(BASE), "bad")
    (ledger.path / "claims" / receipt.event.claim_sha256).unlink()
    with pytest.raises(ReadError):
        Revocations.read(ledger, complete=True)
    problem = consult(str(ledger.path)).problem
    assert problem is not None
    assert problem.outcome == "unchecked"


@pytest.mark.parametrize("signature", [b"another", b""])
def test_a_revocation_that_its_operator_forged_is_an_inconsistency(
    ledger: Ledger, signature: bytes
) -> None:
    """The log key alone cannot put words into anybody's mouth."""
    from weightmark.provenance.ledger.admission import Submission, admit

    real = ALICE.sign_statement(RevocationClaim(about(BASE), "bad").to_statement())
    forged = replace(real, content=replace(real.envelope, signature=signature or b"\0" * 64))

    class Gullible(BundleVerifier):
        def describe_claim(self, claim: bytes, policy: RegistrationPolicy) -> VerifiedClaim:
            return BundleVerifier().describe_claim(real.to_bytes() if claim else claim, policy)

    from weightmark.attestations.ledger.submission import make_submission

    item = make_submission(forged.to_bytes(), ORIGIN, ALICE)
    ledger.record([admit(ledger.policy(), Submission(item.claim, item.request), Gullible())])
    with pytest.raises(LedgerInconsistentError, match="says something else than its claim"):
        Revocations.read(ledger, complete=True)


# --- gate and verify ------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_ledger(tmp_path / "register", [admitted(PUBLISHER), admitted(WATCHER)]).close()
    return tmp_path / "register"


def recorded(place: Path, model: Path, signer: Signer = PUBLISHER) -> str:
    lines = parse_claims((model / "model.claims").read_bytes())
    with Ledger.open(place) as ledger:
        receipts = submit(ledger, [line.bundle for line in lines if line.bundle], signer)
    return receipts[0].event.subject


def decided(model: Path, place: Path) -> Decision:
    return gate(model, preset("baseline"), Sources(ledger=str(place)))


def test_the_gate_names_the_entry_that_revokes_the_artifact(tmp_path: Path, place: Path) -> None:
    model = make_signed(tmp_path / "model")
    identity = recorded(place, model)
    assert decided(model, place).allows
    with Ledger.open(place) as ledger:
        receipt = revoke(ledger, WATCHER, about(identity), "poisoned")
    decision = decided(model, place)
    assert refused(decision) == {"revocation"}
    said = check(decision, "revocation")
    assert f"revoked at #{receipt.index}" in said.summary
    assert said.why == "poisoned"


def test_the_gate_denies_what_a_revoked_key_signed(tmp_path: Path, place: Path) -> None:
    model = make_signed(tmp_path / "model")
    recorded(place, model)
    with Ledger.open(place) as ledger:
        receipt = revoke(ledger, WATCHER, about(PUBLISHER.identity.name), "stolen")
    decision = decided(model, place)
    assert decision.verdict is Verdict.DENY
    assert any(f"revoked at #{receipt.index}" in one.summary for one in decision.checks)


def test_a_file_that_is_revoked_denies_every_artifact_that_holds_it(
    tmp_path: Path, place: Path
) -> None:
    import hashlib

    model = make_signed(tmp_path / "model")
    digest = hashlib.sha256((model / "config.json").read_bytes()).hexdigest()
    with Ledger.open(place) as ledger:
        revoke(ledger, WATCHER, about(f"sha256:{digest}"), "backdoor")
    decision = decided(model, place)
    assert "a file of the artifact" in check(decision, "revocation").summary
    assert decision.verdict is Verdict.DENY


@pytest.mark.parametrize("steps", [1, 3])
def test_a_revoked_ancestor_taints_all_that_descends_from_it(
    tmp_path: Path, place: Path, steps: int
) -> None:
    model = make_signed(tmp_path / "model")
    identity = recorded(place, model)
    chain = [identity, *(identity_of(f"step {n}") for n in range(1, steps)), BASE]
    with Ledger.open(place) as ledger:
        for child, parent in itertools.pairwise(chain):
            enter(ledger, WATCHER, derived(WATCHER, child, parent, OTHER))
        assert decided(model, place).allows
        revoke(ledger, WATCHER, about(BASE), "stolen data")
    decision = decided(model, place)
    assert "descends from" in check(decision, "revocation").summary
    assert decision.verdict is Verdict.DENY


def test_descent_in_a_circle_ends(tmp_path: Path, place: Path) -> None:
    model = make_signed(tmp_path / "model")
    identity = recorded(place, model)
    with Ledger.open(place) as ledger:
        enter(ledger, WATCHER, derived(WATCHER, identity, BASE), derived(WATCHER, BASE, identity))
        revoke(ledger, WATCHER, about(OTHER), "bad")
    assert decided(model, place).allows


def test_a_provenance_claim_that_is_gone_makes_descent_unchecked(
    tmp_path: Path, place: Path
) -> None:
    model = make_signed(tmp_path / "model")
    identity = recorded(place, model)
    with Ledger.open(place) as ledger:
        (index,) = enter(ledger, WATCHER, derived(WATCHER, identity, BASE))
        blob = ledger.entry(index).event.claim_sha256
        revoke(ledger, WATCHER, about(BASE), "bad")
    (place / "claims" / blob).unlink()
    assert decided(model, place).verdict is Verdict.UNCHECKED


def test_an_index_that_hides_a_revocation_hides_nothing(tmp_path: Path, place: Path) -> None:
    import contextlib
    import sqlite3

    model = make_signed(tmp_path / "model")
    identity = recorded(place, model)
    with Ledger.open(place) as ledger:
        revoke(ledger, WATCHER, about(identity), "poisoned")
    with contextlib.closing(sqlite3.connect(place / "ledger.db")) as database:
        database.execute("delete from search where kind = 'revoke'")
        database.commit()
    assert decided(model, place).verdict is Verdict.DENY


def test_a_revocation_that_was_lifted_lets_the_artifact_through(
    tmp_path: Path, place: Path
) -> None:
    model = make_signed(tmp_path / "model")
    identity = recorded(place, model)
    with Ledger.open(place) as ledger:
        revoke(ledger, WATCHER, about(identity), "looks bad")
        for one in (WATCHER, PUBLISHER):
            reinstate(ledger, one, revocations_of(ledger, identity), "was fine")
    assert decided(model, place).allows


def test_bundles_of_revocations_are_read_strictly() -> None:
    real = ALICE.sign_statement(RevocationClaim(about(BASE), "bad").to_statement())
    statement = Trust.in_keys([ALICE.public]).verify(real).statement
    assert RevocationClaim.from_statement(statement).subject.text == BASE
    for change in (
        {"subject": OTHER},
        {"reason": ""},
        {"reason": 1},
        {"since": "yesterday"},
        {"since": "2026-01-01T00:00:00Z"},
        {"salt": "ab" * 32},
        {"more": "x"},
    ):
        odd = replace(statement, predicate={**statement.predicate, **change})
        with pytest.raises(MalformedError):
            RevocationClaim.from_statement(odd)
    assert isinstance(real, Bundle)

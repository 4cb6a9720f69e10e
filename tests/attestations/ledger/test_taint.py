"""Whatever holds a revoked file, or was made from what holds it, is revoked with it; and no claim stops the search."""

from pathlib import Path

import pytest

from tests.attestations.gate_makers import SIGNER as PUBLISHER
from tests.attestations.gate_makers import STRANGER as WATCHER
from tests.attestations.gate_makers import make_signed, preset
from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    CAROL,
    MALLORY,
    admitted,
    deployed,
    derived,
    enter,
    identity_of,
    make_ledger,
    manifest_of,
    release,
    state,
)
from tests.attestations.ledger.test_large_ledger import fill, hide
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.decision import Verdict
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.ledger.claim_index import ClaimIndex
from weightmark.attestations.ledger.consulting import revoked_content
from weightmark.attestations.ledger.descent import ancestors_of
from weightmark.attestations.ledger.impact import Impact, find_impact
from weightmark.attestations.ledger.revocations import Revocations
from weightmark.attestations.ledger.revoking import revoke
from weightmark.attestations.ledger.steps import MAX_HELD, alone, held_by, names_alone
from weightmark.attestations.ledger.submission import BundleVerifier, make_submission
from weightmark.attestations.predicates.compact_manifest import CompactManifest
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE, ManifestClaim
from weightmark.attestations.predicates.oms import OMS_PREDICATE, OmsClaim
from weightmark.attestations.predicates.oms.serialization import Serialization
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.attestations.predicates.slsa_provenance import SLSA_PROVENANCE_PREDICATE
from weightmark.attestations.statements import Statement
from weightmark.errors import LimitError, SubmissionRefusedError
from weightmark.provenance.ledger.admission import RegistrationPolicy, VerifiedClaim, admit
from weightmark.provenance.ledger.binding_index import MAX_WALK
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.manifest import Manifest, Row

BASE, E = identity_of("base"), identity_of("e")
FOLDER = manifest_of("folder", "model.safetensors", "config.json")
FILE = f"sha256:{FOLDER.sha256['model.safetensors']}"
ALONE = alone(FOLDER.manifest.rows[0])


def about(text: str) -> RevocationSubject:
    return RevocationSubject(text)


def enter_folder(ledger: Ledger) -> str:
    """Enter the release of an artifact of two files."""
    enter(ledger, ALICE, release(ALICE, "folder", "model.safetensors", "config.json"))
    return FOLDER.manifest.identity


def revocation_of(ledger: Ledger, identity: str) -> Check:
    found = Revocations.read(ledger, complete=True)
    return revoked_content(str(ledger.path), found, identity, None)


def impact(ledger: Ledger, root: str) -> Impact:
    with ClaimIndex.of(ledger) as index:
        return find_impact(index, ledger, root)


def children(ledger: Ledger, root: str) -> set[str]:
    return {one.identity for one in impact(ledger, root).descendants}


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("revoked", [FILE, ALONE])
def test_what_was_made_from_a_folder_that_holds_a_revoked_file_is_tainted(
    ledger: Ledger, revoked: str
) -> None:
    """The file is revoked as itself, or as the artifact that it is alone and that nobody released."""
    folder = enter_folder(ledger)
    enter(ledger, ALICE, derived(ALICE, E, folder))
    assert revocation_of(ledger, E).outcome is Outcome.PASS
    revoke(ledger, BOB, about(revoked), "backdoor")
    assert revocation_of(ledger, E).outcome is Outcome.FAIL


@pytest.mark.parametrize("root", [FILE, ALONE])
def test_the_impact_of_a_file_is_what_holds_it_and_all_beyond(ledger: Ledger, root: str) -> None:
    folder = enter_folder(ledger)
    enter(ledger, ALICE, derived(ALICE, E, folder))
    (at,) = enter(ledger, BOB, deployed(BOB, folder))
    found = impact(ledger, root)
    assert {one.identity for one in found.descendants} == {folder, E}
    assert [one.index for one in found.uses] == [at]
    assert found.whole


def test_an_artifact_is_not_tainted_by_another_that_holds_one_of_its_files(ledger: Ledger) -> None:
    """A bad model beside a licence does not spoil the licence."""
    enter_folder(ledger)
    enter(ledger, ALICE, derived(ALICE, E, FILE))
    revoke(ledger, BOB, about(FOLDER.manifest.identity), "backdoor")
    assert revocation_of(ledger, E).outcome is not Outcome.FAIL
    assert children(ledger, FOLDER.manifest.identity) == set()


@pytest.mark.parametrize("path", ["model.safetensors", "renamed.bin"])
def test_a_revoked_artifact_of_one_file_taints_whatever_holds_that_file(
    ledger: Ledger, path: str
) -> None:
    """It was released under that name, or another one; who uses the folder uses the file."""
    row = FOLDER.manifest.rows[-1]
    assert row.path == "model.safetensors"
    manifest = Manifest.from_rows([Row(path, row.size, row.blake3)])
    claim = ManifestClaim(manifest, {path: FOLDER.sha256[row.path]}, links=False)
    folder, single = enter_folder(ledger), claim.manifest.identity
    enter(ledger, ALICE, state(ALICE, single, MANIFEST_PREDICATE, claim.to_predicate()))
    enter(ledger, ALICE, derived(ALICE, E, folder))
    revoke(ledger, BOB, about(single), "backdoor")
    assert revocation_of(ledger, E).outcome is Outcome.FAIL
    assert {folder, E} <= children(ledger, single)


def signed_oms(algorithm: str) -> tuple[Bundle, str, str]:
    """Return a model signature over two files, its root, and the digest of one of them."""
    files = {"config.json": "5b" * 32, "model.safetensors": "5a" * 32}
    claim = OmsClaim(Serialization.of("files", algorithm), files, files)
    made = Statement.about_digest("model", claim.root, OMS_PREDICATE, claim.to_predicate())
    return ALICE.sign_statement(made), f"sha256:{claim.root}", f"sha256:{'5a' * 32}"


def test_what_was_made_from_a_model_signature_that_lists_a_revoked_file_is_tainted(
    ledger: Ledger,
) -> None:
    bundle, root, file = signed_oms("sha256")
    enter(ledger, ALICE, bundle, derived(ALICE, E, root))
    revoke(ledger, BOB, about(file), "backdoor")
    assert revocation_of(ledger, E).outcome is Outcome.FAIL
    assert children(ledger, file) == {root, E}


def test_what_was_made_from_a_model_signature_by_another_hash_is_unchecked(ledger: Ledger) -> None:
    bundle, root, file = signed_oms("blake3")
    enter(ledger, ALICE, bundle, derived(ALICE, E, root))
    assert revocation_of(ledger, E).outcome is Outcome.PASS, "nothing is revoked"
    revoke(ledger, BOB, about(file), "backdoor")
    assert revocation_of(ledger, E).outcome is Outcome.UNCHECKED
    assert not impact(ledger, file).whole


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_ledger(tmp_path / "register", [admitted(PUBLISHER), admitted(WATCHER)]).close()
    return tmp_path / "register"


def verdict(model: Path, place: Path) -> Verdict:
    return gate(model, preset("baseline"), Sources(ledger=str(place))).verdict


@pytest.mark.parametrize("name", [".", "config.json"])
def test_a_folder_that_holds_a_file_which_was_revoked_as_an_artifact_is_denied(
    tmp_path: Path, place: Path, name: str
) -> None:
    """The file alone was revoked by its identity, and has no release in the ledger."""
    model = make_signed(tmp_path / "model")
    (row,) = [one for one in manifest_at(model).rows if one.path == "config.json"]
    assert verdict(model, place) is Verdict.ALLOW
    with Ledger.open(place) as ledger:
        revoke(ledger, WATCHER, about(alone(row, name)), "backdoor")
    assert verdict(model, place) is Verdict.DENY


def test_a_folder_is_tainted_by_what_a_file_in_it_was_made_from(
    tmp_path: Path, place: Path
) -> None:
    model = make_signed(tmp_path / "model")
    (row,) = [one for one in manifest_at(model).rows if one.path == "config.json"]
    with Ledger.open(place) as ledger:
        enter(ledger, WATCHER, derived(WATCHER, alone(row), BASE))
        revoke(ledger, WATCHER, about(BASE), "stolen data")
    assert verdict(model, place) is Verdict.DENY


def manifest_at(model: Path) -> Manifest:
    from weightmark.attestations.claims import parse_claims

    lines = parse_claims((model / "model.claims").read_bytes())
    bundles = [one.bundle.envelope for one in lines if one.bundle]
    statements = [Statement.parse(one.payload_type, one.payload) for one in bundles]
    (listed,) = [one for one in statements if one.predicate_type == MANIFEST_PREDICATE]
    return ManifestClaim.from_statement(listed).manifest


def test_a_release_of_very_many_files_is_not_called_clean(ledger: Ledger) -> None:
    """Its list stands elsewhere: whether it holds the file, nobody looked."""
    many = CompactManifest(E, 50_000, "sha256:" + "ab" * 32, links=False)
    enter(ledger, ALICE, state(ALICE, E, MANIFEST_PREDICATE, many.to_predicate()))
    enter(ledger, ALICE, derived(ALICE, BASE, E))
    found = impact(ledger, FILE)
    assert (found.elsewhere, found.whole) == (0, True), "nothing there is named by a file"
    enter_folder(ledger)
    found = impact(ledger, FILE)
    assert (found.elsewhere, found.whole) == (1, False)
    revoke(ledger, BOB, about(FILE), "backdoor")
    assert revocation_of(ledger, BASE).outcome is Outcome.UNCHECKED


def test_lists_of_files_are_bounded() -> None:
    files = [{"path": str(n)} for n in range(MAX_HELD + 1)]
    with pytest.raises(LimitError):
        held_by(Statement((), MANIFEST_PREDICATE, {"files": files, "symlinks": False}))


def test_a_release_of_ten_thousand_files_is_followed(ledger: Ledger) -> None:
    digest = "ab" * 32
    rows = [Row(f"{n:05}.bin", n, digest) for n in range(10_000)]
    hashes = {row.path: f"{n:064x}" for n, row in enumerate(rows)}
    claim = ManifestClaim(Manifest.from_rows(rows), hashes, links=False)
    identity = claim.manifest.identity
    enter(ledger, ALICE, state(ALICE, identity, MANIFEST_PREDICATE, claim.to_predicate()))
    enter(ledger, ALICE, derived(ALICE, E, identity))
    assert children(ledger, f"sha256:{7777:064x}") == {identity, E}
    revoke(ledger, BOB, about(f"sha256:{7777:064x}"), "backdoor")
    assert revocation_of(ledger, E).outcome is Outcome.FAIL


def test_the_names_of_a_file_alone_are_those_that_digest_gives() -> None:
    manifest = FOLDER.manifest
    names = names_alone(manifest)
    for row in manifest.rows:
        for path in (".", row.path):
            one = Manifest.from_rows([Row(path, row.size, row.blake3)])
            assert one.identity in names


def test_a_release_that_the_operator_of_a_large_ledger_hides_taints_all_the_same(
    ledger: Ledger,
) -> None:
    folder = enter_folder(ledger)
    enter(ledger, ALICE, derived(ALICE, E, folder))
    fill(ledger, MAX_WALK)
    revoke(ledger, BOB, about(FILE), "backdoor")
    hide(ledger, Kind.RELEASE)
    assert revocation_of(ledger, E).outcome is Outcome.FAIL


# --- names ----------------------------------------------------------------------------------------


def made_from(child: str, *dependencies: object) -> Bundle:
    predicate = {
        "buildDefinition": {
            "buildType": "https://example.com/t",
            "externalParameters": {},
            "resolvedDependencies": list(dependencies),
        },
        "runDetails": {"builder": {"id": "https://example.com/b"}},
    }
    return ALICE.sign_statement(
        Statement.about_manifest("m", child, SLSA_PROVENANCE_PREDICATE, predicate, {})
    )


@pytest.mark.parametrize(
    "dependency",
    [
        {"digest": {"sha256": BASE.removeprefix("wm1:")}},
        {"uri": BASE},
        {"digest": {"sha512": "a" * 128}, "uri": BASE},
    ],
    ids=["without its media type", "by its URI", "by its URI beside another digest"],
)
def test_a_parent_by_another_spelling_of_its_identity_taints(
    ledger: Ledger, dependency: dict[str, object]
) -> None:
    enter(ledger, ALICE, made_from(E, dependency))
    assert children(ledger, BASE) == {E}
    revoke(ledger, BOB, about(BASE), "stolen data")
    assert revocation_of(ledger, E).outcome is Outcome.FAIL


def test_a_revocation_of_the_digits_of_an_identity_means_the_artifact(ledger: Ledger) -> None:
    revoke(ledger, BOB, about(BASE.replace("wm1:", "sha256:")), "stolen data")
    assert revocation_of(ledger, BASE).outcome is Outcome.FAIL


def test_what_no_claim_names_by_sha256_is_told(ledger: Ledger) -> None:
    foreign = {"digest": {"sha512": "a" * 128}}, {"uri": "https://example.com/data"}
    enter(ledger, ALICE, made_from(E, *foreign))
    revoke(ledger, BOB, about(BASE), "stolen data")
    said = revocation_of(ledger, E)
    assert "2 things that went in could not be followed" in said.summary
    assert impact(ledger, BASE).unfollowed == 2


# --- claims that stop the search ------------------------------------------------------------------


def malformed(child: str) -> Bundle:
    return made_from(child, {"digest": {"sha256": "A" * 64}})


class Careless(BundleVerifier):
    """Judges as a log did that looked at nothing but signatures."""

    def describe_claim(self, claim: bytes, policy: RegistrationPolicy) -> VerifiedClaim:
        from dataclasses import replace

        return replace(super().describe_claim(claim, policy), broken="")


def enter_carelessly(ledger: Ledger, claim: Bundle) -> None:
    item = make_submission(claim.to_bytes(), ledger.origin, ALICE)
    ledger.record([admit(ledger.policy(), item, Careless())])
    ledger.publish()


def test_a_provenance_claim_that_nobody_can_follow_is_refused(ledger: Ledger) -> None:
    with pytest.raises(SubmissionRefusedError, match="cannot be followed"):
        enter(ledger, ALICE, malformed(E))
    enter(ledger, ALICE, malformed(E), kind=Kind.OBSERVED)


def test_a_release_whose_files_do_not_add_up_is_refused(ledger: Ledger) -> None:
    predicate = manifest_of("other").to_predicate()
    with pytest.raises(SubmissionRefusedError, match="cannot be followed"):
        enter(ledger, ALICE, state(ALICE, E, MANIFEST_PREDICATE, predicate))


def test_one_that_stands_in_a_log_leaves_its_own_subject_open_and_nothing_else(
    ledger: Ledger,
) -> None:
    enter_carelessly(ledger, malformed(E))
    enter(ledger, ALICE, derived(ALICE, identity_of("c"), BASE))
    revoke(ledger, BOB, about(BASE), "stolen data")
    assert revocation_of(ledger, E).outcome is Outcome.UNCHECKED
    assert revocation_of(ledger, identity_of("d")).outcome is Outcome.PASS


def test_one_that_stands_in_a_log_hides_no_revocation_behind_it(ledger: Ledger) -> None:
    enter_carelessly(ledger, malformed(E))
    enter(ledger, ALICE, derived(ALICE, E, BASE))
    revoke(ledger, BOB, about(BASE), "stolen data")
    assert revocation_of(ledger, E).outcome is Outcome.FAIL


def test_who_has_the_role_takes_such_a_claim_out_of_the_way(ledger: Ledger) -> None:
    claim = malformed(E)
    enter_carelessly(ledger, claim)
    assert (impact(ledger, BASE).unread, impact(ledger, BASE).whole) == (1, False)
    revoke(ledger, BOB, about(f"sha256:{claim.envelope.claim_id}"), "nobody can read it")
    assert impact(ledger, BASE).whole
    void = Revocations.read(ledger, complete=True).void_claims
    assert ancestors_of(ledger, [E], complete=True).problem is not None
    assert ancestors_of(ledger, [E], complete=True, void=void).problem is None


def test_a_false_provenance_claim_taints_nobody_once_the_role_revoked_it(ledger: Ledger) -> None:
    claim = derived(ALICE, E, BASE)
    enter(ledger, ALICE, claim)
    revoke(ledger, BOB, about(BASE), "stolen data")
    assert revocation_of(ledger, E).outcome is Outcome.FAIL
    revoke(ledger, BOB, about(f"sha256:{claim.envelope.claim_id}"), "a rival's lie")
    assert revocation_of(ledger, E).outcome is not Outcome.FAIL
    assert children(ledger, BASE) == set()


def test_nobody_launders_descent_by_revoking_the_own_claim_that_tells_of_it(
    tmp_path: Path,
) -> None:
    parties = [admitted(ALICE), admitted(CAROL, Kind.PROVENANCE), admitted(MALLORY)]
    with make_ledger(tmp_path / "l", parties) as ledger:
        claim = derived(CAROL, E, BASE)
        enter(ledger, CAROL, claim)
        revoke(ledger, ALICE, about(BASE), "stolen data")
        revoke(ledger, CAROL, about(f"sha256:{claim.envelope.claim_id}"), "never mind")
        assert revocation_of(ledger, E).outcome is Outcome.FAIL
        assert children(ledger, BASE) == {E}


def test_a_missing_release_of_an_ancestor_leaves_descent_open(ledger: Ledger) -> None:
    claim = release(ALICE, "folder", "model.safetensors", "config.json")
    (index,) = enter(ledger, ALICE, claim)
    enter(ledger, ALICE, derived(ALICE, E, FOLDER.manifest.identity))
    (ledger.path / "claims" / ledger.entry(index).event.claim_sha256).unlink()
    found = ancestors_of(ledger, [E], complete=True)
    assert set(found.reached) == {FOLDER.manifest.identity}
    assert found.problem is not None

"""The lock file: written one way, read strictly, and held against what sources promise."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.gate_makers import KEY, SIGNER, STRANGER
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.chain.aliases import Aliases
from weightmark.attestations.chain.building import build_chain
from weightmark.attestations.chain.model import StepRoles
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.locking.lock_file import LockedArtifact, LockedFile, LockFile
from weightmark.attestations.locking.signing import sign_lock, vouched_for
from weightmark.attestations.predicates.descriptor import Descriptor
from weightmark.attestations.predicates.lock import LOCK_PREDICATE, LockClaim
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.errors import (
    ArtifactRefusedError,
    CallError,
    MalformedError,
    NewerSchemaError,
    RefusedError,
    WeightmarkError,
)
from weightmark.provenance.names import path_problem
from weightmark.provenance.sidecars import RESERVED_NAMES
from weightmark.provenance.sources.interface import ArtifactKind

COMMIT = "c" * 40
IDENTITY = "wm1:" + "a" * 64
NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
BERT = LockedArtifact(
    "hf://acme/bert@main",
    f"hf://models/acme/bert@{COMMIT}",
    ArtifactKind.MODEL,
    IDENTITY,
    {"gitCommit": COMMIT},
    (LockedFile("config.json", 2, "b" * 64), LockedFile("sub/w", 7, "d" * 64)),
)
LOCK = LockFile((BERT,))
TEXT = LOCK.to_bytes().decode()
WRITABLE = st.characters(exclude_categories=["Cs"])


def test_what_is_written_is_what_is_read() -> None:
    assert LockFile.parse(LOCK.to_bytes()) == LOCK
    assert LockFile.parse(LOCK.to_bytes()).to_bytes() == LOCK.to_bytes()


@pytest.mark.parametrize(
    "again", ["hf://acme/bert", "hf://models/acme/bert", "hf://models/acme/bert@main"]
)
def test_two_spellings_of_one_address_are_one_address_twice(again: str) -> None:
    """Which of two entries counts would depend on how the address is typed."""
    other = replace(BERT, uri=again, pinned=BERT.pinned.replace("c" * 40, "e" * 40))
    other = replace(other, digest={"gitCommit": "e" * 40})
    both = LockFile((BERT, other)).to_bytes()
    with pytest.raises(MalformedError, match="twice"):
        LockFile.parse(both)


def test_the_entry_of_an_address_counts_before_one_that_is_pinned_to_it() -> None:
    commit = replace(BERT, uri=BERT.pinned)
    lock = LockFile.parse(LockFile((BERT, commit)).to_bytes())
    assert lock.find(BERT.pinned) == commit
    assert lock.find("hf://acme/bert") == BERT


@given(
    uri=st.text(WRITABLE, min_size=1, max_size=30),
    path=st.text(WRITABLE, min_size=1, max_size=30),
)
def test_any_address_and_any_name_survives(uri: str, path: str) -> None:
    uri = uri.replace("://", "//")
    files = (LockedFile(path, 1, "b" * 64),)
    locked = replace(BERT, uri=uri, pinned=uri, digest={}, files=files)
    if path_problem(path) or path == "." or path.casefold() in RESERVED_NAMES:
        with pytest.raises(ArtifactRefusedError):
            LockFile.parse(LockFile((locked,)).to_bytes())
    else:
        assert LockFile.parse(LockFile((locked,)).to_bytes()).artifacts == (locked,)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 1", "version = 0"),
        ("version = 1", "version = true"),
        ("version = 1", ""),
        ("version = 1", "version = 1\nmore = 2"),
        ("uri = ", "url = "),
        ('kind = "model"', 'kind = "weapon"'),
        ('kind = "model"', "kind = 1"),
        ('"wm1:a', '"wm2:a'),
        ("gitCommit", "gitcommit"),
        (f'gitCommit = "{COMMIT}"', 'gitCommit = "main"'),
        ("digest = {", "extra = 1\ndigest = {"),
        ("config.json", "../config.json"),
        ("config.json", "/etc/passwd"),
        ("config.json", "zzz"),
        ("config.json", "sub/w"),
        (" 2 config", " 02 config"),
        (" 2 config", " -2 config"),
        ("bbbb 2", "bbbB 2"),
        ("[[artifact]]", "[artifact]"),
        ("files = [", "files = [1,"),
        ('"\n', '"\n\x00'),
    ],
)
def test_a_lock_that_is_not_as_we_write_it_is_refused(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(RefusedError):
        LockFile.parse(TEXT.replace(old, new, 1).encode())


def test_one_address_stands_once() -> None:
    block = TEXT[TEXT.index("[[") :]
    with pytest.raises(MalformedError, match="twice"):
        LockFile.parse((TEXT + block).encode())


def test_a_lock_of_tomorrow_is_not_guessed_at() -> None:
    with pytest.raises(NewerSchemaError):
        LockFile.parse(b"version = 2\n")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        LockFile.parse(data)
    except WeightmarkError:
        return


def test_an_address_is_found_as_asked_and_as_pinned() -> None:
    assert LOCK.find(BERT.uri) == LOCK.find(BERT.pinned) == BERT
    with pytest.raises(CallError, match="not in the lock"):
        LOCK.find("hf://acme/bert@v2")


# --- signed ---------------------------------------------------------------------------------------


def vouched(lock: LockFile, claims: Path) -> Check:
    return vouched_for(lock, claims, Trust.in_keys([KEY.public]), NOW).check


def test_a_trusted_signer_vouches_for_every_entry_or_for_none(tmp_path: Path) -> None:
    claims = tmp_path / "claims"
    sign_lock(LOCK, [SIGNER], claims, NOW)
    assert vouched(LOCK, claims).outcome is Outcome.PASS
    two = LOCK.with_artifact(replace(BERT, uri="hf://acme/bert@v2"))
    assert vouched(two, claims).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    "changed",
    [
        replace(BERT, identity="wm1:" + "e" * 64),
        replace(BERT, pinned=f"hf://models/evil/bert@{COMMIT}"),
        replace(BERT, digest={"gitCommit": "d" * 40}),
    ],
)
def test_an_entry_that_changed_after_signing_is_not_vouched_for(
    tmp_path: Path, changed: LockedArtifact
) -> None:
    claims = tmp_path / "claims"
    sign_lock(LOCK, [SIGNER], claims, NOW)
    assert vouched(LockFile((changed,)), claims).outcome is Outcome.FAIL


def test_a_stranger_vouches_for_nothing(tmp_path: Path) -> None:
    claims = tmp_path / "claims"
    sign_lock(LOCK, [STRANGER], claims, NOW)
    assert vouched(LOCK, claims).outcome is Outcome.FAIL


# --- links ----------------------------------------------------------------------------------------


def claim(identity: str = IDENTITY, by: object = SIGNER) -> Bundle:
    said = LockClaim(BERT.uri, BERT.pinned, BERT.kind, dict(BERT.digest)).to_predicate()
    payload = Statement.about_manifest("bert", identity, LOCK_PREDICATE, said, {})
    return by.sign_statement(payload)  # type: ignore[attr-defined, no-any-return] # a signer of the makers


def provenance(uri: str, commit: str) -> Bundle:
    predicate = {
        "buildDefinition": {
            "buildType": "https://weightmark/buildtypes/finetune/v1",
            "externalParameters": {},
            "resolvedDependencies": [{"name": "base", "uri": uri, "digest": {"gitCommit": commit}}],
        },
        "runDetails": {"builder": {"id": "https://builder.example"}},
    }
    payload = Statement.about_manifest(
        "tuned", "wm1:" + "f" * 64, "https://slsa.dev/provenance/v1", predicate, {}
    )
    return SIGNER.sign_statement(payload)


def parents(*bundles: Bundle) -> set[str]:
    roles = StepRoles(Trust.in_keys([KEY.public]))
    chain = build_chain("wm1:" + "f" * 64, bundles, roles, now=NOW)
    return {one for one in chain.lineage.depths if one != "wm1:" + "f" * 64}


def test_a_commit_links_where_a_trusted_lock_says_for_which_bytes_it_stood() -> None:
    step = provenance("hf://acme/bert@main", COMMIT)
    assert parents(step) == set()
    assert parents(step, claim()) == {IDENTITY}
    assert parents(claim(), step) == {IDENTITY}


def test_a_lock_by_a_stranger_links_nothing() -> None:
    assert parents(provenance("hf://acme/bert", COMMIT), claim(by=STRANGER)) == set()


@pytest.mark.parametrize(
    ("uri", "commit"),
    [
        ("hf://acme/bert", "d" * 40),
        ("hf://evil/bert", COMMIT),
        ("hf://datasets/acme/bert", COMMIT),
        ("https://hub.example/acme/bert", COMMIT),
        ("", COMMIT),
    ],
)
def test_a_commit_of_another_repository_links_nothing(uri: str, commit: str) -> None:
    assert parents(provenance(uri, commit), claim()) == set()


def test_two_locks_that_contradict_each_other_link_nothing() -> None:
    other = claim("wm1:" + "9" * 64)
    assert parents(provenance("hf://acme/bert", COMMIT), claim(), other) == set()
    aliases = Aliases()
    locked = LockClaim(BERT.uri, BERT.pinned, BERT.kind, BERT.digest)
    aliases.add_lock(IDENTITY, locked)
    aliases.add_lock("wm1:" + "9" * 64, locked)
    with pytest.raises(MalformedError):
        aliases.identity_of(Descriptor(uri=BERT.uri, digest={"gitCommit": COMMIT}))


# --- cheated --------------------------------------------------------------------------------------

OTHER = "d" * 40
LISTING = "e" * 64


@pytest.mark.parametrize(
    ("uri", "pinned", "digest"),
    [
        ("hf://acme/bert", f"hf://models/evil/bert@{COMMIT}", {"gitCommit": COMMIT}),
        ("hf://acme/bert", f"hf://datasets/acme/bert@{COMMIT}", {"gitCommit": COMMIT}),
        ("hf://acme/bert", f"hf://models/acme/bert@{OTHER}", {"gitCommit": COMMIT}),
        (f"hf://acme/bert@{OTHER}", f"hf://models/acme/bert@{COMMIT}", {"gitCommit": COMMIT}),
        ("hf://acme/bert", "/srv/evil", {"gitCommit": COMMIT}),
        ("hf://acme/bert", "/srv/evil", {}),
        ("hf://acme/bert", f"hf://models/acme/bert@{COMMIT}", {}),
        ("hf://acme/bert", f"oci://evil.example/bert@sha256:{LISTING}", {"sha256": LISTING}),
        ("oci://a.example/m:v1", f"oci://evil.example/m@sha256:{LISTING}", {"sha256": LISTING}),
        ("s3://acme/bert", f"s3://evil-acme/bert?listing={LISTING}", {}),
        ("s3://acme/bert", f"s3://acme/bert/evil?listing={LISTING}", {}),
        ("s3://acme/bert", "s3://acme/bert", {}),
        (f"s3://acme/bert?listing={'f' * 64}", f"s3://acme/bert?listing={LISTING}", {}),
        ("gs://acme/bert", f"s3://acme/bert?listing={LISTING}", {}),
        ("gs://acme/bert", f"gs://evil/bert?listing={LISTING}", {}),
        ("https://a.example/m/", f"https://evil.example/m/#sha256={LISTING}", {"sha256": LISTING}),
        ("https://a.example/m/", f"https://a.example/x/#sha256={LISTING}", {"sha256": LISTING}),
        ("https://a.example/m/", "https://a.example/m/", {"sha256": LISTING}),
        (
            f"https://a.example/m#sha256={'f' * 64}",
            f"https://a.example/m#sha256={LISTING}",
            {"sha256": LISTING},
        ),
        ("https://a.example/m", f"https://evil.example/m#version={LISTING}", {}),
        ("https://a.example/m", f"https://a.example/m#sha256={LISTING}", {}),
        ("https://a.example/m", "http://a.example/m", {}),
        ("mlflow:models:/a@prod", "mlflow:models:/b/1", {}),
        ("mlflow:models:/a/2", "mlflow:models:/a/1", {}),
        ("mlflow:models:/a@prod", "mlflow:models:/a@prod", {}),
        ("mlflow:runs:/r/m", "mlflow:runs:/r/x", {}),
        ("mlflow:models:/a@prod", "/srv/evil", {}),
        ("models/bert", "models/evil", {}),
        ("models/bert", f"hf://models/evil/bert@{COMMIT}", {"gitCommit": COMMIT}),
        ("weird://acme/bert", "weird://acme/bert", {}),
    ],
)
def test_a_lock_that_pins_an_address_to_another_place_is_refused(
    uri: str, pinned: str, digest: dict[str, str]
) -> None:
    edited = LockFile((replace(BERT, uri=uri, pinned=pinned, digest=digest),))
    with pytest.raises(MalformedError, match="another place"):
        LockFile.parse(edited.to_bytes())


@pytest.mark.parametrize(
    ("uri", "pinned", "digest"),
    [
        (f"hf://acme/bert@{COMMIT}", f"hf://models/acme/bert@{COMMIT}", {"gitCommit": COMMIT}),
        ("oci://a.example/m:v1", f"oci://a.example/m@sha256:{LISTING}", {"sha256": LISTING}),
        ("s3://acme/bert/", f"s3://acme/bert?listing={LISTING}", {}),
        ("models/bert", "models/bert", {}),
        ("gs://acme/bert/", f"gs://acme/bert?listing={LISTING}", {}),
        ("https://a.example/m/", f"https://a.example/m/#sha256={LISTING}", {"sha256": LISTING}),
        ("https://a.example/m", f"https://a.example/m#version={LISTING}", {}),
        ("https://a.example/m?x=y", f"https://a.example/m#version={LISTING}", {}),
        ("https://a.example/m", "https://a.example/m", {}),
        ("mlflow:models:/a@prod", "mlflow:models:/a/1", {}),
        ("mlflow:runs:/r/m", "mlflow:runs:/r/m", {}),
    ],
)
def test_what_sources_pin_is_read(uri: str, pinned: str, digest: dict[str, str]) -> None:
    lock = LockFile((replace(BERT, uri=uri, pinned=pinned, digest=digest),))
    assert LockFile.parse(lock.to_bytes()) == lock


def test_an_emptied_lock_is_vouched_for_by_nobody(tmp_path: Path) -> None:
    claims = tmp_path / "claims"
    sign_lock(LOCK, [SIGNER], claims, NOW)
    emptied = vouched(LockFile(), claims)
    assert emptied.outcome is Outcome.FAIL
    assert emptied.details == (f"`{BERT.uri}` was signed, and is gone",)
    sign_lock(LOCK, [STRANGER], claims, NOW)
    assert vouched(LockFile(), claims).outcome is Outcome.NOTHING


def test_an_edited_list_of_files_is_not_vouched_for(tmp_path: Path) -> None:
    claims = tmp_path / "claims"
    sign_lock(LOCK, [SIGNER], claims, NOW)
    edited = LockFile((replace(BERT, files=(LockedFile("config.json", 2, "9" * 64),)),))
    assert vouched(edited, claims).outcome is Outcome.FAIL


def test_an_entry_that_was_dropped_is_missed(tmp_path: Path) -> None:
    """The dropped one is fetched by its moving name again, and no lock is in the way."""
    claims = tmp_path / "claims"
    two = LOCK.with_artifact(replace(BERT, uri="hf://acme/bert@v2"))
    sign_lock(two, [SIGNER], claims, NOW)
    assert vouched(two, claims).outcome is Outcome.PASS
    dropped = vouched(LOCK, claims)
    assert dropped.outcome is Outcome.FAIL
    assert dropped.details == ("`hf://acme/bert@v2` was signed, and is gone",)


def test_claims_of_two_signings_are_not_mixed_into_a_lock_that_nobody_signed(
    tmp_path: Path,
) -> None:
    """An old entry with its old claim, put beside the newer ones."""
    old = replace(BERT, uri="hf://acme/old", identity="wm1:" + "1" * 64)
    new = replace(BERT, uri="hf://acme/new", identity="wm1:" + "2" * 64)
    sign_lock(LockFile((old,)), [SIGNER], tmp_path / "first", NOW)
    sign_lock(LockFile((new,)), [SIGNER], tmp_path / "second", NOW)
    mixed = tmp_path / "mixed"
    mixed.write_bytes((tmp_path / "first").read_bytes() + (tmp_path / "second").read_bytes())
    assert vouched(LockFile((new, old)), mixed).outcome is Outcome.FAIL
    assert vouched(LockFile((new,)), mixed).outcome is Outcome.PASS


def test_a_claim_without_the_digest_of_the_lock_vouches_for_none(tmp_path: Path) -> None:
    (tmp_path / "claims").write_bytes(claim().to_bytes() + b"\n")
    assert vouched(LOCK, tmp_path / "claims").outcome is Outcome.FAIL


@pytest.mark.parametrize("value", ["x", "A" * 64, 7])
def test_a_digest_of_the_lock_that_is_none_is_malformed(value: object) -> None:
    said = LockClaim(BERT.uri, BERT.pinned, BERT.kind, dict(BERT.digest)).to_predicate()
    payload = Statement.about_manifest("b", IDENTITY, LOCK_PREDICATE, {**said, "lock": value}, {})
    statement = Trust.in_keys([KEY.public]).verify(SIGNER.sign_statement(payload), now=NOW)
    with pytest.raises(MalformedError):
        LockClaim.from_statement(statement.statement)

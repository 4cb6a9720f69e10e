"""The keyless signer: one certificate for all, every lie of a service found before anything is written."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.attestations.forge import make_tree, said
from tests.attestations.keyless.statements import STATEMENT
from tests.sim.client import sign_statement
from tests.sim.faults import Fault, FaultKind
from tests.sim.loopback import LoopbackSigstore
from tests.sim.oidc import GITHUB_ISSUER, github_claims, gitlab_claims
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.making.signing import SignOptions, add_claim, sign_artifact
from weightmark.attestations.signers.keyless import (
    IdentityToken,
    KeylessSigner,
    Patience,
    SigstoreInstance,
)
from weightmark.attestations.signers.keyless.own import trust_in
from weightmark.attestations.verifying.verification import examine
from weightmark.errors import (
    CallError,
    Exit,
    ExpiredError,
    NetworkError,
    WeightmarkError,
    WrongSignerError,
)

QUICK = Patience(connect=1, answer=0.5, attempts=2, pause=0.01)
FILES = {"config.json": b"{}", "weights.bin": b"w" * 5000}
Make = Callable[..., KeylessSigner]


@pytest.fixture
def instance(sim: LoopbackSigstore, tmp_path: Path) -> SigstoreInstance:
    folder = tmp_path / "sigstore"
    folder.mkdir()
    return SigstoreInstance.from_trust_config(sim.write(folder)["trust_config"])


@pytest.fixture
def make(sim: LoopbackSigstore, instance: SigstoreInstance) -> Make:
    def make_signer(claims: dict[str, str] | None = None, **options: object) -> KeylessSigner:
        token = IdentityToken.parse(sim.oidc.token(claims))
        return KeylessSigner.with_token(instance, token, **{"patience": QUICK, **options})

    return make_signer


@pytest.mark.parametrize("version", [None, 1, 2])
def test_a_statement_is_signed_and_verified(
    sim: LoopbackSigstore, make: Make, version: int | None
) -> None:
    signer = make(rekor_version=version, require_timestamp=True)
    bundle = signer.sign_statement(STATEMENT)
    verified = signer.own_trust().verify(Bundle.parse(bundle.to_bytes()))
    assert verified.signer.name == f"sigstore:{sim.oidc.person}@{sim.oidc.url}"
    assert verified.signer.is_same_as(signer.identity)
    assert verified.time is not None
    assert abs(verified.time.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert signer.notices == ()


@pytest.mark.parametrize("version", [1, 2])
def test_the_same_bytes_come_out_as_the_log_took_in(make: Make, version: int) -> None:
    bundle = make(rekor_version=version).sign_statement(STATEMENT)
    assert bundle.envelope.payload == STATEMENT
    assert Bundle.parse(bundle.to_bytes()) == bundle


def test_one_certificate_serves_all_statements_of_a_call(
    sim: LoopbackSigstore, make: Make, tmp_path: Path
) -> None:
    result = sign_artifact(make_tree(tmp_path / "m", FILES), make(), SignOptions())
    assert len(result.claims) == 2
    assert len(sim.server.requests("fulcio")) == 1
    assert len(sim.server.requests("rekor")) == 3
    assert len(sim.server.requests("tsa")) == 3


def test_a_signed_tree_verifies_offline_when_every_service_is_gone(
    sim: LoopbackSigstore, make: Make, tmp_path: Path
) -> None:
    tree, signer = make_tree(tmp_path / "m", FILES), make()
    sign_artifact(tree, signer, SignOptions())
    trust = signer.own_trust()
    sim.server.stop()
    report = examine(tree, trust).report
    assert (report.exit, report.verified is not None) == (Exit.GOOD, True), said(report)
    (tree / "weights.bin").write_bytes(b"x" * 5000)
    assert examine(tree, trust).report.exit is Exit.BAD


def test_another_person_of_the_same_instance_is_not_trusted(
    sim: LoopbackSigstore, make: Make, instance: SigstoreInstance, tmp_path: Path
) -> None:
    tree = make_tree(tmp_path / "m", FILES)
    sign_artifact(tree, make(), SignOptions())
    identity = make().identity
    mallory = replace(identity, subject="mallory@example.com")
    elsewhere = replace(identity, issuer="https://elsewhere.example")
    for other in (mallory, elsewhere):
        trust = trust_in(other, instance.trusted_root, name="test")
        assert examine(tree, trust).report.exit is Exit.BAD


def test_claims_of_the_same_person_supersede_and_of_another_stay(
    sim: LoopbackSigstore, make: Make, tmp_path: Path
) -> None:
    tree = make_tree(tmp_path / "m", FILES)
    claims = tree / "model.claims"
    sign_artifact(tree, make(), SignOptions())
    sign_artifact(tree, make(), SignOptions())
    assert len(claims.read_bytes().splitlines()) == 2, "a new certificate is still the same person"
    sign_artifact(tree, make(github_claims()), SignOptions())
    assert len(claims.read_bytes().splitlines()) == 4
    add_claim(tree, make(), "https://in-toto.io/attestation/test-result/v0.1", {"result": "PASSED"})
    assert len(claims.read_bytes().splitlines()) == 5


def test_a_ci_job_signs_as_its_workflow(make: Make) -> None:
    identity = make(github_claims()).identity
    workflow = "https://github.com/acme/models/.github/workflows/release.yml@refs/heads/main"
    assert (identity.subject, identity.issuer) == (workflow, GITHUB_ISSUER)
    config = "https://gitlab.com/acme/models//.gitlab-ci.yml@refs/heads/main"
    assert make(gitlab_claims()).identity.subject == config


LIES = {
    "fulcio": ("another key", "another identity", "expired certificate", "no SCT", "wrong SCT"),
    "rekor": ("wrong entry", "wrong root", "wrong checkpoint", "wrong SET"),
    "tsa": ("rejection", "wrong imprint", "another authority", "stale"),
}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    "lie", [f"{service}: {lie}" for service, lies in LIES.items() for lie in lies]
)
def test_a_lie_of_a_service_is_found_before_anything_is_written(
    sim: LoopbackSigstore, make: Make, tmp_path: Path, lie: str, version: int
) -> None:
    if (lie, version) == ("rekor: wrong SET", 2):
        lie = "rekor: wrong root"  # this version of the log promises nothing
    service, _, lie = lie.partition(": ")
    tree = make_tree(tmp_path / "m", FILES)
    sim.faults[service] = Fault.lie(lie)
    signer = make(rekor_version=version, require_timestamp=True)
    with pytest.raises(NetworkError):
        sign_artifact(tree, signer, SignOptions())
    assert sorted(path.name for path in tree.iterdir()) == sorted(FILES)


FAULTS = (
    Fault.down(),
    Fault.slow(5),
    Fault.error(500, "<h1>database is down</h1>"),
    Fault.error(400, '{"message": "not today"}'),
    Fault(FaultKind.HTML),
    Fault(FaultKind.TRUNCATED),
)


@pytest.mark.parametrize("service", LIES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}-{fault.status}")
def test_a_service_that_fails_leaves_nothing_half_written(
    sim: LoopbackSigstore, make: Make, tmp_path: Path, service: str, fault: Fault
) -> None:
    tree = make_tree(tmp_path / "m", FILES)
    sim.faults[service] = fault
    with pytest.raises(NetworkError) as refused:
        sign_artifact(tree, make(), SignOptions())
    assert sim.url in refused.value.what or fault.kind is FaultKind.HTML
    assert sorted(path.name for path in tree.iterdir()) == sorted(FILES)


def test_a_timestamp_that_was_asked_for_is_never_left_out(
    sim: LoopbackSigstore, make: Make
) -> None:
    sim.faults["tsa"] = Fault.down()
    with pytest.raises(NetworkError, match="timestamp authority"):
        make(rekor_version=1, require_timestamp=True).sign_statement(STATEMENT)
    assert not sim.server.requests("rekor"), "nothing is logged that will not be kept"


def test_a_missing_timestamp_that_nobody_asked_for_is_told(
    sim: LoopbackSigstore, make: Make
) -> None:
    sim.faults["tsa"] = Fault.down()
    signer = make(rekor_version=1)
    bundle = signer.sign_statement(STATEMENT)
    assert not bundle.timestamps
    (notice,) = signer.notices
    assert notice.startswith("no timestamp: the timestamp authority at")


def test_a_timestamp_that_nobody_believes_is_told(sim: LoopbackSigstore, make: Make) -> None:
    sim.faults["tsa"] = Fault.lie("another authority")
    signer = make(rekor_version=1)
    assert signer.sign_statement(STATEMENT).timestamps
    assert any("proves nothing" in one for one in signer.notices), signer.notices


def test_a_log_without_a_clock_always_needs_the_timestamp(
    sim: LoopbackSigstore, make: Make
) -> None:
    sim.faults["tsa"] = Fault.down()
    with pytest.raises(NetworkError, match="timestamp authority"):
        make(rekor_version=2).sign_statement(STATEMENT)
    assert not sim.server.requests("rekor")


def test_an_instance_without_a_clock_cannot_keep_the_promise(
    sim: LoopbackSigstore, make: Make, tmp_path: Path
) -> None:
    config = sim.trust_config((1,))
    config["signingConfig"]["tsaUrls"] = []
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    instance = SigstoreInstance.from_trust_config(path)
    signer = replace(make(require_timestamp=True), instance=instance)
    with pytest.raises(CallError, match="names no timestamp authority"):
        signer.sign_statement(STATEMENT)
    assert not sim.server.requests("fulcio")
    replace(make(), instance=instance).sign_statement(STATEMENT)


def test_a_root_of_another_instance_is_found_out(sim: LoopbackSigstore, make: Make) -> None:
    with LoopbackSigstore.running() as other:
        foreign = json.dumps(other.trusted_root()).encode()
    signer = make()
    mixed = replace(signer, instance=replace(signer.instance, trusted_root=foreign))
    with pytest.raises(NetworkError) as refused:
        mixed.sign_statement(STATEMENT)
    assert "trusted root" in refused.value.fix


def people_who_log_in(sim: LoopbackSigstore, *people: str) -> Callable[[], IdentityToken]:
    """Return how to log in as one after the other, with certificates that end within a minute."""
    sim.clock.shift(timedelta(minutes=-9, seconds=-15))
    turns = iter(people)

    def log_in() -> IdentityToken:
        sim.oidc.person = next(turns)
        return IdentityToken.parse(sim.oidc.token(exp=2**32))

    return log_in


def test_a_certificate_that_is_about_to_end_is_renewed(
    sim: LoopbackSigstore, instance: SigstoreInstance
) -> None:
    log_in = people_who_log_in(sim, "ann@example.com", "ann@example.com")
    signer = KeylessSigner(instance, log_in, patience=QUICK)
    before = signer.identity
    signer.sign_statement(STATEMENT)
    assert signer.identity.is_same_as(before)
    assert signer.identity.fingerprint != before.fingerprint
    assert len(sim.server.requests("fulcio")) == 2


def test_a_signer_that_becomes_somebody_else_is_refused(
    sim: LoopbackSigstore, instance: SigstoreInstance
) -> None:
    log_in = people_who_log_in(sim, "ann@example.com", "bob@example.com")
    signer = KeylessSigner(instance, log_in, patience=QUICK)
    assert signer.identity.subject == "ann@example.com"
    with pytest.raises(WrongSignerError, match="changed while signing"):
        signer.sign_statement(STATEMENT)


def test_a_token_that_ran_out_is_said_before_anything_is_sent(
    sim: LoopbackSigstore, instance: SigstoreInstance
) -> None:
    good = IdentityToken.parse(sim.oidc.token())
    late = replace(good, expires=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(ExpiredError):
        KeylessSigner.with_token(instance, late).sign_statement(STATEMENT)
    assert not sim.server.requests("fulcio")


def test_a_refused_token_is_told_in_the_words_of_the_authority(
    sim: LoopbackSigstore, instance: SigstoreInstance
) -> None:
    with LoopbackSigstore.running() as other:
        forged = IdentityToken.parse(other.oidc.token(iss=sim.oidc.url))
    with pytest.raises(NetworkError, match="HTTP 401") as refused:
        KeylessSigner.with_token(instance, forged, patience=QUICK).sign_statement(STATEMENT)
    assert "Signature verification failed" in refused.value.why
    assert forged.raw not in f"{refused.value.what}{refused.value.why}{refused.value.fix}"


@pytest.mark.parametrize("version", [1, 2])
def test_a_signature_of_last_year_is_good_and_says_when(
    sim: LoopbackSigstore, instance: SigstoreInstance, make: Make, version: int
) -> None:
    identity, now = make().identity, sim.clock.now()
    sim.clock.shift(timedelta(days=-365))
    made = Bundle.parse(sign_statement(sim, STATEMENT, version=version))
    verified = trust_in(identity, instance.trusted_root, name="old").verify(made)
    assert verified.time is not None
    assert abs(verified.time.at - sim.clock.now()) < timedelta(minutes=1)
    young = json.dumps(sim.trusted_root(now - timedelta(days=30))).encode()
    with pytest.raises(WeightmarkError):
        trust_in(identity, young, name="young").verify(made)


def test_the_signer_shows_its_token_nowhere(make: Make) -> None:
    signer = make()
    raw = signer.token().raw
    signer.sign_statement(STATEMENT)
    assert raw not in repr(signer)


def test_a_token_sent_in_the_clear_is_told(make: Make) -> None:
    signer = make()
    config = signer.instance.signing_config.replace(b"http://127.0.0.1", b"http://127.0.0.2")
    lines = replace(signer, instance=replace(signer.instance, signing_config=config))
    with pytest.raises(WeightmarkError):
        lines.sign_statement(STATEMENT)
    assert "without encryption" in lines.notices[0]

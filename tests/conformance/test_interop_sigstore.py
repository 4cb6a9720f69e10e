"""Interoperability of keyless bundles, in both directions, over a loopback Sigstore.

Ours are verified by sigstore-python (library and command), by the reference `model_signing` and by
npm's client; theirs are verified by us. Tampered ones are refused by everybody.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sigstore.dsse import Statement
from sigstore.errors import VerificationError
from sigstore.models import Bundle as SigstoreBundle
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityToken as SigstoreToken
from sigstore.sign import SigningContext
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

from tests.attestations.forge import make_tree, said
from tests.attestations.keyless.statements import STATEMENT
from tests.conftest import need
from tests.sim.loopback import LoopbackSigstore
from tests.sim.oidc import GITHUB_ISSUER
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.identities import SignerIdentity, SignerKind
from weightmark.attestations.making.signing import SignOptions, sign_artifact
from weightmark.attestations.signers.keyless import IdentityToken, KeylessSigner, SigstoreInstance
from weightmark.attestations.signers.keyless.own import trust_in
from weightmark.attestations.trust import Trust
from weightmark.attestations.verifying.verification import examine
from weightmark.errors import Exit, WeightmarkError

VERSIONS = (1, 2)
FILES = {"config.json": b"{}", "nested/weights.bin": b"w" * 5000}
NPM = Path(__file__).with_name("npm_sigstore.cjs")


@dataclass(frozen=True)
class World:
    """One instance, and what clients need to know of it."""

    sim: LoopbackSigstore
    folder: Path
    config: Path
    root: Path

    def signer(self, version: int) -> KeylessSigner:
        instance = SigstoreInstance.from_trust_config(self.config)
        token = IdentityToken.parse(self.sim.oidc.token())
        return KeylessSigner.with_token(instance, token, rekor_version=version)

    def trust(self, person: str = "", issuer: str = "") -> Trust:
        subject, provider = person or self.sim.oidc.person, issuer or self.sim.oidc.url
        identity = SignerIdentity(SignerKind.SIGSTORE, "", subject, provider)
        return trust_in(identity, self.root.read_bytes(), name="loopback")

    def signed_tree(self, version: int) -> Path:
        tree = make_tree(self.folder / f"m{version}", FILES)
        sign_artifact(tree, self.signer(version), SignOptions())
        return tree

    def run(self, *words: object, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "NO_PROXY": "127.0.0.1,localhost",
                "LANG": "C.UTF-8",
                "PYTHONWARNINGS": "ignore",
                **more,
            },
        )


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with LoopbackSigstore.running() as sim:
        files = sim.write(tmp_path)
        yield World(sim, tmp_path, files["trust_config"], files["trusted_root"])


def lines_of(tree: Path) -> list[bytes]:
    return [(tree / "model.sig").read_bytes(), *(tree / "model.claims").read_bytes().splitlines()]


def flip(bundle: bytes) -> bytes:
    """Return the bundle with one letter of its payload changed."""
    document = json.loads(bundle)
    payload = document["dsseEnvelope"]["payload"]
    document["dsseEnvelope"]["payload"] = (
        payload[:40] + ("A" if payload[40] != "A" else "B") + payload[41:]
    )
    return json.dumps(document).encode()


# --- sigstore-python ------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_sigstore_python_verifies_all_that_we_sign(world: World, version: int) -> None:
    config = ClientTrustConfig.from_json(world.config.read_text())
    verifier = Verifier(trusted_root=config.trusted_root)
    person = Identity(identity=world.sim.oidc.person, issuer=world.sim.oidc.url)
    for line in lines_of(world.signed_tree(version)):
        kind, payload = verifier.verify_dsse(SigstoreBundle.from_json(line), person)
        assert kind == "application/vnd.in-toto+json"
        assert payload == Bundle.parse(line).envelope.payload
        with pytest.raises(VerificationError):
            verifier.verify_dsse(SigstoreBundle.from_json(flip(line)), person)


@pytest.mark.parametrize("version", VERSIONS)
def test_we_verify_what_sigstore_python_signs(world: World, version: int) -> None:
    config = ClientTrustConfig.from_json(world.config.read_text())
    config.force_tlog_version = version
    with SigningContext.from_trust_config(config).signer(
        SigstoreToken(world.sim.oidc.token())
    ) as signer:
        made = signer.sign_dsse(Statement(STATEMENT)).to_json().encode()
    verified = world.trust().verify(Bundle.parse(made))
    assert verified.signer.subject == world.sim.oidc.person
    assert verified.time is not None
    for bundle, trust in ((flip(made), world.trust()), (made, world.trust("mallory@example.com"))):
        with pytest.raises(WeightmarkError):
            trust.verify(Bundle.parse(bundle))


def test_the_sigstore_command_verifies_our_manifest_claim(world: World) -> None:
    """The subject of our statements is the manifest document, so any client can check it as a file."""
    tree = world.signed_tree(2)
    statement = json.loads(Bundle.parse(lines_of(tree)[1]).envelope.payload)
    bundle = world.folder / "claim.json"
    bundle.write_bytes(lines_of(tree)[1])
    (digest,) = (one["digest"]["sha256"] for one in statement["subject"])

    def call(subject: str, person: str) -> int:
        return world.run(
            *(sys.executable, "-m", "sigstore", "--trust-config", world.config),
            *("verify", "identity", "--bundle", bundle, "--cert-identity", person),
            *("--cert-oidc-issuer", world.sim.oidc.url, f"sha256:{subject}"),
        ).returncode

    assert call(digest, world.sim.oidc.person) == 0
    assert call("0" * 64, world.sim.oidc.person) != 0
    assert call(digest, "mallory@example.com") != 0


def test_we_verify_what_the_sigstore_command_attests(world: World) -> None:
    subject, predicate = world.folder / "weights.bin", world.folder / "predicate.json"
    subject.write_bytes(b"w" * 100)
    predicate.write_text(json.dumps(SLSA))
    bundle = world.folder / "attested.json"
    done = world.run(
        *(sys.executable, "-m", "sigstore", "--trust-config", world.config, "attest"),
        *("--identity-token", world.sim.oidc.token(), "--predicate", predicate),
        *("--predicate-type", "https://slsa.dev/provenance/v1", "--bundle", bundle, subject),
    )
    assert done.returncode == 0, done.stderr
    statement = world.trust().verify(Bundle.parse(bundle.read_bytes())).statement
    assert statement.predicate_type == "https://slsa.dev/provenance/v1"


SLSA = {
    "buildDefinition": {"buildType": "https://example.com/build", "externalParameters": {}},
    "runDetails": {"builder": {"id": "https://example.com/builder"}},
}


# --- the reference, model_signing -----------------------------------------------------------------


@pytest.mark.needs("model_signing")
@pytest.mark.parametrize("version", VERSIONS)
def test_the_reference_verifies_what_we_sign(
    world: World, model_signing_python: Path, version: int
) -> None:
    tree = world.signed_tree(version)

    def verify(person: str) -> "subprocess.CompletedProcess[str]":
        return world.run(
            *(model_signing_python, "-m", "model_signing", "verify", "sigstore", tree),
            *("--signature", tree / "model.sig", "--trust_config", world.config),
            *("--identity", person, "--identity_provider", world.sim.oidc.url),
        )

    done = verify(world.sim.oidc.person)
    assert done.returncode == 0, done.stdout + done.stderr
    assert verify("mallory@example.com").returncode != 0
    (tree / "config.json").write_bytes(b"[]")
    assert verify(world.sim.oidc.person).returncode != 0


@pytest.mark.needs("model_signing")
def test_we_verify_what_the_reference_signs_in_a_ci_job(
    world: World, model_signing_python: Path
) -> None:
    tree = make_tree(world.folder / "theirs", FILES)
    done = world.run(
        *(model_signing_python, "-m", "model_signing", "sign", "sigstore", tree),
        *("--signature", tree / "model.sig", "--trust_config", world.config),
        "--use_ambient_credentials",
        **world.sim.github_environment(),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    workflow = "https://github.com/acme/models/.github/workflows/release.yml@refs/heads/main"
    assert examine(tree, world.trust(workflow, GITHUB_ISSUER)).report.exit is Exit.GOOD
    assert examine(tree, world.trust(workflow)).report.exit is Exit.BAD, "another issuer"


@pytest.mark.needs("model_signing")
def test_we_verify_what_the_reference_signs(world: World, model_signing_python: Path) -> None:
    tree = make_tree(world.folder / "theirs", FILES)
    done = world.run(
        *(model_signing_python, "-m", "model_signing", "sign", "sigstore", tree),
        *("--signature", tree / "model.sig", "--trust_config", world.config),
        *("--identity_token", world.sim.oidc.token()),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = examine(tree, world.trust()).report
    assert report.exit is Exit.GOOD, said(report)
    assert examine(tree, world.trust("mallory@example.com")).report.exit is Exit.BAD
    (tree / "config.json").write_bytes(b"[]")
    assert examine(tree, world.trust()).report.exit is Exit.BAD


Npm = Callable[[Sequence[dict[str, Any]]], list[dict[str, Any]]]


# --- npm ------------------------------------------------------------------------------------------


@pytest.fixture
def npm(world: World) -> Npm:
    home, node = need("npm_sigstore").parents[2], shutil.which("node") or "node"

    def run(jobs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        done = subprocess.run(
            [node, NPM],
            input=json.dumps(jobs),
            capture_output=True,
            text=True,
            check=True,
            cwd=home,
            env={"PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1,localhost"},
        )
        answers: list[dict[str, Any]] = json.loads(done.stdout)
        return answers

    return run


@pytest.mark.needs("npm_sigstore")
def test_npm_verifies_all_that_we_sign(world: World, npm: Npm) -> None:
    trusted = world.sim.trusted_root()
    lines = [line for version in VERSIONS for line in lines_of(world.signed_tree(version))]

    def job(bundle: bytes, person: str) -> dict[str, Any]:
        said = {"subject": person, "issuer": world.sim.oidc.url, "trustedRoot": trusted}
        return {"verify": {"bundle": json.loads(bundle), **said}}

    person = world.sim.oidc.person
    for answer in npm([job(line, person) for line in lines]):
        assert answer.get("ok"), answer
    for answer in npm([job(flip(line), person) for line in lines]):
        assert "error" in answer
    for answer in npm([job(line, "mallory@example.com") for line in lines]):
        assert "error" in answer


@pytest.mark.needs("npm_sigstore")
def test_we_verify_what_npm_signs(world: World, npm: Npm) -> None:
    def job(version: int) -> dict[str, Any]:
        token, payload = world.sim.oidc.token(), STATEMENT.decode()
        return {
            "sign": {"url": world.sim.url, "token": token, "version": version, "payload": payload}
        }

    for answer in npm([job(version) for version in VERSIONS]):
        made = json.dumps(answer["ok"]).encode()
        assert world.trust().verify(Bundle.parse(made)).signer.subject == world.sim.oidc.person
        with pytest.raises(WeightmarkError):
            world.trust().verify(Bundle.parse(flip(made)))


def test_the_first_entry_of_a_log_is_entry_number_nought(world: World) -> None:
    """Some producers leave out what is 0 or empty; that is still said."""
    world.sim.rekor_v2.tree.leaves.clear()
    signed = world.signer(2).sign_statement(STATEMENT).to_bytes()
    document = json.loads(signed)
    (entry,) = document["verificationMaterial"]["tlogEntries"]
    assert entry["inclusionProof"]["treeSize"] == "1"
    bare = json.loads(json.dumps(document))
    (left,) = bare["verificationMaterial"]["tlogEntries"]
    left.pop("logIndex")
    left["inclusionProof"].pop("logIndex", None)
    left["inclusionProof"].pop("hashes", None)
    for bundle in (document, bare):
        world.trust().verify(Bundle.parse(json.dumps(bundle).encode()))

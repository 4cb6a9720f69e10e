"""The loopback Sigstore is believable: sigstore-python signs and verifies against it, and refuses its lies."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from sigstore._internal.fulcio.client import FulcioClientError
from sigstore.dsse import Statement
from sigstore.errors import TUFError, VerificationError
from sigstore.models import Bundle, ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext
from sigstore.verify import Verifier, policy

from tests.attestations.keyless.statements import STATEMENT
from tests.sim.client import sign_statement
from tests.sim.faults import Fault
from tests.sim.loopback import LoopbackSigstore
from tests.sim.merkle import MerkleTree
from tests.sim.oidc import GITHUB_ISSUER, GITLAB_ISSUER, github_claims, gitlab_claims
from weightmark.provenance.ledger.merkle import check_inclusion

VERSIONS = (1, 2)


def config_of(sim: LoopbackSigstore, version: int) -> ClientTrustConfig:
    config = ClientTrustConfig.from_json(json.dumps(sim.trust_config()))
    config.force_tlog_version = version
    return config


def sign(sim: LoopbackSigstore, version: int, token: str | None = None) -> Bundle:
    context = SigningContext.from_trust_config(config_of(sim, version))
    with context.signer(IdentityToken(token or sim.oidc.token())) as signer:
        return signer.sign_dsse(Statement(STATEMENT))


def verify(sim: LoopbackSigstore, bundle: Bundle, rule: Any = None) -> bytes:
    verifier = Verifier(trusted_root=config_of(sim, 1).trusted_root)
    person = policy.Identity(identity=sim.oidc.person, issuer=sim.oidc.url)
    return verifier.verify_dsse(Bundle.from_json(bundle.to_json()), rule or person)[1]


@pytest.mark.parametrize("version", VERSIONS)
def test_sigstore_python_signs_and_verifies_statements(sim: LoopbackSigstore, version: int) -> None:
    for _ in range(4):
        assert verify(sim, sign(sim, version)) == STATEMENT


@pytest.mark.parametrize("version", VERSIONS)
def test_sigstore_python_signs_and_verifies_artifacts(sim: LoopbackSigstore, version: int) -> None:
    config = config_of(sim, version)
    with SigningContext.from_trust_config(config).signer(IdentityToken(sim.oidc.token())) as signer:
        bundle = signer.sign_artifact(b"weights")
    person = policy.Identity(identity=sim.oidc.person, issuer=sim.oidc.url)
    verifier = Verifier(trusted_root=config.trusted_root)
    verifier.verify_artifact(b"weights", bundle, person)
    with pytest.raises(VerificationError):
        verifier.verify_artifact(b"other weights", bundle, person)


@pytest.mark.parametrize(
    ("service", "lie", "version"),
    [
        ("rekor", "wrong entry", 1),
        ("rekor", "wrong entry", 2),
        ("rekor", "wrong root", 1),
        ("rekor", "wrong root", 2),
        ("rekor", "wrong checkpoint", 1),
        ("rekor", "wrong checkpoint", 2),
        ("rekor", "wrong SET", 1),
        ("tsa", "stale", 2),
        ("tsa", "wrong imprint", 2),
        ("tsa", "another authority", 2),
    ],
)
def test_lies_are_lies_to_sigstore_python_too(
    sim: LoopbackSigstore, service: str, lie: str, version: int
) -> None:
    sim.faults[service] = Fault.lie(lie)
    with pytest.raises((VerificationError, ValueError)):
        verify(sim, sign(sim, version))


@pytest.mark.parametrize("lie", ["no SCT", "wrong SCT", "expired certificate"])
def test_a_lying_certificate_authority_is_refused(sim: LoopbackSigstore, lie: str) -> None:
    sim.faults["fulcio"] = Fault.lie(lie)
    with pytest.raises(Exception, match=r"timestamp|SCT|^$"):
        verify(sim, sign(sim, 2))


def test_a_person_is_not_another_person(sim: LoopbackSigstore) -> None:
    mallory = policy.Identity(identity="mallory@example.com", issuer=sim.oidc.url)
    with pytest.raises(VerificationError):
        verify(sim, sign(sim, 2), mallory)


def test_the_certificate_says_all_that_a_github_token_says(sim: LoopbackSigstore) -> None:
    bundle = sign(sim, 2, sim.oidc.token(github_claims()))
    workflow = "https://github.com/acme/models/.github/workflows/release.yml@refs/heads/main"
    verify(
        sim,
        bundle,
        policy.AllOf(
            [
                policy.Identity(identity=workflow, issuer=GITHUB_ISSUER),
                policy.OIDCIssuerV2(GITHUB_ISSUER),
                policy.GitHubWorkflowRepository("acme/models"),
                policy.OIDCSourceRepositoryURI("https://github.com/acme/models"),
                policy.OIDCSourceRepositoryOwnerURI("https://github.com/acme"),
                policy.OIDCRunnerEnvironment("github-hosted"),
                policy.OIDCBuildSignerURI(workflow),
                policy.OIDCBuildTrigger("push"),
                policy.OIDCSourceRepositoryVisibility("public"),
            ]
        ),
    )
    known = {extension.oid.dotted_string for extension in bundle.signing_certificate.extensions}
    assert {f"1.3.6.1.4.1.57264.1.{n}" for n in [*range(1, 7), *range(8, 23)]} <= known


def test_the_certificate_says_all_that_a_gitlab_token_says(sim: LoopbackSigstore) -> None:
    bundle = sign(sim, 2, sim.oidc.token(gitlab_claims()))
    config = "https://gitlab.com/acme/models//.gitlab-ci.yml@refs/heads/main"
    verify(sim, bundle, policy.Identity(identity=config, issuer=GITLAB_ISSUER))
    name = bundle.signing_certificate.extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert name.critical
    assert [one.value for one in name.value] == [config]


def test_a_token_of_somebody_elses_key_gets_no_certificate(sim: LoopbackSigstore) -> None:
    with LoopbackSigstore.running() as other:
        forged = other.oidc.token(iss=sim.oidc.url)
    with pytest.raises(FulcioClientError) as refused:
        sign(sim, 2, forged)
    cause = refused.value.__cause__
    assert isinstance(cause, requests.HTTPError)
    assert cause.response is not None
    assert "Signature verification failed" in cause.response.text


@pytest.mark.parametrize("version", VERSIONS)
def test_a_signature_of_last_year_verifies_today(sim: LoopbackSigstore, version: int) -> None:
    sim.clock.shift(timedelta(days=-365))
    bundle = Bundle.from_json(sign_statement(sim, STATEMENT, version=version))
    assert verify(sim, bundle) == STATEMENT


def test_trust_comes_by_tuf_and_is_refreshed(sim: LoopbackSigstore, tmp_path: Path) -> None:
    root = sim.write(tmp_path)["tuf_root"]
    config = ClientTrustConfig.from_tuf(sim.tuf_url, bootstrap_root=root)
    assert config.signing_config.get_oidc_url() == sim.oidc.url
    newer = {
        **sim.targets(),
        "signing_config.v0.2.json": json.dumps(sim.signing_config((1,))).encode(),
    }
    sim.tuf.publish(newer)
    again = ClientTrustConfig.from_tuf(sim.tuf_url, bootstrap_root=root)
    assert len(again.signing_config.get_tlogs()) == 1
    assert "v1" in str(vars(again.signing_config.get_tlogs()[0])["url"])


def test_a_tuf_target_that_was_changed_is_refused(sim: LoopbackSigstore, tmp_path: Path) -> None:
    root = sim.write(tmp_path)["tuf_root"]
    sim.faults["tuf"] = Fault.lie("wrong target")
    with pytest.raises(TUFError):
        ClientTrustConfig.from_tuf(sim.tuf_url, bootstrap_root=root)


def test_the_root_of_another_repository_is_refused(sim: LoopbackSigstore, tmp_path: Path) -> None:
    with LoopbackSigstore.running() as other:
        root = other.write(tmp_path)["tuf_root"]
    with pytest.raises(TUFError):
        ClientTrustConfig.from_tuf(sim.tuf_url, bootstrap_root=root)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 31])
def test_both_merkle_trees_agree(size: int) -> None:
    tree = MerkleTree()
    for leaf in range(size):
        tree.append(b"%d" % leaf)
    for index in range(size):
        check_inclusion(tree.leaves[index], index, size, tree.proof(index), tree.root())

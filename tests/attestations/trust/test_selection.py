"""From what a caller names to trust: complete, without contradiction, and never by default."""

from pathlib import Path

import pytest

from tests.attestations.signers.parties import Chain, write_pem
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.sigstore.identity import IdentityRule
from weightmark.attestations.trust.github import github_rule
from weightmark.attestations.trust.identities import IdentityAnchor
from weightmark.attestations.trust.selection import TrustChoice
from weightmark.errors import CallError

ISSUER = "https://idp.example.com"
KEY = PrivateKey.generate()


def test_naming_nobody_trusts_nobody(tmp_path: Path) -> None:
    assert TrustChoice().load(tmp_path) is None
    assert TrustChoice(staging=True).load(tmp_path) is None
    assert TrustChoice().is_empty


@pytest.mark.parametrize(
    "choice",
    [
        TrustChoice(identities=("a@b",)),
        TrustChoice(identity_regexes=(".*",)),
        TrustChoice(issuer=ISSUER),
        TrustChoice(cert_san="a@b"),
        TrustChoice(cert_any=True),
        TrustChoice(identities=("a@b",), issuer=ISSUER, staging=True, trusted_root="x"),
        TrustChoice(keys=("sha256:" + "0" * 64,)),
        TrustChoice(keys=("no-such-file.pub",)),
        TrustChoice(cert_chains=("no-such-file.pem",), cert_any=True),
        TrustChoice(trust=("no-such-name",)),
        TrustChoice(trust=("./no-such-file.toml",)),
        TrustChoice(identities=("a@b",), issuer=ISSUER, trusted_root="no-such.json"),
        TrustChoice(signer_workflow="a/b/.github/workflows/c.yml"),
        TrustChoice(repository="a"),
        TrustChoice(repository="a/b/c"),
        TrustChoice(repository="a/b", owner="c"),
        TrustChoice(owner="a/b"),
    ],
    ids=str,
)
def test_what_is_incomplete_or_contradicts_itself_is_a_wrong_call(
    tmp_path: Path, choice: TrustChoice
) -> None:
    with pytest.raises(CallError):
        choice.load(tmp_path)


def test_a_chain_without_a_holder_is_a_wrong_call(tmp_path: Path) -> None:
    ca = write_pem(tmp_path / "ca.pem", Chain().root)
    with pytest.raises(CallError, match="not for whom"):
        TrustChoice(cert_chains=(ca,)).load(tmp_path)
    assert TrustChoice(cert_chains=(ca,), cert_any=True).load(tmp_path)


def test_a_fingerprint_picks_a_key_of_a_trust_file_and_no_other(tmp_path: Path) -> None:
    other = PrivateKey.generate()
    entries = "".join(
        f"[keys.k{number}]\npem = '''\n{key.public.pem.decode()}'''\n"
        for number, key in enumerate((KEY, other))
    )
    (tmp_path / "acme.toml").write_text(f"version = 1\n{entries}")
    whole = TrustChoice(trust=("acme",)).load(tmp_path)
    picked = TrustChoice(trust=("acme",), keys=(f"sha256:{KEY.public.fingerprint}",)).load(tmp_path)
    assert whole is not None
    assert picked is not None
    assert len(whole.anchors) == 2
    assert picked.names == (KEY.public.identity,)


def rule_of(**said: str) -> IdentityRule:
    trust = TrustChoice(**said).load(Path())  # type: ignore[arg-type] # texts only
    assert trust is not None
    (anchor,) = trust.anchors
    assert isinstance(anchor, IdentityAnchor)
    return anchor.rule


def test_a_repository_means_its_own_workflows_and_builds() -> None:
    rule = rule_of(repository="acme/models")
    workflow = "https://github.com/acme/models/.github/workflows/release.yml@refs/tags/v1"
    assert rule.pattern.fits(workflow)
    assert rule.issuer == "https://token.actions.githubusercontent.com"
    assert dict(rule.extensions) == {"source-repository": "https://github.com/acme/models"}
    for other in (
        workflow.replace("acme/models", "acme/models2"),
        workflow.replace("acme/models", "evil/acme/models"),
        workflow.replace("github.com", "github.com.evil"),
        workflow.replace("acme/models", "acmeXmodels"),
        f"x{workflow}",
        f"https://evil/?{workflow}",
    ):
        assert not rule.pattern.fits(other), other


def test_an_owner_means_all_of_its_repositories_and_nobody_elses() -> None:
    rule = rule_of(owner="acme")
    assert rule.pattern.fits("https://github.com/acme/x/.github/workflows/r.yml@refs/heads/m")
    assert not rule.pattern.fits("https://github.com/acme-evil/x/w.yml@refs/heads/m")
    assert dict(rule.extensions) == {"source-repository-owner": "https://github.com/acme"}


def test_a_signer_workflow_is_that_workflow_for_that_repository() -> None:
    path = "shared/ci/.github/workflows/sign.yml"
    rule = github_rule(repository="acme/models", workflow=path)
    assert rule.pattern.fits(f"https://github.com/{path}@refs/heads/main")
    assert not rule.pattern.fits("https://github.com/acme/models/w.yml@refs/heads/main")
    pinned = github_rule(repository="acme/models", workflow=f"{path}@refs/tags/v1")
    assert pinned.pattern.fits(f"https://github.com/{path}@refs/tags/v1")
    assert not pinned.pattern.fits(f"https://github.com/{path}@refs/tags/v10")
    with pytest.raises(CallError):
        github_rule(repository="acme/models", workflow="sign.yml")


def test_the_issuer_of_a_repository_can_be_another() -> None:
    assert rule_of(repository="a/b", issuer=ISSUER).issuer == ISSUER

"""Certificate chains as companies and public authorities make them: signed with, verified, and told apart from strangers."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as Use

from tests.attestations.forge import make_tree
from tests.attestations.signers.parties import write_pem
from tests.attestations.trust.makers import certified
from tests.attestations.trust.test_paths import HONEST, MIDDLE_KEY, REFUSED, certificate, root
from tests.sim.authority import key_usage
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.making.signing import SignOptions, sign_artifact
from weightmark.attestations.signers.certificate import CertificateSigner
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.certificates import CertificateAnchor, CertificateRule
from weightmark.attestations.verifying.verification import examine
from weightmark.errors import Exit, WrongSignerError

KEY = PrivateKey.generate()
LEAF = certificate(
    "leaf",
    KEY.key,  # type: ignore[arg-type] # a key on P-256, as the default is
    "middle",
    MIDDLE_KEY,
    (
        (key_usage(signing=True), True),
        (x509.ExtendedKeyUsage([Use.CODE_SIGNING]), False),
        (x509.SubjectAlternativeName([x509.DNSName("release.example.com")]), False),
    ),
)


def trust(above: x509.Certificate) -> Trust:
    rule = CertificateRule(name="release.example.com")
    return Trust.in_anchors([CertificateAnchor((above,), rule)])


@pytest.mark.parametrize("kind", HONEST)
def test_an_honest_chain_signs_and_verifies(tmp_path: Path, kind: str) -> None:
    between, above = HONEST[kind]
    leaf = write_pem(tmp_path / "leaf.pem", LEAF)
    chain = write_pem(tmp_path / "chain.pem", between, above)
    model = make_tree(tmp_path / "m")
    sign_artifact(model, CertificateSigner.load(KEY, leaf, [chain]), SignOptions(scan=False))
    assert examine(model, trust(above)).report.exit is Exit.GOOD


@pytest.mark.parametrize("kind", REFUSED)
def test_an_authority_that_may_not_issue_is_refused_with_its_reason(kind: str) -> None:
    between, reason = REFUSED[kind]
    with pytest.raises(WrongSignerError) as caught:
        trust(root()).verify(certified(KEY, LEAF, between))
    assert reason.casefold() in caught.value.why.casefold()

"""Paths: authorities as companies make them, and authorities that may not issue for code."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Use

from tests.sim.authority import key_usage
from weightmark.attestations.keys.certificates import has_issued
from weightmark.attestations.trust.paths import why_no_path

NOW = datetime.now(UTC)
ROOT_KEY, MIDDLE_KEY, LEAF_KEY = (ec.derive_private_key(n, ec.SECP256R1()) for n in (3, 5, 7))
Extensions = tuple[tuple[x509.ExtensionType, bool], ...]
ISSUER: Extensions = (
    (x509.BasicConstraints(ca=True, path_length=None), True),
    (key_usage(certificates=True), True),
)
POLICIES = x509.CertificatePolicies(
    [x509.PolicyInformation(x509.ObjectIdentifier("1.2.3.4"), None)]
)


def certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    extensions: Extensions = ISSUER,
) -> x509.Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, text)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=9))
        .not_valid_after(NOW + timedelta(days=9))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer_key, hashes.SHA256())


def root(*more: tuple[x509.ExtensionType, bool], base: Extensions = ISSUER) -> x509.Certificate:
    return certificate("root", ROOT_KEY, "root", ROOT_KEY, (*base, *more))


def middle(*more: tuple[x509.ExtensionType, bool], base: Extensions = ISSUER) -> x509.Certificate:
    return certificate("middle", MIDDLE_KEY, "root", ROOT_KEY, (*base, *more))


LEAF = certificate(
    "leaf",
    LEAF_KEY,
    "middle",
    MIDDLE_KEY,
    (
        (key_usage(signing=True), True),
        (x509.ExtendedKeyUsage([Use.CODE_SIGNING]), False),
        (x509.SubjectAlternativeName([x509.DNSName("release.example.com")]), False),
    ),
)
LOOSE: Extensions = ((x509.BasicConstraints(ca=True, path_length=None), False), ISSUER[1])

HONEST = {
    "plain": (middle(), root()),
    "an intermediate for code signing, as public authorities have": (
        middle((x509.ExtendedKeyUsage([Use.CODE_SIGNING]), False)),
        root(),
    ),
    "an intermediate for any use": (
        middle((x509.ExtendedKeyUsage([Use.ANY_EXTENDED_KEY_USAGE]), False)),
        root(),
    ),
    "an intermediate whose basic constraints are not critical": (middle(base=LOOSE), root()),
    "a root whose basic constraints are not critical": (middle(), root(base=LOOSE)),
    "policies that are not critical": (middle((POLICIES, False)), root()),
}
REFUSED = {
    "for the web only": (
        middle((x509.ExtendedKeyUsage([Use.SERVER_AUTH, Use.CLIENT_AUTH]), False)),
        "lacks codeSigning",
    ),
    "critical policies, which nobody judges here": (middle((POLICIES, True)), "critical"),
    "no authority": (
        middle(base=((x509.BasicConstraints(ca=False, path_length=None), True), ISSUER[1])),
        "basicConstraints",
    ),
    "no basic constraints": (middle(base=ISSUER[1:]), ""),
    "may not sign certificates": (
        middle(base=(ISSUER[0], (key_usage(signing=True), True))),
        "keyCertSign",
    ),
    "no key usage, and not named": (middle(base=ISSUER[:1]), "no key usage"),
    "for other names": (
        middle((x509.NameConstraints([x509.DNSName("other.example")], None), True)),
        "",
    ),
    "an extension that nobody knows": (
        middle((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0"), True)),
        "critical",
    ),
}


@pytest.mark.parametrize("kind", HONEST)
def test_an_honest_chain_leads_to_its_root(kind: str) -> None:
    between, above = HONEST[kind]
    assert not why_no_path(LEAF, [between], [above], NOW)
    assert why_no_path(LEAF, [between], [above], NOW + timedelta(days=10)), "and not for ever"


@pytest.mark.parametrize("kind", REFUSED)
def test_an_authority_that_may_not_issue_this_signer_leads_nowhere_and_is_told(kind: str) -> None:
    between, reason = REFUSED[kind]
    said = why_no_path(LEAF, [between], [root()], NOW)
    assert said
    assert reason in said


def test_a_path_is_no_longer_than_its_root_allows() -> None:
    short = ((x509.BasicConstraints(ca=True, path_length=0), True), ISSUER[1])
    assert why_no_path(LEAF, [middle()], [root(base=short)], NOW)
    assert not why_no_path(LEAF, [middle(base=short)], [root()], NOW)


def test_a_root_for_the_web_issues_nobody_who_signs_models() -> None:
    web = root((x509.ExtendedKeyUsage([Use.SERVER_AUTH]), False))
    assert "lacks codeSigning" in why_no_path(LEAF, [middle()], [web], NOW)


def test_the_issuer_is_known_by_its_signature_and_not_by_its_name() -> None:
    forged = certificate("root", LEAF_KEY, "root", LEAF_KEY)
    assert why_no_path(LEAF, [middle()], [forged], NOW)


def test_an_authority_with_a_huge_rsa_exponent_issues_nothing_and_costs_nothing() -> None:
    """Anybody can bring such authorities by the dozen, and each check of a signature would take 9 ms."""
    honest = rsa.generate_private_key(65537, 2048)
    modulus = honest.public_key().public_numbers().n

    def issued(public: rsa.RSAPublicKey) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "root")])
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
        builder = builder.public_key(public).serial_number(7).not_valid_before(NOW)
        return builder.not_valid_after(NOW + timedelta(days=1)).sign(honest, hashes.SHA256())

    plain = issued(honest.public_key())
    assert has_issued(plain, plain)
    # by Euler's theorem this exponent verifies the same signatures, in thousands of times the time
    primes = honest.private_numbers()
    order = (primes.p - 1) * (primes.q - 1)
    equal = issued(rsa.RSAPublicNumbers(65537 + order, modulus).public_key())
    assert not has_issued(equal, plain)

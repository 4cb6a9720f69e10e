"""Certificates: under whose authority, for whom, for what use, when; attacks 15 to 19 on model signatures."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.attestations.signers.parties import Chain
from tests.attestations.trust.makers import Stamps, by_chain, certified, signed
from tests.sim.authority import key_usage
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.material import CertificateChain
from weightmark.attestations.identities import SignerKind
from weightmark.attestations.keys import PrivateKey, PublicKey
from weightmark.attestations.trust import Trust, VerifiedBundle
from weightmark.attestations.trust.certificates import (
    CertificateAnchor,
    CertificateRule,
    load_certificates,
)
from weightmark.attestations.trust.validity import Validity
from weightmark.errors import (
    CallError,
    CertificateRefusedError,
    ExpiredError,
    LimitError,
    MalformedError,
    RevokedError,
    TamperedError,
    TrustMissingError,
    UnsupportedError,
    WeightmarkError,
    WrongSignerError,
)

KEY = PrivateKey.generate("ecdsa-p384")
ANYBODY = CertificateRule(anybody=True)
SIGNER = CertificateRule(name="release@example.com")


@cache
def chain() -> Chain:
    return Chain()


def judged(
    bundle: Bundle,
    rule: CertificateRule = SIGNER,
    *,
    roots: tuple[x509.Certificate, ...] = (),
    now: datetime | None = None,
    stamps: Stamps | None = None,
) -> VerifiedBundle:
    anchor = CertificateAnchor(roots or (chain().root,), rule)
    if stamps:
        anchor = replace(anchor, clocks=stamps.clocks())
    return Trust((anchor,)).verify(bundle, now=now)


def good(**how: object) -> Bundle:
    return by_chain(chain(), KEY, chain().leaf(KEY, **how))  # type: ignore[arg-type] # as `leaf` takes them


def test_a_signature_under_the_root_names_its_holder_and_certificate() -> None:
    verified = judged(good())
    assert verified.signer.kind is SignerKind.CERTIFICATE
    assert verified.signer.subject == "release@example.com"
    assert verified.signer.fingerprint == KEY.public.fingerprint
    assert verified.certificate is not None
    assert verified.certificate.issuer == "CN=middle"
    assert verified.time is None


def test_an_intermediate_alone_is_an_anchor() -> None:
    judged(good(), roots=(chain().middle,))
    judged(certified(KEY, chain().leaf(KEY)), roots=(chain().middle,))


def test_without_the_intermediate_no_path_leads_to_the_root() -> None:
    with pytest.raises(WrongSignerError, match="another authority"):
        judged(certified(KEY, chain().leaf(KEY)))


def test_a_root_of_the_same_name_is_another_authority() -> None:
    with pytest.raises(WrongSignerError):
        judged(good(), roots=(Chain().root,))


def test_the_attackers_root_in_the_bundle_is_no_anchor() -> None:
    theirs = Chain()
    bundle = certified(KEY, theirs.leaf(KEY), theirs.middle, theirs.root)
    with pytest.raises(WrongSignerError):
        judged(bundle)


def test_a_leaf_that_issues_leaves_is_no_authority() -> None:
    middle = chain().leaf(KEY, usage=key_usage(signing=True, certificates=True))
    mallory = PrivateKey.generate()
    leaf = (
        x509.CertificateBuilder()
        .subject_name(middle.subject)
        .issuer_name(middle.subject)
        .public_key(mallory.public.key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(chain().now - timedelta(days=1))
        .not_valid_after(chain().now + timedelta(days=1))
        .add_extension(key_usage(signing=True), critical=True)
        .sign(KEY.key, hashes.SHA256())
    )
    with pytest.raises(WrongSignerError):
        judged(certified(mallory, leaf, middle, chain().middle), ANYBODY)


@pytest.mark.parametrize(
    "rule",
    [
        CertificateRule(name="mallory@example.com"),
        CertificateRule(name="release@example.co"),
        CertificateRule(name="Release@example.com"),
        CertificateRule(subject="CN=mallory"),
        CertificateRule(subject="release"),
        CertificateRule(fingerprint="0" * 64),
        CertificateRule(name="release@example.com", fingerprint="0" * 64),
    ],
)
def test_attack_17_another_leaf_of_the_same_authority_is_somebody_else(
    rule: CertificateRule,
) -> None:
    with pytest.raises(WrongSignerError, match="another certificate"):
        judged(good(), rule)


def test_a_certificate_is_named_by_subject_common_name_or_fingerprint() -> None:
    leaf = chain().leaf(KEY)
    bundle = by_chain(chain(), KEY, leaf)
    fingerprint = leaf.fingerprint(hashes.SHA256()).hex()
    for said in (
        {"subject": "CN=release@example.com"},
        {"subject": "release@example.com"},
        {"fingerprint": fingerprint},
        {"fingerprint": "SHA256:" + fingerprint.upper()},
        {"fingerprint": ":".join(fingerprint[i : i + 2] for i in range(0, 64, 2))},
        {"anybody": True},
    ):
        judged(bundle, CertificateRule.parse(**said))


@pytest.mark.parametrize(
    "said", [{}, {"fingerprint": "abc"}, {"subject": "x", "anybody": True}], ids=str
)
def test_attack_17_an_authority_without_a_holder_is_a_wrong_call(said: dict[str, str]) -> None:
    with pytest.raises(CallError):
        CertificateRule.parse(**said)  # type: ignore[arg-type] # what callers get wrong


def test_attack_15_an_expired_certificate_could_not_be_checked() -> None:
    late = chain().now + timedelta(days=31)
    with pytest.raises(ExpiredError, match="past its time"):
        judged(good(), now=late)
    with pytest.raises(ExpiredError):
        judged(good(), now=chain().now + timedelta(days=2000)), "the whole chain"


def test_attack_15_a_certificate_that_is_not_valid_yet_is_refused() -> None:
    with pytest.raises(CertificateRefusedError, match="not valid yet"):
        judged(good(days=(5, 30)))


def test_a_verified_timestamp_keeps_a_signature_good_after_the_certificate_ended() -> None:
    stamps = Stamps()
    bundle = good()
    stamped = replace(bundle, timestamps=(stamps.over(bundle.envelope.signature),))
    late = chain().now + timedelta(days=400)
    verified = judged(stamped, now=late, stamps=stamps)
    assert verified.time is not None
    assert verified.time.clock.startswith("timestamp ")
    with pytest.raises(ExpiredError):
        judged(stamped, now=late), "nobody trusts the authority"


def test_attack_21_a_timestamp_by_an_unknown_authority_moves_no_clock() -> None:
    bundle = good()
    forged = Stamps().over(bundle.envelope.signature, chain().now)
    stamped = replace(bundle, timestamps=(forged,))
    with pytest.raises(ExpiredError):
        judged(stamped, now=chain().now + timedelta(days=60), stamps=Stamps())


def test_a_timestamp_after_the_certificate_ended_is_a_refusal() -> None:
    stamps = Stamps()
    bundle = good()
    late = chain().now + timedelta(days=40)
    stamped = replace(bundle, timestamps=(stamps.over(bundle.envelope.signature, late),))
    with pytest.raises(CertificateRefusedError, match="outside"):
        judged(stamped, now=late + timedelta(days=1), stamps=stamps)


def test_a_timestamp_over_another_signature_is_refused() -> None:
    stamps = Stamps()
    stamped = replace(good(), timestamps=(stamps.over(b"another signature"),))
    with pytest.raises(WeightmarkError, match="another signature"):
        judged(stamped, stamps=stamps)


USES = {
    "a web server": (key_usage(signing=True), (ExtendedKeyUsageOID.SERVER_AUTH,)),
    "mail": (key_usage(signing=True), (ExtendedKeyUsageOID.EMAIL_PROTECTION,)),
    "anything": (key_usage(signing=True), (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)),
    "issuing": (key_usage(certificates=True), (ExtendedKeyUsageOID.CODE_SIGNING,)),
    "nothing said": (None, None),
}


@pytest.mark.parametrize("use", USES)
def test_attack_16_a_certificate_for_another_use_does_not_sign_models(use: str) -> None:
    usage, extended = USES[use]
    with pytest.raises(CertificateRefusedError, match="may not sign"):
        judged(good(usage=usage, extended=extended), ANYBODY)


@pytest.mark.parametrize(
    ("usage", "extended"),
    [
        (key_usage(signing=True), None),
        (None, (ExtendedKeyUsageOID.CODE_SIGNING,)),
    ],
)
def test_either_use_alone_suffices(
    usage: x509.KeyUsage | None, extended: tuple[x509.ObjectIdentifier, ...] | None
) -> None:
    judged(good(usage=usage, extended=extended))


def leaf_of(key: object) -> x509.Certificate:
    """Issue a certificate for any key at all."""
    public = key.public_key()  # type: ignore[attr-defined] # a private key of the library
    held = PrivateKey(key, "")  # type: ignore[arg-type] # only its public half is taken
    assert public is not None
    return chain().leaf(held)


def test_attack_19_a_curve_outside_of_the_registry_is_refused() -> None:
    from weightmark.attestations.bundles.dsse import Envelope

    key = ec.generate_private_key(ec.SECP256K1())
    plain = signed(KEY).envelope
    signature = key.sign(plain.pae, ec.ECDSA(hashes.SHA256()))
    material = tuple(one.public_bytes(Encoding.DER) for one in (leaf_of(key), chain().middle))
    bundle = Bundle(
        CertificateChain(material, single=False),
        Envelope(plain.payload_type, plain.payload, signature),
    )
    with pytest.raises(CertificateRefusedError, match="of a kind"):
        judged(bundle)


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_leaves_with_ed25519_and_rsa_keys_verify(kind: str) -> None:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    from weightmark.attestations.bundles.dsse import Envelope

    plain = signed(KEY).envelope
    if kind == "rsa":
        large = rsa.generate_private_key(65537, 2048)
        leaf, signature = leaf_of(large), large.sign(plain.pae, PKCS1v15(), hashes.SHA256())
    else:
        small = ed25519.Ed25519PrivateKey.generate()
        leaf, signature = leaf_of(small), small.sign(plain.pae)
    material = tuple(one.public_bytes(Encoding.DER) for one in (leaf, chain().middle))
    bundle = Bundle(
        CertificateChain(material, single=False),
        Envelope(plain.payload_type, plain.payload, signature),
    )
    assert judged(bundle).signer.kind is SignerKind.CERTIFICATE


def test_a_signature_by_another_key_under_a_good_certificate_is_tampering() -> None:
    stranger = PrivateKey.generate("ecdsa-p384")
    with pytest.raises(TamperedError):
        judged(by_chain(chain(), stranger, chain().leaf(KEY)))


def test_a_bare_key_is_no_certificate_and_a_certificate_no_bare_key() -> None:
    with pytest.raises(WrongSignerError):
        judged(signed(KEY))
    with pytest.raises(WrongSignerError):
        Trust.in_keys([KEY.public]).verify(good())


@pytest.mark.parametrize("junk", [b"", b"junk", b"\x30\x82\xff\xff"])
def test_what_is_no_certificate_is_malformed_and_no_crash(junk: bytes) -> None:
    with pytest.raises(MalformedError):
        judged(signed(KEY, CertificateChain((junk or b"\x00",), single=False)))


def test_every_flipped_byte_of_a_leaf_is_refused_without_a_crash() -> None:
    leaf = chain().leaf(KEY).public_bytes(Encoding.DER)
    middle = chain().middle.public_bytes(Encoding.DER)
    for place in range(0, len(leaf), 3):
        forged = bytearray(leaf)
        forged[place] ^= 0x01
        bundle = signed(KEY, CertificateChain((bytes(forged), middle), single=False))
        with pytest.raises(WeightmarkError):
            judged(bundle)


def test_attack_18_a_list_of_web_authorities_is_no_anchor() -> None:
    pem = chain().root.public_bytes(Encoding.PEM) * 101
    with pytest.raises(TrustMissingError, match="over 100"):
        load_certificates(pem, "it")
    with pytest.raises(TrustMissingError):
        load_certificates(b"nothing", "it")


def test_an_authority_of_an_unsupported_kind_could_not_be_checked() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    name = chain().middle.subject
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
    root = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, None)
    )
    with pytest.raises(UnsupportedError):
        judged(good(), roots=(root,))


def test_the_certificates_key_is_named_by_its_own_fingerprint() -> None:
    leaf = chain().leaf(KEY)
    public = PublicKey.of(leaf.public_key(), "it", in_certificate=True)
    assert judged(by_chain(chain(), KEY, leaf)).signer.fingerprint == public.fingerprint


def authority(
    name: str, issuer: str, key: ec.EllipticCurvePrivateKey, *, ca: bool = True
) -> x509.Certificate:
    """Issue an authority as `openssl req -x509` does: without a key usage."""

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, text)])

    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(chain().now - timedelta(days=100))
        .not_valid_after(chain().now + timedelta(days=1000))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def test_a_named_root_without_a_key_usage_may_issue() -> None:
    root = authority("root", "root", chain().root_key)
    judged(good(), roots=(root,))


def test_a_named_root_that_is_no_authority_may_not_issue_and_is_told() -> None:
    root = authority("root", "root", chain().root_key, ca=False)
    with pytest.raises(WrongSignerError) as caught:
        judged(good(), roots=(root,))
    assert "CA:TRUE" in caught.value.why


def test_an_intermediate_without_a_key_usage_is_no_authority_unless_it_is_named() -> None:
    middle = (
        x509.CertificateBuilder()
        .subject_name(chain().middle.subject)
        .issuer_name(chain().root.subject)
        .public_key(chain().middle_key.public_key())
        .serial_number(7)
        .not_valid_before(chain().now - timedelta(days=100))
        .not_valid_after(chain().now + timedelta(days=100))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(chain().root_key.public_key()),
            critical=False,
        )
        .sign(chain().root_key, hashes.SHA256())
    )
    bundle = certified(KEY, chain().leaf(KEY), middle)
    with pytest.raises(WrongSignerError, match="another authority"):
        judged(bundle)
    judged(bundle, roots=(middle,))


def test_authorities_that_vouch_for_each_other_in_a_circle_are_bounded() -> None:
    key = ec.derive_private_key(7, ec.SECP256R1())
    crossed = [
        (
            x509.CertificateBuilder()
            .subject_name(chain().middle.subject)
            .issuer_name(chain().middle.subject)
            .public_key(key.public_key())
            .serial_number(serial + 1)
            .not_valid_before(chain().now - timedelta(days=serial + 1))
            .not_valid_after(chain().now + timedelta(days=serial + 1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(key_usage(certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        for serial in range(14)
    ]
    with pytest.raises(WrongSignerError):
        judged(certified(KEY, chain().leaf(KEY), *crossed)), "none of them issued the leaf"
    leaf = (
        x509.CertificateBuilder()
        .subject_name(chain().leaf(KEY).subject)
        .issuer_name(chain().middle.subject)
        .public_key(KEY.public.key)
        .serial_number(99)
        .not_valid_before(chain().now - timedelta(days=1))
        .not_valid_after(chain().now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    with pytest.raises(LimitError, match="ways"):
        judged(certified(KEY, leaf, *crossed))


@pytest.mark.parametrize("narrow_first", [True, False])
def test_a_revoked_holder_is_not_saved_by_trust_in_everybody(narrow_first: bool) -> None:
    revoked = CertificateAnchor(
        (chain().root,), SIGNER, Validity(revoked=datetime(2020, 1, 1, tzinfo=UTC))
    )
    anybody = CertificateAnchor((chain().root,), ANYBODY)
    anchors = (revoked, anybody) if narrow_first else (anybody, revoked)
    with pytest.raises(RevokedError):
        Trust(anchors).verify(good())

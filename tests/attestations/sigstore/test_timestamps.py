"""RFC 3161 timestamps: bound to one signature, by an authority that the caller knows, within its time."""

import base64
import contextlib
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import (
    Certificate,
    CertificateBuilder,
    ExtendedKeyUsage,
    ObjectIdentifier,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.sigstore.cases import Case
from tests.attestations.trust.makers import Stamps
from weightmark.attestations.bundles.bundle import Bundle, MessageSignature
from weightmark.attestations.sigstore.thresholds import Thresholds
from weightmark.attestations.sigstore.timestamps import authorities_from_pem, verify_timestamp
from weightmark.attestations.sigstore.trusted_root import Authority, TrustedRoot
from weightmark.errors import (
    MalformedError,
    ProofMissingError,
    ProofRefusedError,
    TrustMissingError,
    UnknownAuthorityError,
    UnsupportedError,
    WeightmarkError,
)

pytestmark = pytest.mark.needs("vectors")


@pytest.fixture(scope="module")
def case(vectors: Path) -> Case:
    return Case(vectors, "rekor2-happy-path")


def parts(case: Case) -> tuple[bytes, bytes, tuple[Authority, ...]]:
    bundle = Bundle.parse(case.bundle_bytes)
    assert isinstance(bundle.content, MessageSignature)
    return bundle.timestamps[0], bundle.content.signature, case.root.timestamp_authorities


def pem(*certificates: bytes) -> bytes:
    text = ""
    for one in certificates:
        body = base64.encodebytes(one).decode()
        text += f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"
    return text.encode()


def bare(token: bytes) -> bytes:
    """Return the TimeStampToken inside a TimeStampResp with a long-form header."""
    return token[4 + 5 :]


def test_a_timestamp_of_a_response_and_a_bare_one_are_the_same(case: Case) -> None:
    token, signature, authorities = parts(case)
    assert token[4:9] == bytes.fromhex("3003020100")
    whole = verify_timestamp(token, signature, authorities)
    assert verify_timestamp(bare(token), signature, authorities) == whole
    assert whole.clock == "timestamp timestamp.sigstage.dev"


def test_a_timestamp_of_another_signature_is_refused(case: Case) -> None:
    token, signature, authorities = parts(case)
    with pytest.raises(ProofRefusedError, match="about another signature") as caught:
        verify_timestamp(token, signature + b"x", authorities)
    assert caught.value.code == "proof-refused"


def test_a_timestamp_by_an_unknown_authority_can_not_be_judged(case: Case) -> None:
    token, signature, _ = parts(case)
    for others in ((), TrustedRoot.public_good().timestamp_authorities):
        with pytest.raises(UnknownAuthorityError):
            verify_timestamp(token, signature, others)


def test_an_authority_may_be_named_by_its_chain_in_any_order(case: Case) -> None:
    token, signature, authorities = parts(case)
    chain = authorities[0].chain
    for order in (chain, chain[::-1]):
        (named,) = authorities_from_pem(pem(*order), what="`tsa.pem`")
        assert named.chain == chain
        assert verify_timestamp(token, signature, [named]).at.tzinfo


def test_a_chain_that_does_not_lead_to_the_authority_is_refused(case: Case) -> None:
    token, signature, authorities = parts(case)
    other = TrustedRoot.public_good().timestamp_authorities[0].chain
    mixed = Authority("", (authorities[0].chain[0], *other[1:]), None)
    with pytest.raises((UnknownAuthorityError, ProofRefusedError)):
        verify_timestamp(token, signature, [mixed])


def test_a_file_without_certificates_is_no_authority() -> None:
    with pytest.raises(TrustMissingError, match=r"`tsa\.pem` holds no certificates"):
        authorities_from_pem(b"nonsense", what="`tsa.pem`")


def test_a_root_is_enough_when_the_timestamp_brings_its_certificate(case: Case) -> None:
    token, signature, authorities = parts(case)
    alone = Authority("", authorities[0].chain[-1:], None)
    assert verify_timestamp(token, signature, [alone]).at.tzinfo
    # In a trusted root the authority is its first certificate, and no other under the same root.
    listed = Authority("", authorities[0].chain[-1:], authorities[0].validity)
    with pytest.raises(UnknownAuthorityError):
        verify_timestamp(token, signature, [listed])


def lookalike(original: Certificate, *purposes: ObjectIdentifier, critical: bool = True) -> bytes:
    """Return a certificate of the same issuer and number with another key."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = CertificateBuilder(
        original.issuer,
        original.subject,
        key.public_key(),
        original.serial_number,
        original.not_valid_before_utc,
        original.not_valid_after_utc,
    )
    if purposes:
        builder = builder.add_extension(ExtendedKeyUsage(purposes), critical=critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("purposes", "critical", "why"),
    [
        ((), True, "not for timestamps"),
        ((ExtendedKeyUsageOID.CODE_SIGNING,), True, "not for timestamps"),
        ((ExtendedKeyUsageOID.TIME_STAMPING,), False, "not for timestamps"),
        (
            (ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING),
            True,
            "not for timestamps",
        ),
        ((ExtendedKeyUsageOID.TIME_STAMPING,), True, "is not good"),
    ],
)
def test_a_certificate_that_only_has_the_name_of_the_authority_makes_no_timestamp(
    case: Case, purposes: tuple[ObjectIdentifier, ...], critical: bool, why: str
) -> None:
    token, signature, authorities = parts(case)
    first = lookalike(authorities[0].certificates[0], *purposes, critical=critical)
    with pytest.raises(ProofRefusedError, match=why):
        verify_timestamp(token, signature, [Authority("", (first,), None)])


def test_every_flipped_byte_of_a_timestamp_is_refused_or_means_the_same(case: Case) -> None:
    token, signature, authorities = parts(case)
    whole = verify_timestamp(token, signature, authorities)
    survived = []
    for place in range(0, len(token), 3):
        flipped = bytearray(token)
        flipped[place] ^= 1 << (place % 8)
        with contextlib.suppress(
            MalformedError, ProofRefusedError, UnknownAuthorityError, UnsupportedError
        ):
            assert verify_timestamp(bytes(flipped), signature, authorities) == whole
            survived.append(place)
    assert len(survived) <= len(token) // 50, "only lists that nobody signs may change"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_timestamp_or_an_error(data: bytes) -> None:
    with contextlib.suppress(WeightmarkError):
        verify_timestamp(data, b"", ())


def without_log(case: Case) -> dict[str, Any]:
    document = case.document
    document["verificationMaterial"]["tlogEntries"] = []
    return document


def test_a_timestamp_alone_counts_only_for_an_instance_that_keeps_no_logs(case: Case) -> None:
    with pytest.raises(ProofMissingError, match="log entry is missing"):
        case.verify(without_log(case))
    github = Thresholds.timestamps_only()
    assert case.verify(without_log(case), thresholds=github).times
    lacking = without_log(case)
    del lacking["verificationMaterial"]["tlogEntries"]
    assert case.verify(lacking, thresholds=github).times


def test_a_timestamp_that_was_asked_for_and_is_missing_is_never_accepted(vectors: Path) -> None:
    case = Case(vectors, "happy-path-v0.3")
    case.verify()
    with pytest.raises(
        ProofMissingError, match="timestamp is missing: 1 asked for, 0 found"
    ) as caught:
        case.verify(thresholds=Thresholds(timestamps=1))
    assert caught.value.code == "proof-missing"


def test_the_same_timestamp_twice_counts_once(case: Case) -> None:
    document = case.document
    document["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"] *= 2
    case.verify(document)
    with pytest.raises(ProofMissingError):
        case.verify(document, thresholds=Thresholds(timestamps=2))


def test_a_token_with_any_bit_flipped_crashes_nothing_and_proves_no_other_time(case: Case) -> None:
    token, signature, authorities = parts(case)
    (at_first,) = {verify_timestamp(token, signature, authorities).at}
    for bit in range(0, len(token) * 8, 3):
        forged = bytearray(token)
        forged[bit // 8] ^= 1 << bit % 8
        with contextlib.suppress(WeightmarkError):
            assert verify_timestamp(bytes(forged), signature, authorities).at == at_first


def test_a_token_that_carries_its_certificates_crashes_nothing_when_bits_flip() -> None:
    stamps = Stamps()
    token = stamps.over(b"signature")
    named = authorities_from_pem(stamps.pem, what="it")
    verify_timestamp(token, b"signature", named)
    above = authorities_from_pem(pem(*named[0].chain[1:]), what="it")
    for bit in range(0, len(token) * 8, 3):
        forged = bytearray(token)
        forged[bit // 8] ^= 1 << bit % 8
        for authorities in (named, above):
            with contextlib.suppress(WeightmarkError):
                verify_timestamp(bytes(forged), b"signature", authorities)

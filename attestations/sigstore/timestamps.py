"""RFC 3161 timestamps: that a signature existed at a time, by the clock of an authority.

The chain of the authority is verified at that time, its certificate must be for timestamps only,
and the token must be about this very signature.
"""

import hashlib
import warnings
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from weightmark.attestations.identities import VerifiedTime
from weightmark.attestations.sigstore.chains import check_path, issuer_of, load_certificate, path_of
from weightmark.attestations.sigstore.time_ranges import moment
from weightmark.attestations.sigstore.trusted_root import Authority
from weightmark.errors import (
    MalformedError,
    ProofRefusedError,
    TrustMissingError,
    UncheckedError,
    UnknownAuthorityError,
    UnsupportedError,
    WeightmarkError,
)

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse

__all__ = ["authorities_from_pem", "verify_timestamp"]

_HASHES = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_GRANTED = bytes.fromhex("3003020100")
"""PKIStatusInfo of a response that grants a token"""
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_MAX_TOKEN = 256 * 1024
_LONG = 0x80


def verify_timestamp(
    token: bytes, signature: bytes, authorities: Sequence[Authority]
) -> VerifiedTime:
    """Verify one timestamp over `signature` and return its time.

    `token` is a DER `TimeStampResp` or a bare `TimeStampToken`. Raises `UnknownAuthorityError` when
    none of `authorities` made it, `ProofRefusedError` when it is not good or about something else,
    `ExpiredError` when the authority did not count then, `MalformedError` and `UnsupportedError`.
    """
    from cryptography.utils import CryptographyDeprecationWarning

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            return _verify(token, signature, authorities)
    except WeightmarkError:
        raise
    except Exception as error:
        # Libraries read tokens lazily, and say of a broken one whatever their parsers happen to raise.
        raise MalformedError("a timestamp can't be read", why=type(error).__name__) from error


def _verify(token: bytes, signature: bytes, authorities: Sequence[Authority]) -> VerifiedTime:
    response = _decode(token)
    _check_imprint(response, signature)
    at = response.tst_info.gen_time
    authority, leaf = _maker(response, authorities)
    clock = f"timestamp {authority.name}"
    _check_purpose(leaf)
    if not leaf.not_valid_before_utc <= at <= leaf.not_valid_after_utc:
        raise ProofRefusedError(
            "the timestamp is by a certificate that did not count then",
            why=f"it is valid until {moment(leaf.not_valid_after_utc)}, and the timestamp says {moment(at)}",
        )
    _check_signature(response, leaf, authority, at)
    above = [one for one in authority.certificates if one != leaf]
    path = path_of(leaf, above) if above else ()
    if above and not path:
        raise UnknownAuthorityError("the timestamp's certificate does not lead to its authority")
    check_path(path, at)
    if authority.validity:
        authority.validity.check(at, f"the timestamp authority `{authority.name}`")
    return VerifiedTime(at, clock)


def authorities_from_pem(data: bytes, *, what: str) -> tuple[Authority, ...]:
    """Read the certificates of one authority, in any order; raises `TrustMissingError`.

    The signing certificate may be missing when timestamps carry it.
    """
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.utils import CryptographyDeprecationWarning
    from cryptography.x509 import load_pem_x509_certificates

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            ordered = _from_leaf_to_root(load_pem_x509_certificates(data))
            chain = tuple(one.public_bytes(Encoding.DER) for one in ordered)
    except Exception as error:
        # Names are parsed lazily, so that a certificate may break only when it is put in order.
        raise TrustMissingError(
            f"{what} holds no certificates in PEM form, or one that can't be read"
        ) from error
    return (Authority("", chain, None),)


def _from_leaf_to_root(found: Iterable["Certificate"]) -> list["Certificate"]:
    """Put issuers behind what they issued."""
    rest = list(found)
    ordered: list[Certificate] = []
    while rest:
        issuers = {one.issuer for one in rest if one.issuer != one.subject}
        lowest = next((one for one in rest if one.subject not in issuers), rest[0])
        rest.remove(lowest)
        ordered.append(lowest)
    return ordered


def _decode(token: bytes) -> "TimeStampResponse":
    from rfc3161_client import decode_timestamp_response

    if len(token) > _MAX_TOKEN:
        raise UncheckedError(f"a timestamp is over {_MAX_TOKEN} bytes")
    if _SIGNED_DATA in token[:20] and _GRANTED not in token[:12]:
        token = _in_sequence(_GRANTED + token)
    try:
        response = decode_timestamp_response(token)
        granted, signers = response.status, len(response.signed_data.signer_infos)
        if granted == 0 and signers == 1 and response.tst_info.gen_time.tzinfo:
            return response
    except Exception as error:
        if "InvalidSetOrdering" in str(error):
            raise UnsupportedError("a timestamp is not in the strict DER form") from error
        raise MalformedError("a timestamp can't be read") from error
    raise MalformedError("a timestamp was not granted, or is not signed exactly once")


def _in_sequence(content: bytes) -> bytes:
    size = len(content)
    if size < _LONG:
        return bytes([0x30, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x30, _LONG | len(length)]) + length + content


def _check_imprint(response: "TimeStampResponse", signature: bytes) -> None:
    imprint = response.tst_info.message_imprint
    algorithm = _HASHES.get(imprint.hash_algorithm.dotted_string)
    if algorithm is None:
        raise UnsupportedError(
            "a timestamp uses a hash that is not supported",
            why=f"its algorithm is {imprint.hash_algorithm.dotted_string}",
        )
    if hashlib.new(algorithm, signature).digest() != imprint.message:
        raise ProofRefusedError("the timestamp is about another signature")


def _maker(
    response: "TimeStampResponse", authorities: Sequence[Authority]
) -> tuple[Authority, "Certificate"]:
    """Find who says to have signed the token: nothing is proven yet."""
    signer: Any = next(iter(response.signed_data.signer_infos))
    named = (signer.issuer, signer.serial_number)
    at = response.tst_info.gen_time
    listed = [one for one in authorities if _name(one.certificates[0]) == named]
    counting = [one for one in listed if one.counts_at([at])]
    if listed:
        authority = (counting or listed)[0]
        return authority, authority.certificates[0]
    embedded = [
        load_certificate(one, "a certificate in a timestamp")
        for one in response.signed_data.certificates
    ]
    for leaf in embedded:
        if _name(leaf) != named:
            continue
        for authority in authorities:
            if authority.validity is None and _issued(leaf, authority):
                return authority, leaf
    raise UnknownAuthorityError(
        "the timestamp is by an authority that you do not know",
        fix="check that the trust root is that of the instance with which it was signed",
    )


def _name(certificate: "Certificate") -> tuple[object, int]:
    return certificate.issuer, certificate.serial_number


def _issued(leaf: "Certificate", authority: Authority) -> bool:
    return issuer_of(leaf, authority.certificates) is not None


def _check_purpose(leaf: "Certificate") -> None:
    """Ask for a critical extended key usage of timeStamping alone (RFC 3161 §2.3)."""
    from cryptography.x509 import ExtendedKeyUsage, ExtensionNotFound
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usage = leaf.extensions.get_extension_for_class(ExtendedKeyUsage)
    except (ExtensionNotFound, ValueError) as error:
        raise ProofRefusedError(
            "the timestamp is by a certificate that is not for timestamps"
        ) from error
    if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise ProofRefusedError("the timestamp is by a certificate that is not for timestamps")


def _check_signature(
    response: "TimeStampResponse", leaf: "Certificate", authority: Authority, at: datetime
) -> None:
    from rfc3161_client import VerificationError
    from rfc3161_client.verify import Verifier, VerifierBuilder

    above = [one for one in authority.certificates if one != leaf]
    verifier: Verifier = VerifierBuilder(
        tsa_certificate=leaf, intermediates=above[:-1], roots=above[-1:] or [leaf]
    ).build()
    try:
        verifier.verify(response, response.tst_info.message_imprint.message)
    except (VerificationError, ValueError) as error:
        raise ProofRefusedError(
            "the timestamp is not good", why=f"{error} at {moment(at)}".lower()
        ) from error

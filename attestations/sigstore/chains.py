"""Certificate chains under the authorities of a trusted root (RFC 5280 §6), walked one issuer at a time.

All authorities are the caller's own, in the order of their chain, so each step has one issuer. A
general validator, as `trust.paths` uses it for what bundles bring, says in words alone why it refuses,
and here an authority past its time (4) is another answer than one that may not issue (1).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from weightmark.attestations.keys.certificates import has_issued
from weightmark.attestations.sigstore.time_ranges import moment
from weightmark.errors import ExpiredError, MalformedError, UnsupportedError, WrongSignerError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["check_path", "issuer_of", "load_certificate", "path_of"]

_MAX_STEPS = 16
_AUTHORITY_EXTENSIONS = frozenset(
    ["2.5.29.15", "2.5.29.19", "2.5.29.37", "2.5.29.14", "2.5.29.35", "2.5.29.32", "2.5.29.31"]
)
"""key usage, basic constraints, extended key usage, key ids, policies, revocation lists: understood or without effect here"""


def load_certificate(der: bytes, what: str) -> "Certificate":
    """Read a certificate down to its extensions and dates; raises `MalformedError`."""
    from cryptography.x509 import load_der_x509_certificate

    try:
        certificate = load_der_x509_certificate(der)
        for lazy in (
            "extensions",
            "subject",
            "issuer",
            "not_valid_before_utc",
            "not_valid_after_utc",
        ):
            getattr(certificate, lazy)
    except Exception as error:
        raise MalformedError(f"{what} can't be read") from error
    return certificate


def issuer_of(
    certificate: "Certificate", authorities: Sequence["Certificate"]
) -> "Certificate | None":
    """Return the authority that signed `certificate`; None when none of them did."""
    named = (one for one in authorities if one.subject == certificate.issuer)
    return next((one for one in named if has_issued(one, certificate)), None)


def path_of(leaf: "Certificate", authorities: Sequence["Certificate"]) -> tuple["Certificate", ...]:
    """Return the authorities from the issuer of `leaf` up to the last of `authorities` or a root.

    Empty when there is no such way. Signatures are verified; see `check_path` for everything else.
    """
    path: list[Certificate] = []
    below = leaf
    while len(path) < _MAX_STEPS:
        issuer = issuer_of(below, authorities)
        if issuer is None:
            break
        path.append(issuer)
        if issuer == authorities[-1] or issuer.subject == issuer.issuer:
            return tuple(path)
        below = issuer
    return ()


def check_path(path: Sequence["Certificate"], at: datetime) -> None:
    """Check each authority of a path `at` a time.

    Raises `ExpiredError` when its certificate was not valid then, `WrongSignerError` when it may
    not issue, and `UnsupportedError` for constraints that are not understood.
    """
    for depth, authority in enumerate(path):
        _check_authority(authority, depth, at)


def _check_authority(authority: "Certificate", depth: int, at: datetime) -> None:
    """Check one authority with `depth` further ones between it and the leaf."""
    from cryptography.x509 import BasicConstraints, ExtensionNotFound, KeyUsage

    name = f"the authority `{authority.subject.rfc4514_string()}`"
    if not authority.not_valid_before_utc <= at <= authority.not_valid_after_utc:
        raise ExpiredError(
            f"the certificate of {name} was not valid at {moment(at)}",
            why=f"it is valid from {moment(authority.not_valid_before_utc)} until {moment(authority.not_valid_after_utc)}",
        )
    try:
        extensions = authority.extensions
        limits = extensions.get_extension_for_class(BasicConstraints).value
    except (ExtensionNotFound, ValueError) as error:
        raise WrongSignerError(f"{name} may not issue certificates") from error
    # Without a key usage an authority is not restricted (RFC 5280 §6.1.4 n).
    usage = next((one.value for one in extensions if isinstance(one.value, KeyUsage)), None)
    if not limits.ca or (usage is not None and not usage.key_cert_sign):
        raise WrongSignerError(f"{name} may not issue certificates")
    if limits.path_length is not None and depth > limits.path_length:
        raise WrongSignerError(f"{name} may not stand so far above a certificate")
    for extension in extensions:
        if extension.critical and extension.oid.dotted_string not in _AUTHORITY_EXTENSIONS:
            raise UnsupportedError(
                f"the certificate of {name} has a critical extension that is not supported",
                why=extension.oid.dotted_string,
            )

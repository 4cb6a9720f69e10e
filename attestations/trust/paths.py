"""Paths from the certificate of a signer to an authority that the caller named.

A bundle may bring certificates that vouch for each other in a circle, so each link is verified once,
and their number is bounded; the path itself is judged with nothing else than what was found here.

`sigstore.chains` is the other walk, over a trusted root alone. There nobody else brings certificates,
so there is no graph to search; here there is, with name constraints, and a general validator
(that of `cryptography`) judges it. Its verdict is text, which is enough where every failure but the
time means another signer.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from weightmark.attestations.keys.certificates import has_issued, why_no_authority
from weightmark.errors import LimitError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from cryptography.x509.verification import ExtensionPolicy

__all__ = ["authorities_between", "why_no_issuer", "why_no_path"]

_MAX_LINKS = 64
_MAX_DEPTH = 8
_SIGNATURE_BUDGET = "maximum signature check limit"
"""how `cryptography` words that it gave up"""


def authorities_between(
    leaf: "Certificate", brought: Sequence["Certificate"], anchors: Sequence["Certificate"]
) -> "tuple[Certificate, ...] | None":
    """Return those of `brought` over which `leaf` leads to an anchor; None when no way leads there.

    Signatures are verified, everything else is left to the judge of the path. Raises `LimitError`
    when over 64 links would have to be verified.
    """
    known = [*anchors, *(one for one in brought if one not in anchors)]
    above: dict[Certificate, list[Certificate]] = {}
    waiting, links = [leaf], 0
    while waiting:
        below = waiting.pop()
        if below in above or below in anchors:
            continue
        named = [one for one in known if one.subject == below.issuer and one != below]
        links += len(named)
        if links > _MAX_LINKS:
            raise LimitError(
                f"the certificates of the bundle could be linked in over {_MAX_LINKS} ways",
                fix="ask the publisher for a bundle with nothing but the chain of its signer",
            )
        above[below] = [one for one in named if has_issued(one, below)]
        waiting += above[below]
    leading = _leading_to(anchors, above)
    if leaf not in leading:
        return None
    return tuple(one for one in brought if one in leading and one not in anchors)


def why_no_path(
    leaf: "Certificate",
    others: Sequence["Certificate"],
    anchors: Sequence["Certificate"],
    at: datetime,
) -> str:
    """Say why no valid path leads from `leaf` over `others` to one of `anchors` at a moment; empty when one does.

    Signatures, times, path lengths, name constraints and critical extensions are those of RFC 5280
    §6.1; the leaf's own extensions are left to the caller. Raises `LimitError`.
    """
    from cryptography.x509.verification import (
        ExtensionPolicy,
        PolicyBuilder,
        Store,
        VerificationError,
    )

    verifier = (
        PolicyBuilder()
        .store(Store(list(anchors)))
        .time(at)
        .max_chain_depth(_MAX_DEPTH)
        .extension_policies(
            ee_policy=ExtensionPolicy.permit_all(), ca_policy=_authority_policy(anchors)
        )
        .build_client_verifier()
    )
    try:
        verifier.verify(leaf, list(others))
    except VerificationError as error:
        if _SIGNATURE_BUDGET in str(error):
            raise LimitError(
                "the certificates of the bundle could be linked in too many ways",
                fix="ask the publisher for a bundle with nothing but the chain of its signer",
            ) from error
        return str(error)
    return ""


def why_no_issuer(authority: "Certificate", *, named: bool) -> str:
    """Say why an authority may not issue certificates for code; empty when it may.

    One that the caller `named` may lack a key usage: without that extension an authority is not
    restricted (RFC 5280 §6.1.4 n), and roots that `openssl req -x509` makes have none. Extended
    usages, where an authority lists any, bound what is issued below it.
    """
    from cryptography.x509 import ExtendedKeyUsage, KeyUsage
    from cryptography.x509.oid import ExtendedKeyUsageOID

    reason = why_no_authority(authority)
    if reason:
        return reason
    usage, extended = None, None
    for one in authority.extensions:
        usage = one.value if isinstance(one.value, KeyUsage) else usage
        extended = one.value if isinstance(one.value, ExtendedKeyUsage) else extended
    if usage is None and not named:
        return "it has no key usage, which an authority that you did not name needs"
    enough = {ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if extended is not None and not enough & {*extended}:
        return "its extended key usage lacks codeSigning"
    return ""


def _authority_policy(anchors: Sequence["Certificate"]) -> "ExtensionPolicy":
    """Return what an authority must be: no authority of the web, but one for code."""
    from cryptography.x509 import BasicConstraints, KeyUsage
    from cryptography.x509.verification import Criticality, ExtensionPolicy

    def require_issuing(_: object, authority: "Certificate", _usage: KeyUsage | None) -> None:
        reason = why_no_issuer(authority, named=authority in anchors)
        if reason:
            raise ValueError(reason)

    return (
        ExtensionPolicy.permit_all()
        .require_present(BasicConstraints, Criticality.AGNOSTIC, None)
        .may_be_present(KeyUsage, Criticality.AGNOSTIC, require_issuing)
    )


def _leading_to(
    anchors: Sequence["Certificate"], above: "dict[Certificate, list[Certificate]]"
) -> "set[Certificate]":
    leading = set(anchors)
    while True:
        more = {
            one for one, issuers in above.items() if one not in leading and leading & {*issuers}
        }
        if not more:
            return leading
        leading |= more

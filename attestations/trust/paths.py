"""Which of the certificates that a bundle brings lead from its signer to an authority that the caller named.

A bundle may bring certificates that vouch for each other in a circle, so each link is verified once,
and their number is bounded; the path itself is judged with nothing else than what was found here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from weightmark.errors import LimitError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["authorities_between"]

_MAX_LINKS = 64


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
        above[below] = [one for one in named if _issued(below, one)]
        waiting += above[below]
    leading = _leading_to(anchors, above)
    if leaf not in leading:
        return None
    return tuple(one for one in brought if one in leading and one not in anchors)


def _issued(below: "Certificate", above: "Certificate") -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        below.verify_directly_issued_by(above)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


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

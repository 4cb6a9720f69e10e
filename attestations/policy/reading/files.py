"""The files that a policy names: keys, trust files, certificates, witness policies."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from weightmark.attestations.keys import PublicKey
from weightmark.errors import PolicyError
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.trust.trust_file import TrustFile

__all__ = ["PolicyFiles"]


def _refuse_trust(item: str) -> "TrustFile":
    raise PolicyError(
        f"the policy names the trust file `{item[:100]}`, which can't be read from here",
        why="only a policy that is read from a file may name another one",
        fix="load the policy from a file",
    )


def _refuse_file(item: str) -> bytes:
    raise PolicyError(
        f"the policy names the file `{item[:100]}`, which can't be read from here",
        fix="load the policy from a file",
    )


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """How to read what a policy names; paths are relative to it."""

    key: Callable[[str], PublicKey]
    """turns a PEM text or a path into a key"""
    trust: "Callable[[str], TrustFile]" = _refuse_trust
    """turns the path of a trust file into whom it trusts, and whose clocks"""
    content: Callable[[str], bytes] = _refuse_file
    """turns a path into the bytes that stand there"""

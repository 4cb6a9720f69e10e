"""What a policy demands of a chain, as a value: `[chain]` without its roles."""

from weightmark.values import dataclass

__all__ = ["ChainRule"]


@dataclass(frozen=True, slots=True)
class ChainRule:
    """What a chain must be."""

    complete: bool = False
    """whether every input must link, and every artifact be stated, approved, or signed and listed"""
    max_depth: int = 64
    """steps from the artifact to its farthest ancestor"""
    allowed_bases: tuple[str, ...] = ()
    """identities that may stand at the end of the chain as models; empty for any"""
    allowed_datasets: tuple[str, ...] = ()
    """identities that may stand at the end of the chain as data; empty for any"""
    signed_ends: bool = False
    """whether the chain may end at an artifact that is signed and whose making nobody states"""

    @property
    def listed(self) -> frozenset[str]:
        """Identities at which it may end by the policy's own word."""
        return frozenset((*self.allowed_bases, *self.allowed_datasets))

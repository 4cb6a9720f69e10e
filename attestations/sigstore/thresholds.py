"""How much proof is asked for, by what the instance is with which somebody signed."""

from typing import TYPE_CHECKING, Self

from weightmark.errors import CallError
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.provenance.ledger.witnessing.cosignature import WitnessVerifier

__all__ = ["Thresholds"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Each number counts distinct logs, authorities or witnesses; 0 asks for nothing."""

    log_entries: int = 1
    """transparency logs that hold the signature"""
    certificate_promises: int = 1
    """certificate logs that saw the signer's certificate"""
    timestamps: int = 0
    """RFC 3161 timestamps"""
    times: int = 1
    """verified clocks of any kind: timestamps, and promises of Rekor v1"""
    cosignatures: int = 0
    """witnesses who saw each log's checkpoint"""
    witnesses: "tuple[WitnessVerifier, ...]" = ()
    """the witnesses who count"""

    def __post_init__(self) -> None:
        counts = (self.log_entries, self.certificate_promises, self.timestamps, self.times)
        if min(*counts, self.cosignatures) < 0:
            raise CallError("a threshold is below 0")
        if self.cosignatures > len({one.name for one in self.witnesses}):
            raise CallError("more cosignatures are asked for than witnesses are known")

    @classmethod
    def transparent(cls) -> Self:
        """Ask for a log entry, a certificate promise and a time: public good, staging, private twins."""
        return cls()

    @classmethod
    def timestamps_only(cls) -> Self:
        """Ask for a timestamp alone: GitHub's instance for private repositories, which keeps no logs."""
        return cls(log_entries=0, certificate_promises=0, timestamps=1)

    @classmethod
    def nothing(cls) -> Self:
        """Ask for nothing, and still refuse what is not good: for signatures by key."""
        return cls(log_entries=0, certificate_promises=0, times=0)

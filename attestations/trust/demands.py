"""Demands of a trust file: how many logs, clocks and witnesses must agree, and which witnesses count."""

from collections.abc import Sequence

from weightmark.attestations.strict_toml import Table
from weightmark.errors import MalformedError, UnsupportedError
from weightmark.provenance.ledger.witnessing.cosignature import WitnessVerifier
from weightmark.values import dataclass

__all__ = ["Demands", "Witness"]

_MAX_THRESHOLD = 16
_VKEY = "a C2SP verifier key of a witness, as `NAME+HASH+BASE64`"


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness under its name in a trust file."""

    label: str
    """its name in the file, for people"""
    key: WitnessVerifier
    """its own name, and its key"""

    @classmethod
    def parse(cls, label: str, entry: Table) -> "Witness":
        """Read one entry; raises what the table raises."""
        vkey = entry.text("key", "")
        entry.finish()
        try:
            return cls(label, WitnessVerifier.parse(vkey))
        except (MalformedError, UnsupportedError) as error:
            raise entry.wrong("key", _VKEY) from error


@dataclass(frozen=True, slots=True)
class Demands:
    """How many logs, clocks and witnesses must agree."""

    logs: int | None
    """None for what each signer's kind asks for"""
    timestamps: int
    """distinct timestamps"""
    cosignatures: int
    """distinct witnesses who saw each log that is asked for"""
    witnesses: tuple[WitnessVerifier, ...]
    """the witnesses who count"""

    @classmethod
    def parse(cls, table: Table, named: Sequence[tuple[Table, Witness]]) -> "Demands":
        """Read `[thresholds]`, beside the witnesses and their entries; raises what the table raises."""
        _refuse_doubles(named)
        logs = table.count("logs", 0, limit=_MAX_THRESHOLD)
        demands = cls(
            logs if table.has("logs") else None,
            table.count("timestamps", 0, limit=_MAX_THRESHOLD),
            table.count("cosignatures", 0, limit=_MAX_THRESHOLD),
            tuple(witness.key for _, witness in named),
        )
        table.finish()
        if demands.cosignatures > len(named):
            raise table.wrong(
                "cosignatures", f"at most {len(named)}: as many witnesses stand in `[witnesses]`"
            )
        return demands

    def require_use(self, table: Table, logs: Sequence[int]) -> None:
        """Refuse cosignatures when no entry asks for any of its `logs`: nothing would be demanded."""
        if self.cosignatures and not any(logs):
            raise table.wrong("cosignatures", "of use without `logs`: no entry here asks for a log")


def _refuse_doubles(named: Sequence[tuple[Table, Witness]]) -> None:
    """Refuse a witness who stands there twice: one who counts twice is no second one."""
    seen: dict[str | bytes, str] = {}
    for entry, witness in named:
        for mark in (witness.key.name, witness.key.public_key):
            first = seen.setdefault(mark, witness.label)
            if first != witness.label:
                raise entry.wrong("key", f"of another witness than `witnesses.{first}`")

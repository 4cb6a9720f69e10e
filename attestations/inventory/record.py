"""What is known of one artifact after it was read."""

from dataclasses import asdict
from typing import Any, Self

from weightmark.errors import MalformedError
from weightmark.values import dataclass

__all__ = ["NO_RISK", "UNKNOWN_RISK", "Record", "Worst"]

NO_RISK = "none"
"""every file of a kind that is scanned was scanned to its end, and nothing was found"""
UNKNOWN_RISK = "unknown"
"""nothing was found, and no file was scanned, or one not to its end"""


@dataclass(frozen=True, slots=True)
class Worst:
    """One finding among the worst."""

    rule: str
    """id of the rule"""
    severity: str
    """word"""
    path: str
    """the file inside the artifact"""
    message: str
    """what was found"""


@dataclass(frozen=True, slots=True)
class Record:
    """One artifact: where it is, what its bytes are, and what they risk."""

    path: str
    """relative to what was looked through, printable; `.` for all of it"""
    layout: str
    """whose layout it lies in"""
    kind: str
    """`model`, `dataset`, `space` or `unknown`, as the place says"""
    name: str
    """how the tool calls it; empty where nothing names it"""
    revision: str
    """which one of that name; empty where there is none"""
    notes: tuple[str, ...]
    """what is unusual about the place"""
    identity: str
    """`wm1:<hex>`; empty when it can't have one"""
    files: int
    """how many files it has"""
    size: int
    """bytes"""
    formats: tuple[str, ...]
    """every format that was found in it, sorted"""
    signature: bool
    """whether something stands where a signature stands; nobody verified it"""
    claims: int
    """bundles that stand beside it; nobody verified them"""
    promise: str
    """`kept` or `broken` where the place names blobs by their digests, else `none`"""
    risk: str
    """severity of the worst finding; without one `none`, or `unknown` where nothing, or not all, could be scanned"""
    unchecked: int
    """files that could not be checked to the end"""
    worst: tuple[Worst, ...]
    """findings of that severity, the first few"""
    problem: str
    """why the artifact as a whole could not be read; empty when it could"""

    @property
    def is_unscanned(self) -> bool:
        """Whether no file in it is of a kind that is scanned, though each could be read."""
        return self.risk == UNKNOWN_RISK and not self.problem and not self.unchecked

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, members: Any) -> Self:
        """Read what `to_json` wrote; raises `MalformedError` for anything else."""
        fields = cls.__dataclass_fields__
        if not isinstance(members, dict) or members.keys() != fields.keys():
            raise MalformedError("the record has other members")
        for name, one in fields.items():
            if one.type in _PLAIN and type(members[name]) is not one.type:
                raise MalformedError(f"`{name}` of the record is something else")
        if members["risk"] == NO_RISK and (members["problem"] or members["unchecked"]):
            raise MalformedError("the record calls clean what was not read")
        texts = {name: _texts(members[name]) for name in ("notes", "formats")}
        return cls(**{**members, **texts, "worst": _worst(members["worst"])})


_PLAIN = (str, int, bool)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise MalformedError("a list of the record is something else")
    return tuple(value)


def _worst(value: object) -> tuple[Worst, ...]:
    names = set(Worst.__dataclass_fields__)
    rows = value if isinstance(value, list) else [None]
    return tuple(_one(row, names) for row in rows)


def _one(row: object, names: set[str]) -> Worst:
    if not isinstance(row, dict) or row.keys() != names or {*map(type, row.values())} != {str}:
        raise MalformedError("a finding of the record is something else")
    return Worst(**row)

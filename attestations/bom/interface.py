"""What a bill of materials says, whatever its form: every field with the source that it rests on.

The writers turn a `BomContent` into CycloneDX or SPDX; neither reads a file or verifies anything.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, Self

from weightmark.provenance.ledger.event import format_time
from weightmark.values import dataclass

__all__ = [
    "GIVEN",
    "LONGEST_TEXT",
    "MEASURED",
    "BomAncestor",
    "BomClaim",
    "BomContent",
    "BomFile",
    "BomInput",
    "BomStep",
    "BomWeights",
    "BomWriter",
    "Fact",
    "Origin",
    "Signed",
    "Source",
    "plain",
    "some",
    "the_only",
]

LONGEST_TEXT = 1000
"""characters of a text that somebody states; the rest of it is cut"""


class Origin(StrEnum):
    """On what a field rests."""

    MEASURED = "measured"
    """computed from the bytes that were read"""
    CLAIMED = "claimed"
    """stated in a claim whose signer the caller trusts, about exactly these bytes"""
    STATED = "stated"
    """written in a file of the artifact; nobody vouches for what it says"""
    GIVEN = "given"
    """said by the caller, or the name of the folder on the caller's machine"""
    UNKNOWN = "unknown"
    """nobody says it, or those who do contradict each other"""


@dataclass(frozen=True, slots=True)
class Source:
    """Where one value comes from."""

    origin: Origin
    """on what it rests"""
    signer: str = ""
    """of a claim: `key:<fingerprint>`, `sigstore:<subject>@<issuer>` or `certificate:<fingerprint>`"""
    claim_id: str = ""
    """of a claim: SHA-256 of its signed bytes, lowercase hex"""
    at: datetime | None = None
    """of a claim: when it existed already, by a verified clock"""
    file: str = ""
    """of what a file states: its path in the artifact"""
    why: str = ""
    """why it is unknown"""

    @property
    def words(self) -> str:
        """The source in one line, as it stands in documents."""
        match self.origin:
            case Origin.CLAIMED:
                when = f" at {format_time(self.at)}" if self.at else ""
                return f"claimed by {self.signer} in sha256:{self.claim_id}{when}"
            case Origin.STATED:
                return f"stated in the file {self.file}, which nobody vouches for"
            case Origin.GIVEN:
                return "given by the caller, unverified"
            case Origin.UNKNOWN:
                return f"unknown: {self.why}" if self.why else "unknown"
            case Origin.MEASURED:
                return "measured from the bytes"


MEASURED = Source(Origin.MEASURED)
"""the bytes"""
GIVEN = Source(Origin.GIVEN)
"""the caller"""


@dataclass(frozen=True, slots=True)
class Fact:
    """What one source says of one field."""

    values: tuple[str, ...]
    """at least one, unless it is unknown"""
    source: Source
    """on what it rests"""

    @classmethod
    def unknown(cls, why: str = "nobody who is trusted says it") -> Self:
        """Say that it is not known, and why."""
        return cls((), Source(Origin.UNKNOWN, why=why))

    @classmethod
    def measured(cls, *values: str) -> Self:
        """Say what the bytes are."""
        return cls(values, MEASURED)

    @property
    def value(self) -> str:
        """The first value; empty for none."""
        return self.values[0] if self.values else ""

    @property
    def is_known(self) -> bool:
        """Whether somebody answers for it: the bytes, or a claim that was verified."""
        return self.source.origin in (Origin.MEASURED, Origin.CLAIMED)


@dataclass(frozen=True, slots=True)
class BomFile:
    """One file, as it was read."""

    path: str
    """relative POSIX path; `.` for a single file"""
    size: int
    """bytes"""
    blake3: str
    """lowercase hex"""
    sha256: str
    """lowercase hex"""


@dataclass(frozen=True, slots=True)
class BomWeights:
    """The tensors of one file, or of the shards that an index joins."""

    path: str
    """the file or the index; `.` for a single file"""
    format: str
    """`safetensors`, `torch`, `gguf`, …"""
    tensors: int
    """names"""
    parameters: int
    """items of all tensors, shared ones counted once"""
    dtypes: tuple[str, ...]
    """sorted"""
    weights: str
    """`sha256:<hex>` over names, types, shapes and bytes"""


@dataclass(frozen=True, slots=True)
class BomInput:
    """Something that went into a step."""

    name: str
    """as the step calls it"""
    uri: str
    """as the step says"""
    role: str
    """as the step says"""
    identity: str
    """`wm1:…`; empty where nothing links"""
    problem: str
    """why nothing links"""
    circumstance: bool
    """whether it is the program or its surroundings"""


@dataclass(frozen=True)
class BomStep:
    """One step by which an artifact was made, by a verified claim."""

    output: str
    """`wm1:…` of what was made"""
    kind: str
    """`finetune`, …, or the URI of a foreign build type"""
    builder: str
    """URI of who ran it, by the claim's word"""
    inputs: tuple[BomInput, ...]
    """what went in"""
    source: Source
    """the claim"""
    parameters: tuple[tuple[str, str], ...] = ()
    """what the caller of the step chose, by name"""
    started: datetime | None = None
    """by the builder's own word"""
    finished: datetime | None = None
    """by the builder's own word"""


@dataclass(frozen=True)
class BomAncestor:
    """An artifact from which this one was made."""

    identity: str
    """`wm1:…`; empty for an input that links to none"""
    name: str
    """as its signer or a step calls it"""
    is_data: bool
    """whether it went in as data"""
    depth: int
    """steps away; 1 for what the artifact itself was made from"""
    source: Source
    """the claim that says it went in"""
    vouchers: tuple[str, ...] = ()
    """trusted signers who list its files or approve it"""
    facts: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)
    """what verified claims say of it, by field"""
    uri: str = ""
    """where it came from, by the step's word"""
    problem: str = ""
    """why it links to no artifact"""


@dataclass(frozen=True, slots=True)
class BomClaim:
    """A verified claim about this very artifact."""

    claim_id: str
    """SHA-256 of its signed bytes, lowercase hex"""
    predicate_type: str
    """URI"""
    signer: str
    """name of the signer"""
    at: datetime | None
    """when it existed already, by a verified clock"""
    summary: str
    """what it says, in one line"""


class Signed(StrEnum):
    """Whether the bytes are what a trusted signer signed."""

    VERIFIED = "verified"
    """they are"""
    UNVERIFIED = "unverified"
    """nobody whom the call trusts signed them, or nobody was named"""
    UNCHECKED = "unchecked"
    """it could not be told"""
    CONTRADICTED = "contradicted"
    """a trusted signer signed other bytes, or a document beside them is damaged"""


@dataclass(frozen=True)
class BomContent:
    """Everything that a bill of materials of one artifact says."""

    identity: str
    """`wm1:…`, from the bytes"""
    name: Fact
    """what it is called"""
    kind: Fact
    """`model` or `dataset`"""
    single: bool
    """whether it is a single file"""
    files: tuple[BomFile, ...]
    """sorted by path; empty where the caller left them out"""
    count: int
    """files in all"""
    size: int
    """bytes in all"""
    weights: tuple[BomWeights, ...]
    """sorted by path"""
    unread: tuple[str, ...]
    """files that seem to hold weights and could not be read, each with the reason"""
    signed: Signed
    """whether a trusted signer vouches for these bytes"""
    signers: tuple[str, ...]
    """who does"""
    why: str
    """why nobody does, or what contradicts it"""
    facts: Mapping[str, tuple[Fact, ...]]
    """further fields by name; those that nobody says are left out"""
    ancestors: tuple[BomAncestor, ...]
    """nearest first"""
    steps: tuple[BomStep, ...]
    """sorted by output and claim"""
    claims: tuple[BomClaim, ...]
    """sorted by type and digest"""
    strangers: int
    """claims beside it that nobody whom the call trusts signed"""
    elsewhere: int
    """verified claims that are about other artifacts"""
    gaps: tuple[str, ...]
    """where the chain of its making does not hold"""
    moment: datetime | None
    """the newest verified time of a claim, or what the caller says; None for none"""
    address: str = ""
    """pinned address from which it was fetched; empty for a path"""
    uncovered: tuple[str, ...] = ()
    """files that no signature covers although the rest is signed"""

    def known(self, name: str) -> tuple[Fact, ...]:
        """Return what is said of a field, by whomever."""
        return self.facts.get(name, ())

    def one(self, name: str) -> Fact:
        """Return the only answer for a field that has one value; unknown where trusted signers differ."""
        return the_only(self.known(name))

    def sources(self) -> Iterator[tuple[str, str]]:
        """Yield field and source in words for everything that is said of the artifact itself."""
        yield "name", self.name.source.words
        yield "kind", self.kind.source.words
        for name in sorted(self.facts):
            for fact in self.facts[name]:
                yield name, fact.source.words


class BomWriter(Protocol):
    """One form of document."""

    def __call__(self, content: BomContent) -> dict[str, Any]:
        """Return the document as JSON; the same content gives the same document."""
        ...


def the_only(facts: Sequence[Fact]) -> Fact:
    """Return what all known facts agree on; raises nothing, and a contradiction is unknown."""
    believed = [fact for fact in facts if fact.is_known]
    if not believed:
        return facts[0] if facts else Fact.unknown()
    if len({fact.values for fact in believed}) > 1:
        signers = ", ".join(sorted({fact.source.signer for fact in believed}))
        return Fact.unknown(f"trusted claims contradict each other, by {signers}")
    return min(believed, key=lambda fact: fact.source.claim_id)


def plain(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return a text that any form can hold: no lone surrogates, no NUL, and not endlessly long."""
    sound = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    if len(sound) <= longest:
        return sound
    return f"{sound[:longest]}… (cut, {len(sound)} characters)"


def some(texts: Sequence[str], most: int) -> tuple[str, ...]:
    """Return as many texts as a document holds, and in place of the others how many there are."""
    if len(texts) <= most:
        return tuple(texts)
    return (*texts[:most], f"… (cut, {len(texts)} in all)")

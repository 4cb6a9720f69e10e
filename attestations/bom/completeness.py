"""Completeness: what a bill of materials should say, what of it is known, and which command would add the rest."""

from collections.abc import Iterator

from weightmark.attestations.bom.interface import BomContent, Fact, Origin, Signed, Source
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE
from weightmark.attestations.predicates.oms import OMS_PREDICATE
from weightmark.values import dataclass

__all__ = ["Completeness", "WantedField", "completeness_of"]

_LISTING = frozenset([MANIFEST_PREDICATE, OMS_PREDICATE])
_STATE = "weightmark attest PATH --type cyclonedx --predicate stated.json --key KEY"
_SIGN = "weightmark sign PATH --key KEY"
_RECORD = "weightmark record --step STEP --input base=DIR --input data=DIR --output PATH --key KEY -- COMMAND"
_CHAIN = "weightmark chain PATH --key KEY"
_TEST = "weightmark attest PATH --type test-result --predicate tests.json --key KEY"
_DATASET = "weightmark attest PATH --type dataset --predicate dataset.json --key KEY"
_RELEASE = "weightmark attest PATH --type release --predicate release.json --key KEY"


@dataclass(frozen=True, slots=True)
class WantedField:
    """One thing that a document should say."""

    name: str
    """as the properties of a document call it"""
    what: str
    """in words"""
    source: Source
    """on what it rests"""
    fix: str
    """the command that would add or improve it; empty where nothing is to be done"""

    @property
    def is_known(self) -> bool:
        """Whether the bytes or a verified claim answer for it."""
        return self.source.origin in (Origin.MEASURED, Origin.CLAIMED)

    @property
    def why(self) -> str:
        """Why it does not count as known; empty when it does."""
        return "" if self.is_known else self.source.why or self.source.words


@dataclass(frozen=True, slots=True)
class Completeness:
    """How much of what should be said is known."""

    fields: tuple[WantedField, ...]
    """everything that is wanted, in the order in which it is shown"""

    @property
    def known(self) -> int:
        """How many are known."""
        return sum(one.is_known for one in self.fields)

    @property
    def missing(self) -> tuple[WantedField, ...]:
        """Those that are not."""
        return tuple(one for one in self.fields if not one.is_known)


def completeness_of(content: BomContent) -> Completeness:
    """Hold a content against what a model, or a dataset, should have in its bill of materials. Pure."""
    fields = [*_common(content), *(_dataset if _is_data(content) else _model)(content)]
    return Completeness(tuple(fields))


def _is_data(content: BomContent) -> bool:
    return content.kind.value == "dataset"


def _common(content: BomContent) -> Iterator[WantedField]:
    measured = Source(Origin.MEASURED)
    yield WantedField("identity", "identity and digest of every file", measured, "")
    yield WantedField(
        "signed", "a trusted signer vouches for the bytes", _signature(content), _signing(content)
    )
    yield WantedField("name", "name by its signer", content.name.source, _SIGN)
    yield _claimed(content, "version", "version", _RELEASE)
    yield _claimed(content, "supplier", "supplier", _STATE)
    yield _any(content, "licenses", "licence", _DATASET if _is_data(content) else _STATE)
    yield _claimed(content, "description", "description", _STATE)
    yield _any(content, "scan", "scan for unsafe content", _SIGN)
    yield WantedField("time", "verified time", _time(content), f"{_SIGN} --tsa-url URL")  # fmt: skip


def _model(content: BomContent) -> Iterator[WantedField]:
    yield WantedField("weights", "tensors and their digest", _weights(content), _convert(content))
    yield WantedField("made", "how it was made", _made(content), _RECORD)
    yield WantedField(
        "chain",
        "every ancestor, linked and vouched for",
        _whole(content),
        _RECORD if _made(content).origin is Origin.UNKNOWN else _CHAIN,
    )
    yield WantedField("datasets", "training data", _datasets(content), _RECORD)
    yield _claimed(content, "architecture", "architecture", _STATE)
    yield _claimed(content, "task", "task", _STATE)
    yield _any(content, "use-cases", "intended use", _STATE)
    yield _any(content, "limitations", "limitations", _STATE)
    yield _any(content, "metrics", "performance", _STATE)
    yield _any(content, "tests", "test result", _TEST)


def _dataset(content: BomContent) -> Iterator[WantedField]:
    yield _any(content, "sources", "sources", _DATASET)
    yield _claimed(content, "collected", "when it was collected", _DATASET)
    yield _claimed(content, "records", "number of records", _DATASET)
    yield _claimed(content, "personal-data", "whether it holds personal data", _DATASET)


def _claimed(content: BomContent, name: str, what: str, fix: str) -> WantedField:
    """Return a field that has one value: a contradiction leaves it unknown."""
    return WantedField(name, what, content.one(name).source, fix)


def _any(content: BomContent, name: str, what: str, fix: str) -> WantedField:
    """Return a field for which any known answer counts."""
    said = content.known(name)
    believed = [fact for fact in said if fact.is_known]
    source = (believed or list(said) or [Fact.unknown()])[0].source
    return WantedField(name, what, source, fix)


def _signature(content: BomContent) -> Source:
    if content.signed is not Signed.VERIFIED:
        return Source(Origin.UNKNOWN, why=content.why)
    said = [
        one
        for one in content.claims
        if one.signer in content.signers and one.predicate_type in _LISTING
    ]
    first = said[0] if said else None
    return Source(
        Origin.CLAIMED,
        content.signers[0],
        first.claim_id if first else "",
        first.at if first else None,
    )


def _signing(content: BomContent) -> str:
    """Return what would make the signature count: naming its signer where there is one."""
    if content.strangers or content.why.startswith("whom to trust"):
        return "name whom you trust with `--key`, or `--identity` and `--issuer`"
    return _SIGN


def _time(content: BomContent) -> Source:
    times = [one for one in content.claims if one.at]
    if not times:
        return Source(Origin.UNKNOWN, why="no claim about it has a verified time")
    newest = max(times, key=lambda one: (str(one.at), one.claim_id))
    return Source(Origin.CLAIMED, newest.signer, newest.claim_id, newest.at)


def _weights(content: BomContent) -> Source:
    if content.unread or not content.weights:
        first = content.unread[0] if content.unread else "no file holds tensors that can be read"
        return Source(Origin.UNKNOWN, why=first)
    return Source(Origin.MEASURED)


def _convert(content: BomContent) -> str:
    return "weightmark convert IN OUT.safetensors" if content.unread else ""


def _made(content: BomContent) -> Source:
    own = [step.source for step in content.steps if step.output == content.identity]
    return (
        own[0] if own else Source(Origin.UNKNOWN, why="nobody who is trusted says how it was made")
    )


def _whole(content: BomContent) -> Source:
    made = _made(content)
    if made.origin is Origin.UNKNOWN:
        return made
    if content.gaps:
        return Source(Origin.UNKNOWN, why=content.gaps[0])
    return made


def _datasets(content: BomContent) -> Source:
    found = [one.source for one in content.ancestors if one.is_data and one.identity]
    return (
        found[0]
        if found
        else Source(Origin.UNKNOWN, why="no step that is known names data by a strong digest")
    )

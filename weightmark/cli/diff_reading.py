"""From two paths to everything that differs between them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from weightmark.errors import WeightmarkError
from weightmark.provenance.artifact import Entry
from weightmark.provenance.diff.configuration import KeyChange, key_changes
from weightmark.provenance.diff.files import Change, Differences
from weightmark.provenance.identification import Identification
from weightmark.provenance.manifest import SINGLE_FILE
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.provenance.rereading import read_again
from weightmark.provenance.sidecars import read_sidecar
from weightmark.provenance.strict_json import parse_json
from weightmark.scanners.tensors.comparison import SetComparison, compare_weights
from weightmark.scanners.tensors.survey import TensorSurvey, Unread, WeightSet, survey_tensors
from weightmark.values import dataclass

__all__ = ["ClaimChange", "Comparison", "compare", "is_tokenizer"]

_LARGEST_DOCUMENT = 1024 * 1024
_TOKENIZERS = frozenset(
    [
        "added_tokens.json",
        "merges.txt",
        "sentencepiece.bpe.model",
        "special_tokens_map.json",
        "spiece.model",
        "tokenizer.json",
        "tokenizer.model",
        "tokenizer_config.json",
        "vocab.json",
        "vocab.txt",
    ]
)


@dataclass(frozen=True, slots=True)
class ClaimChange:
    """A claim that stands beside one of the two only; nothing about it was verified."""

    kind: str
    """`added` or `removed`"""
    claim_id: str
    """`sha256:<hex>`"""
    predicate_type: str
    """what the claim is about, by its own words"""
    key_hint: str = ""
    """which key the bundle says it was signed with; empty for certificates"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that was compared."""

    before: TensorSurvey
    """the first model"""
    after: TensorSurvey
    """the second model"""
    weights: tuple[SetComparison, ...]
    """one a set of weights"""
    weights_only: bool
    """whether nothing else was compared"""
    files: tuple[Change, ...] = ()
    """differences of files, sorted by path"""
    keys: tuple[tuple[str, KeyChange], ...] = ()
    """path and change of each configuration key"""
    claims: tuple[ClaimChange, ...] = ()
    """claims of one side only"""

    @property
    def differs(self) -> bool:
        """Whether the identities or the claims differ."""
        same = self.before.identification.identity == self.after.identification.identity
        return not same or bool(self.claims)

    def unread(self) -> Iterator[tuple[str, Unread]]:
        """Yield `before` or `after` with each file whose tensors could not be read and that differs."""
        first, second = _digests(self.before.identification), _digests(self.after.identification)
        for side, survey in (("before", self.before), ("after", self.after)):
            for one in survey.unread:
                if first.get(one.path) != second.get(one.path):
                    yield side, one

    def uncompared(self) -> Iterator[tuple[str, WeightSet]]:
        """Yield `before` or `after` with each set of a differing file that holds values beside its tensors."""
        first, second = _digests(self.before.identification), _digests(self.after.identification)
        for side, survey in (("before", self.before), ("after", self.after)):
            for one in survey.sets:
                if one.others and any(first.get(path) != second.get(path) for path in one.files):
                    yield side, one


def is_tokenizer(path: str) -> bool:
    """Tell a file of a tokenizer by its name; the name decides under which heading it stands."""
    return path.rpartition("/")[2] in _TOKENIZERS


def compare(
    before: Path,
    after: Path,
    *,
    weights_only: bool,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> Comparison:
    """Read both artifacts once and compare them; raises as `survey_tensors` and `read_sidecar`."""
    first, second = (survey_tensors(path, progress=progress, jobs=jobs) for path in (before, after))
    weights = compare_weights(first, second)
    if weights_only:
        return Comparison(first, second, weights, weights_only=True)
    one, other = first.identification, second.identification
    digests = _digests(one), _digests(other)
    files = (
        Differences.between(*digests).changes
        if one.artifact.single == other.artifact.single
        else ()
    )
    return Comparison(
        first,
        second,
        weights,
        weights_only=False,
        files=files,
        keys=tuple(_key_changes(one, other)),
        claims=tuple(_claim_changes(one, other)),
    )


def _digests(identification: Identification) -> dict[str, str]:
    return {row.path: row.blake3 for row in identification.manifest.rows}


def _key_changes(before: Identification, after: Identification) -> Iterator[tuple[str, KeyChange]]:
    """Compare the small JSON documents that both have, key by key."""
    first, second = _digests(before), _digests(after)
    entries = [{entry.path: entry for entry in one.artifact.entries} for one in (before, after)]
    for path, blake3 in first.items():
        if not _is_document(before, path) or second.get(path, blake3) == blake3:
            continue
        old = _document(entries[0][path], blake3)
        new = _document(entries[1][path], second[path])
        if old and new:
            for change in key_changes(old.value, new.value):
                yield path, change


@dataclass(frozen=True, slots=True)
class _Json:
    value: object


def _is_document(identification: Identification, path: str) -> bool:
    name = identification.artifact.name if path == SINGLE_FILE else path
    return name.endswith(".json") and not name.endswith(".index.json")


def _document(entry: Entry, blake3: str) -> _Json | None:
    """Return a JSON document; None where the file is large or no such document."""
    if entry.size > _LARGEST_DOCUMENT:
        return None
    data = read_again(entry, blake3, limit=_LARGEST_DOCUMENT)
    try:
        return _Json(parse_json(data, what="the document"))
    except WeightmarkError:
        return None


def _claim_changes(before: Identification, after: Identification) -> Iterator[ClaimChange]:
    first, second = _claims(before), _claims(after)
    for claim_id in sorted(first.keys() - second.keys()):
        yield ClaimChange("removed", claim_id, *first[claim_id])
    for claim_id in sorted(second.keys() - first.keys()):
        yield ClaimChange("added", claim_id, *second[claim_id])


def _claims(identification: Identification) -> Mapping[str, tuple[str, str]]:
    """Return type and key hint of the claims beside an artifact, by id; a line that is no bundle is left to `inspect`."""
    from weightmark.attestations.bundles.dsse import Envelope
    from weightmark.attestations.claims import parse_claims
    from weightmark.attestations.statements import Statement

    sidecars = identification.artifact.sidecars
    data = read_sidecar(sidecars.claims, storage=sidecars.storage)
    found: dict[str, tuple[str, str]] = {}
    for line in parse_claims(data or b""):
        if line.bundle is None or not isinstance(line.bundle.content, Envelope):
            continue
        envelope = line.bundle.content
        try:
            kind = Statement.parse(envelope.payload_type, envelope.payload).predicate_type
        except WeightmarkError:
            kind = envelope.payload_type
        found[f"sha256:{envelope.claim_id}"] = kind, line.bundle.key_hint
    return found

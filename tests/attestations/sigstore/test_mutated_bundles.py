"""Real bundles, damaged everywhere: no crash, no acceptance with another meaning, the right kind of refusal."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.sigstore.cases import Case, Json, changed, entry
from weightmark.attestations.sigstore.verifier import KeyProof, SigstoreProof
from weightmark.errors import Exit, WeightmarkError

pytestmark = pytest.mark.needs("vectors")

GOOD = (
    "happy-path-v0.1",
    "happy-path-v0.3",
    "happy-path-intoto-in-dsse-v3",
    "intoto-with-custom-trust-root",
    "rekor2-happy-path",
    "rekor2-dsse-happy-path",
    "managed-key-and-trusted-root",
)
SAMPLES = 150
HINTS = frozenset(["messageDigest", "keyid", "hint"])
"""what a bundle says and nobody believes"""
SPARE = {
    "happy-path-v0.1": {"inclusionProof", "checkpoint", "envelope"},
    "intoto-with-custom-trust-root": {
        *("logIndex", "hashes"),
        *("inclusionPromise", "signedEntryTimestamp", "integratedTime"),
        *("timestampVerificationData", "rfc3161Timestamps"),
    },
    "managed-key-and-trusted-root": {"tlogEntries"},
}
"""what a bundle survives without: v0.1 needs no proof, a first entry's place is 0, of two clocks
one is enough, and a key needs no log"""


def meaning(proof: SigstoreProof | KeyProof) -> Any:
    """Return what a verdict says, but for proofs that may be left out."""
    return (proof.identity, proof.certificate) if isinstance(proof, SigstoreProof) else "the key"


def outcome(case: Case, data: bytes) -> Any:
    """Return the meaning of an accepted bundle, or the exit code of a refused one."""
    try:
        return meaning(case.verify(data))
    except WeightmarkError as refusal:
        error = refusal
    assert error.exit in (Exit.BAD, Exit.UNCHECKED), error
    assert error.what
    return error.exit


def places(document: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items: Any = ()
    if isinstance(document, dict):
        items = document.items()
    elif isinstance(document, list):
        items = enumerate(document)
    for name, value in items:
        yield (*here, name)
        yield from places(value, (*here, name))


def reach(document: Any, way: tuple[Any, ...]) -> Any:
    for step in way:
        document = document[step]
    return document


def removed(document: Json, way: tuple[Any, ...]) -> Json:
    return changed(document, lambda copy: reach(copy, way[:-1]).__delitem__(way[-1]))


def replaced(document: Json, way: tuple[Any, ...], value: Any) -> Json:
    return changed(document, lambda copy: reach(copy, way[:-1]).__setitem__(way[-1], value))


def interesting(document: Json) -> list[tuple[Any, ...]]:
    """Return every place but the further hashes of a proof, which are all alike."""
    return [
        way for way in places(document) if not (len(way) > 1 and way[-2] == "hashes" and way[-1])
    ]


@pytest.mark.parametrize("name", GOOD)
def test_a_bundle_without_any_one_field_is_refused_or_means_the_same(
    vectors: Path, name: str
) -> None:
    case = Case(vectors, name)
    whole = meaning(case.verify())
    for way in interesting(case.document):
        result = outcome(case, json.dumps(removed(case.document, way)).encode())
        if isinstance(result, Exit):
            continue
        assert result == whole, way
        assert (HINTS | SPARE.get(name, set())) & set(way), way


@pytest.mark.parametrize("name", GOOD)
def test_a_bundle_with_any_one_field_emptied_or_retyped_is_refused_or_means_the_same(
    vectors: Path, name: str
) -> None:
    case = Case(vectors, name)
    whole = meaning(case.verify())
    for way in interesting(case.document):
        for value in ("", [], {}, None, 0, -1, True, 1.5, "AAAA", [None], {"x": 1}, "0" * 5000):
            data = json.dumps(replaced(case.document, way, value)).encode()
            result = outcome(case, data)
            assert isinstance(result, Exit) or result == whole, (way, value)


@pytest.mark.parametrize("name", GOOD)
def test_a_bundle_with_any_one_key_doubled_is_refused(vectors: Path, name: str) -> None:
    case = Case(vectors, name)
    mark = "doubled-key"
    for way in interesting(case.document):
        if not isinstance(way[-1], str):
            continue
        document = case.document
        holder = reach(document, way[:-1])
        holder[mark] = holder[way[-1]]
        data = json.dumps(document).replace(f'"{mark}"', f'"{way[-1]}"').encode()
        assert outcome(case, data) is Exit.BAD, way


@pytest.mark.parametrize("name", GOOD)
def test_a_bundle_with_any_unknown_key_is_refused(vectors: Path, name: str) -> None:
    case = Case(vectors, name)
    for way in ((), *interesting(case.document)):
        if isinstance(reach(case.document, way), dict):
            document = replaced(case.document, (*way, "unheard-of"), {})
            assert outcome(case, json.dumps(document).encode()) is Exit.BAD, way


@pytest.mark.parametrize("name", GOOD)
def test_a_flipped_bit_anywhere_is_refused_or_means_the_same(vectors: Path, name: str) -> None:
    case = Case(vectors, name)
    whole = meaning(case.verify())
    data = json.dumps(case.document, separators=(",", ":")).encode()
    for number in range(SAMPLES):
        place = (number * len(data)) // SAMPLES + number % 7
        flipped = bytearray(data)
        flipped[place % len(data)] ^= 1 << (number % 8)
        result = outcome(case, bytes(flipped))
        assert isinstance(result, Exit) or result == whole, place


@pytest.mark.parametrize("name", ["rekor2-happy-path", "happy-path-intoto-in-dsse-v3"])
def test_a_flipped_bit_in_any_decoded_value_is_refused(vectors: Path, name: str) -> None:
    import base64

    case = Case(vectors, name)
    fields = ("rawBytes", "canonicalizedBody", "rootHash", "signedTimestamp", "signature", "sig")
    for way in interesting(case.document):
        if way[-1] not in (*fields, "keyId", "payload", "signedEntryTimestamp"):
            continue
        raw = base64.b64decode(reach(case.document, way))
        for number in range(12):
            flipped = bytearray(raw)
            flipped[number * len(raw) // 12] ^= 1 << (number % 8)
            text = base64.b64encode(flipped).decode()
            document = replaced(case.document, way, text)
            result = outcome(case, json.dumps(document).encode())
            assert isinstance(result, Exit), (way, number)


@pytest.mark.parametrize("name", GOOD)
def test_a_truncated_bundle_is_refused(vectors: Path, name: str) -> None:
    case = Case(vectors, name)
    for size in range(0, len(case.bundle_bytes) - 2, len(case.bundle_bytes) // 40):
        assert outcome(case, case.bundle_bytes[:size]) is Exit.BAD


@pytest.mark.parametrize("one", GOOD)
def test_parts_of_two_good_bundles_make_no_good_one(vectors: Path, one: str) -> None:
    """A signature by the caller's key stays one, whatever proofs of unknown logs stand beside it."""
    case = Case(vectors, one)
    whole = meaning(case.verify())
    for two in GOOD:
        other = Case(vectors, two).document
        if two == one:
            continue
        for part in ("verificationMaterial", "messageSignature", "dsseEnvelope"):
            if part not in other or part not in case.document:
                continue
            mixed = replaced(case.document, (part,), other[part])
            if mixed in (case.document, other):
                continue
            result = outcome(case, json.dumps(mixed).encode())
            assert isinstance(result, Exit) or (case.key and result == whole), (two, part)
        way = ("verificationMaterial", "tlogEntries")
        swapped = replaced(case.document, way, [entry(other)])
        result = outcome(case, json.dumps(swapped).encode())
        assert isinstance(result, Exit) or (case.key and result == whole), two


def test_numbers_may_be_plain_and_zeros_left_out(vectors: Path) -> None:
    case = Case(vectors, "intoto-with-custom-trust-root")
    document = case.document
    proof = entry(document)["inclusionProof"]
    assert proof["logIndex"] == "0"
    assert proof.pop("hashes") == []
    del proof["logIndex"]
    proof["treeSize"] = int(proof["treeSize"])
    assert meaning(case.verify(document)) == meaning(case.verify())


def test_a_thousand_log_entries_are_a_limit(vectors: Path) -> None:
    case = Case(vectors, "happy-path-v0.3")
    document = case.document
    document["verificationMaterial"]["tlogEntries"] *= 1000
    assert outcome(case, json.dumps(document).encode()) is Exit.UNCHECKED


def test_the_same_log_entry_twice_counts_once(vectors: Path) -> None:
    from weightmark.attestations.sigstore.thresholds import Thresholds
    from weightmark.errors import ProofMissingError

    case = Case(vectors, "happy-path-v0.3")
    document = case.document
    document["verificationMaterial"]["tlogEntries"] *= 2
    case.verify(document)
    with pytest.raises(ProofMissingError, match="log entry is missing: 2 asked for, 1 found"):
        case.verify(document, thresholds=Thresholds(log_entries=2))

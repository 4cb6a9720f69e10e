"""Contents of bills of materials without any file: what writers and comparisons are given in tests."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from weightmark.attestations.bom.interface import (
    BomAncestor,
    BomClaim,
    BomContent,
    BomFile,
    BomStep,
    BomWeights,
    Fact,
    Origin,
    Signed,
    Source,
    plain,
)
from weightmark.attestations.bom.interface import BomInput as Input
from weightmark.provenance.ledger.event import parse_time

MOMENT = parse_time("2026-02-03T04:05:06Z")
SIGNER = "key:" + "5" * 64


def identity(name: str) -> str:
    return f"wm1:{hashlib.sha256(name.encode()).hexdigest()}"


def claimed(name: str = "claim", signer: str = SIGNER) -> Source:
    return Source(Origin.CLAIMED, signer, hashlib.sha256(name.encode()).hexdigest(), MOMENT)


def file(path: str, size: int = 3) -> BomFile:
    digest = hashlib.sha256(path.encode()).hexdigest()
    return BomFile(path, size, digest, digest)


def content(**more: Any) -> BomContent:
    """Return a small content of an unsigned model, but for what is said otherwise."""
    files = more.pop("files", (file("config.json"), file("model.safetensors")))
    plainly = BomContent(
        identity=identity("model"),
        name=Fact(("model",), Source(Origin.GIVEN)),
        kind=Fact.measured("model"),
        single=False,
        files=files,
        count=max(len(files), 1),
        size=sum(one.size for one in files),
        weights=(),
        unread=(),
        signed=Signed.UNVERIFIED,
        signers=(),
        why="nobody signed it",
        facts={},
        ancestors=(),
        steps=(),
        claims=(),
        strangers=0,
        elsewhere=0,
        gaps=(),
        moment=None,
    )
    return replace(plainly, **more)


_TEXTS = st.text(max_size=60).map(plain) | st.sampled_from(
    ["<b>&amp;</b>", "\x1b[31m", "\u202egpj.exe", "a\nb", "MIT OR", "urn:x:y", "%zz", "x" * 1000]
)
_WORDS = _TEXTS.filter(lambda text: bool(text.strip()))
_SOURCES = st.builds(claimed, st.text("ab", min_size=1, max_size=3), st.just(SIGNER) | _WORDS)
_ANY_SOURCE = _SOURCES | st.builds(Source, st.just(Origin.STATED), file=_WORDS)
_VALUES: dict[str, st.SearchStrategy[str]] = {
    "approach": st.sampled_from(["supervised", "unsupervised"]),
    "records": st.integers(0, 2**40).map(str),
    "personal-data": st.sampled_from(["none", "pseudonymized", "present"]),
}
_NAMES = (
    "approach", "architecture", "architecture-family", "classification", "collected", "copyright",
    "description", "licenses", "limitations", "metrics", "personal-data", "purl", "records", "scan",
    "sources", "supplier", "task", "tests", "tradeoffs", "use-cases", "users", "version",
)  # fmt: skip


def _fact(name: str) -> st.SearchStrategy[tuple[Fact, ...]]:
    values = st.tuples(_VALUES.get(name, _WORDS))
    fact = st.builds(Fact, values, _SOURCES if name in _VALUES else _ANY_SOURCE)
    return st.lists(fact, min_size=1, max_size=2).map(tuple)


_FACTS = st.fixed_dictionaries({}, optional={name: _fact(name) for name in _NAMES})
_IDENTITIES = st.sampled_from([identity(name) for name in ("model", "base", "data", "other")])
_STEP_INPUTS = st.builds(
    Input,
    _WORDS,
    _TEXTS,
    st.sampled_from(["base", "data", "evaluation-data", ""]),
    _IDENTITIES | st.just(""),
    _TEXTS,
    st.booleans(),
)


def _unique(key: Callable[[Any], Any]) -> Callable[[list[Any]], tuple[Any, ...]]:
    return lambda values: tuple({key(one): one for one in values}.values())


@st.composite
def contents(draw: st.DrawFn) -> BomContent:
    """Contents as hostile as claims and names can make them, and as well-formed as gathering does."""
    paths = draw(
        st.lists(st.text(st.characters(codec="utf-8"), min_size=1), max_size=4, unique=True)
    )
    ancestors = st.builds(
        BomAncestor,
        _IDENTITIES.filter(lambda one: one != identity("model")) | st.just(""),
        _WORDS,
        st.booleans(),
        st.integers(1, 9),
        _SOURCES,
        st.just(()) | st.tuples(_WORDS),
        _FACTS,
        _TEXTS,
        _TEXTS,
    )
    linked_or_not = _unique(lambda one: one.identity or (one.source.claim_id, one.name, one.uri))
    steps = st.builds(
        BomStep,
        _IDENTITIES,
        _WORDS | st.sampled_from(["finetune", "merge", "https://example.com/type/v1"]),
        _TEXTS,
        st.lists(_STEP_INPUTS, max_size=3).map(tuple),
        _SOURCES,
        st.lists(st.tuples(_TEXTS, _TEXTS), max_size=2).map(tuple),
        st.none() | st.just(MOMENT),
    )
    weights = st.builds(
        BomWeights,
        _WORDS,
        _WORDS,
        st.just(1),
        st.integers(0, 2**60),
        st.just(("F32",)),
        st.just("sha256:" + "0" * 64),
    )
    claims = st.builds(
        BomClaim,
        st.text("0123456789abcdef", min_size=64, max_size=64),
        _WORDS,
        _WORDS,
        st.none() | st.just(MOMENT),
        _WORDS,
    )
    return content(
        name=Fact((draw(_WORDS),), draw(_ANY_SOURCE)),
        kind=Fact((draw(st.sampled_from(["model", "dataset"])),), draw(_SOURCES)),
        files=tuple(file(path) for path in paths),
        weights=draw(st.lists(weights, max_size=2).map(tuple)),
        unread=draw(st.lists(_WORDS, max_size=2).map(tuple)),
        facts=draw(_FACTS),
        ancestors=draw(st.lists(ancestors, max_size=3).map(linked_or_not)),
        steps=draw(st.lists(steps, max_size=2).map(_unique(lambda one: (one.source.claim_id, one.output)))),
        claims=draw(st.lists(claims, max_size=2).map(_unique(lambda one: (one.claim_id, one.signer)))),
        gaps=draw(st.lists(_WORDS, max_size=2).map(tuple)),
        moment=draw(st.none() | st.just(MOMENT)),
        address=draw(st.sampled_from(["", "hf://acme/qa@" + "a" * 40, "not an address"])),
    )  # fmt: skip

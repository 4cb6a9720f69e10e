"""From an address to a page: which view, which template, which twin. Knows nothing of HTTP or files."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from weightmark.attestations.pages.excerpt import Excerpt
from weightmark.attestations.pages.index.filters import Filter, Place, parse_asked
from weightmark.attestations.pages.json_form import to_json, twin_of
from weightmark.attestations.pages.links import Links
from weightmark.attestations.pages.rendering import data_block, render
from weightmark.attestations.pages.source import Source
from weightmark.attestations.pages.views.artifact import Starts, show_artifact
from weightmark.attestations.pages.views.compare import compare_artifacts
from weightmark.attestations.pages.views.decision import show_decision
from weightmark.attestations.pages.views.entries import list_entries
from weightmark.attestations.pages.views.entry import show_entry
from weightmark.attestations.pages.views.overview import show_overview
from weightmark.attestations.pages.views.revocations import list_revocations
from weightmark.attestations.pages.views.signer import show_signer
from weightmark.errors import CallError, WeightmarkError
from weightmark.values import dataclass

__all__ = ["PAGES", "Page", "PageKind", "digest_in", "problem_page"]

_WITHOUT_TWIN = frozenset({"check"})
_STARTS = ("files", "tensors", "findings")
_SHOWN_PREDICATE, _SHOWN_EVIDENCE = 20_000, 50_000
_CARRIED = "carried"
_KEYSET = ("before", "after")
_DIGEST = re.compile(r"(?:(?:wm1|sha256):)?([0-9a-f]{64})")
_SIGNER = re.compile(r"(key|salted)-([0-9a-f]{64})")
_INDEX = re.compile(r"(?:0|[1-9][0-9]{0,14})")
_Given = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """One page, ready to be written in either form."""

    name: str
    """which template, and what the twin calls it"""
    path: str
    """its address below the root"""
    view: Any
    """what it shows"""
    extra: Mapping[str, Any]
    """further values for the template"""

    @property
    def has_twin(self) -> bool:
        """Whether there is a JSON twin of it."""
        return self.name not in _WITHOUT_TWIN

    def html(self, links: Links, query: str = "") -> bytes:
        """Write it as HTML; `query` is that of its address."""
        values = dict(self.extra)
        if self.name == "entry":
            fields = {"v": 1, "receipt": self.view.receipt, "vkey": self.view.vkey}
            values["proof"] = data_block({**fields, "live": not links.static})
        twin = links.twin(self.path, query) if self.has_twin else ""
        return render(self.name, links, twin, view=self.view, **values)

    def json(self) -> bytes:
        """Write its twin."""
        return twin_of(self.name, self.view)


@dataclass(frozen=True, slots=True)
class PageKind:
    """One kind of page."""

    name: str
    """of its template"""
    route: str
    """its address below the root, with `{name}` for the last part"""
    parameters: Sequence[str]
    """what its query may hold"""
    make: Callable[[Source, str, _Given], Page]
    """makes it from the last part of its address and the parameters; raises `CallError` for what is not there"""

    @property
    def has_twin(self) -> bool:
        """Whether there are JSON twins of them."""
        return self.name not in _WITHOUT_TWIN

    @property
    def depth(self) -> int:
        """Folders between it and the root."""
        return self.route.count("/")

    def page(self, source: Source, part: str, parameters: Sequence[tuple[str, str]]) -> Page:
        """Make a page; raises `CallError` for what is not there, and for parameters that it does not know."""
        return self.make(source, part, parse_asked(parameters, self.parameters))


def digest_in(text: str) -> str:
    """Return the hex digits of `wm1:<hex>`, `sha256:<hex>` or of 64 hex digits alone; raises `CallError`."""
    match = _DIGEST.fullmatch(text.strip())
    if match is None:
        raise CallError("this is no digest", fix="write 64 hex digits, with `wm1:` or `sha256:`")
    return match[1]


def problem_page(origin: str, error: WeightmarkError, heading: str, depth: int) -> bytes:
    """Write a page that says why there is no other."""
    said = {"what": error.what, "why": error.why, "fix": error.fix}
    return render("problem", Links(depth), view={"origin": origin}, heading=heading, **said)


def _index(text: str) -> int:
    if not _INDEX.fullmatch(text):
        raise CallError("this is no index of an entry")
    return int(text)


def _overview(source: Source, _: str, __: _Given) -> Page:
    return Page("overview", "", show_overview(source), {})


def _entries(source: Source, _: str, given: _Given) -> Page:
    asked = dict(given)
    return Page("entries", "entries", list_entries(source, Filter.of(asked), Place.of(asked)), {})


def _entry(source: Source, part: str, _: _Given) -> Page:
    view = show_entry(source, _index(part))
    predicate = Excerpt.of(view.claim.predicate, _SHOWN_PREDICATE)
    return Page("entry", f"entries/{view.index}", view, {"predicate": predicate})


def _artifact(source: Source, part: str, given: _Given) -> Page:
    digest = digest_in(part)
    starts = Starts(**{name: _index(given[name]) for name in _STARTS if name in given})
    view = show_artifact(source, digest, Place.of(dict(given)), starts)
    return Page("artifact", f"artifacts/{digest}", view, {})


def _signer(source: Source, part: str, given: _Given) -> Page:
    match = _SIGNER.fullmatch(part)
    if match is None:
        raise CallError("this is no signer", fix="write `key-<hex>` or `salted-<hex>`")
    view = show_signer(source, f"{match[1]}:{match[2]}", Place.of(dict(given)))
    return Page("signer", f"signers/{part}", view, {})


def _decision(source: Source, part: str, _: _Given) -> Page:
    view = show_decision(source, _index(part))
    evidence = Excerpt.of(to_json(view.evidence), _SHOWN_EVIDENCE) if view.evidence else None
    return Page("decision", f"decisions/{view.index}", view, {"evidence": evidence})


def _revocations(source: Source, _: str, given: _Given) -> Page:
    first = _index(given[_CARRIED]) if _CARRIED in given else 0
    view = list_revocations(source, Place.of(dict(given)), first)
    return Page("revocations", "revocations", view, {})


def _compare(source: Source, _: str, given: _Given) -> Page:
    left, right = given.get("left", ""), given.get("right", "")
    if not left or not right:
        view: Any = {"origin": source.ledger.origin}
        return Page("compare", "compare", view, {"compared": False, "left": left, "right": right})
    digests = digest_in(left), digest_in(right)
    found = compare_artifacts(source, *digests)
    more = {"compared": True, "left": found.left, "right": found.right}
    return Page("compare", "compare", found, more)


def _check(source: Source, _: str, __: _Given) -> Page:
    return Page("check", "check", {"origin": source.ledger.origin}, {})


PAGES: tuple[PageKind, ...] = (
    PageKind("overview", "", (), _overview),
    PageKind(
        "entries",
        "entries",
        ("text", "subject", "signer", "kind", "verdict", "since", "until", *_KEYSET),
        _entries,
    ),
    PageKind("entry", "entries/{name}", (), _entry),
    PageKind("artifact", "artifacts/{name}", (*_STARTS, *_KEYSET), _artifact),
    PageKind("signer", "signers/{name}", _KEYSET, _signer),
    PageKind("decision", "decisions/{name}", (), _decision),
    PageKind("revocations", "revocations", (*_KEYSET, _CARRIED), _revocations),
    PageKind("compare", "compare", ("left", "right"), _compare),
    PageKind("check", "check", (), _check),
)
"""every kind of page"""

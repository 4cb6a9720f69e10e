"""What somebody searches for in the entries, read strictly from the parameters of a page."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Self
from urllib.parse import urlencode

from weightmark.errors import CallError, MalformedError
from weightmark.provenance.ledger.event import KINDS, parse_time
from weightmark.values import dataclass

__all__ = ["MAX_QUERY", "MIN_WORD", "Filter", "Place", "parse_asked"]

MAX_QUERY = 2048
"""characters of all parameters together"""
MIN_WORD = 3
"""characters of a word; the index knows no shorter ones"""
_MAX_WORDS, _MAX_WORD = 8, 100
_SUBJECT = re.compile(r"(?:wm1|sha256|key|salted):[0-9a-f]{64}")
_SIGNER = re.compile(r"(?:key|salted):[0-9a-f]{64}")
_VERDICT = re.compile(r"[a-z0-9_-]{1,40}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,15}")
_FIELDS = ("text", "subject", "signer", "kind", "verdict", "since", "until")


@dataclass(frozen=True, slots=True)
class Filter:
    """What the entries must be; a field that is empty does not matter."""

    text: str = ""
    """words that all stand in the claim, as they were typed"""
    subject: str = ""
    """`wm1:<hex>`, `sha256:<hex>`, `key:<hex>` or `salted:<hex>`"""
    signer: str = ""
    """`key:<hex>` or `salted:<hex>` of whoever signed the claim"""
    kind: str = ""
    """what the entry records"""
    verdict: str = ""
    """what the claim came to, in lower case"""
    since: str = ""
    """as it was typed: a date or RFC 3339 UTC, by the log's clock; from then on"""
    until: str = ""
    """likewise; before then, and a date up to its end"""

    @classmethod
    def of(cls, given: dict[str, str]) -> Self:
        """Read the fields strictly; raises `CallError`."""
        asked = cls(**{name: given.get(name, "").strip() for name in _FIELDS})
        _require(asked.subject, _SUBJECT, "`subject` is no `wm1:`, `sha256:`, `key:` or `salted:`")
        _require(asked.signer, _SIGNER, "`signer` is no `key:` or `salted:`")
        _require(asked.verdict.lower(), _VERDICT, "`verdict` is no word")
        if asked.kind and asked.kind not in KINDS:
            raise CallError(
                "`kind` is no kind of entry", fix=f"use one of {', '.join(sorted(KINDS))}"
            )
        _ = asked.words, asked.first_second, asked.last_second
        return asked

    @property
    def words(self) -> tuple[str, ...]:
        """The words; raises `CallError` for what cannot be searched for."""
        words = tuple(self.text.split())
        if len(words) > _MAX_WORDS:
            raise CallError(f"`text` has over {_MAX_WORDS} words")
        for word in words:
            if not word.isprintable() or not MIN_WORD <= len(word) <= _MAX_WORD:
                raise CallError(
                    f"a word of `text` does not have {MIN_WORD} to {_MAX_WORD} characters that can be seen",
                    fix="leave short words out, and search for digests with `subject`",
                )
        return words

    @property
    def first_second(self) -> int | None:
        """The first second of interest, Unix time."""
        return _second(self.since, "since") if self.since else None

    @property
    def last_second(self) -> int | None:
        """The last second of interest, Unix time."""
        if not self.until:
            return None
        whole_day = _DATE.fullmatch(self.until) is not None
        day = int(timedelta(days=1).total_seconds())
        return _second(self.until, "until") + (day if whole_day else 0) - 1

    @property
    def is_empty(self) -> bool:
        """Whether every entry fits."""
        return self == Filter()

    def query(self, **more: object) -> str:
        """Return it as the query of a URL, with `more` behind it."""
        given = {name: getattr(self, name) for name in _FIELDS if getattr(self, name)}
        return urlencode({**given, **more})


@dataclass(frozen=True, slots=True)
class Place:
    """Which page of a list: the keyset, and never a number of rows to skip."""

    before: int | None = None
    """only entries before this index, the newest of them; None from the newest on"""
    after: int | None = None
    """only entries after this index, the oldest of them; shown newest first all the same"""

    @classmethod
    def of(cls, given: dict[str, str]) -> Self:
        """Read the parameters; raises `CallError`."""
        found = {}
        for name in ("before", "after"):
            if name in given:
                _require(given[name], _NUMBER, f"`{name}` is no index")
                found[name] = int(given[name])
        if len(found) > 1:
            raise CallError("`before` and `after` exclude each other")
        return cls(**found)


def parse_asked(
    parameters: Sequence[tuple[str, str]], known: Sequence[str] = (*_FIELDS, "before", "after")
) -> dict[str, str]:
    """Return the parameters of a page, empty ones left out; raises `CallError` for unknown, doubled and huge ones."""
    given = dict(parameters)
    if sum(len(name) + len(value) for name, value in parameters) > MAX_QUERY:
        raise CallError(f"the parameters have over {MAX_QUERY} characters")
    if len(given) != len(parameters) or not given.keys() <= set(known):
        raise CallError(
            "the page has unknown or doubled parameters",
            fix=f"use {', '.join(known)}, each once" if known else "use none",
        )
    return {name: value for name, value in given.items() if value.strip()}


def _second(text: str, name: str) -> int:
    try:
        if _DATE.fullmatch(text):
            return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
        return int(parse_time(text).timestamp())
    except (ValueError, MalformedError) as error:
        raise CallError(
            f"`{name}` is no time", fix="write `2026-11-21` or `2026-11-21T12:00:00Z`"
        ) from error


def _require(text: str, pattern: re.Pattern[str], what: str) -> None:
    if text and not pattern.fullmatch(text):
        raise CallError(what)

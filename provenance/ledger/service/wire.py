"""What a client and the service of a ledger say to each other: JSON over HTTP (docs/formats/ledger.md). Pure."""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from weightmark.errors import (
    CallError,
    Exit,
    LedgerInconsistentError,
    LedgerNotLiveError,
    LimitError,
    MalformedError,
    NetworkError,
    UncheckedError,
    WeightmarkError,
    error_catalogue,
)
from weightmark.provenance.ledger.admission import Submission
from weightmark.provenance.ledger.event import KINDS, parse_time
from weightmark.provenance.ledger.note import NoteVerifier, decode_base64
from weightmark.provenance.ledger.proof import MAX_RECEIPT_SIZE
from weightmark.provenance.ledger.snapshot import LoggedEvent
from weightmark.provenance.ledger.store.interface import Query
from weightmark.provenance.strict_json import canonical_json, parse_object
from weightmark.values import dataclass

__all__ = [
    "ABOUT_PATH",
    "ADD_BATCH_PATH",
    "ADD_PATH",
    "MAX_ANSWER_SIZE",
    "MAX_BATCH",
    "MAX_ERROR_SIZE",
    "MAX_FOUND",
    "SEARCH_PATH",
    "About",
    "Found",
    "Search",
    "encode_about",
    "encode_batch",
    "encode_error",
    "encode_found",
    "encode_receipts",
    "encode_submission",
    "parse_about",
    "parse_batch",
    "parse_error",
    "parse_found",
    "parse_receipts",
    "parse_search",
    "parse_submission",
    "search_parameters",
    "status_of",
]

ABOUT_PATH: Final = "ledger.json"
"""below the root of the service"""
ADD_PATH: Final = "add"
"""below the root of the service"""
ADD_BATCH_PATH: Final = "add-batch"
"""below the root of the service"""
SEARCH_PATH: Final = "search"
"""below the root of the service"""
MAX_BATCH = 256
"""submissions of one batch, which are entered all or none"""
MAX_FOUND = 1000
"""entries of one answer to a search"""
MAX_ANSWER_SIZE = MAX_FOUND * 2 * 65_535
"""bytes of one answer to a search"""
MAX_ERROR_SIZE = 64 * 1024
"""bytes of one answer that says what is wrong"""
_ABOUT_SCHEMA: Final = "weightmark/ledger-service/v1"
_FOUND_SCHEMA: Final = "weightmark/ledger-service-search/v1"
_RECEIPTS_SCHEMA: Final = "weightmark/ledger-service-receipts/v1"
_ERROR_SCHEMA: Final = "weightmark/ledger-service-error/v1"
_MAX_WORDS = 500
_OWN_TROUBLE = 500
_QUERY = ("subject", "kind", "signer", "submitter", "since", "until")
_MAX_DIGITS = 15
_DEFAULT_LIMIT = 100
_STATUS: Mapping[str, int] = {
    "malformed": 400,
    "usage": 400,
    "submission-refused": 403,
    "wrong-signer": 403,
    "ledger-inconsistent": 500,
    "ledger-not-live": 410,
    "limit": 413,
    "unsupported": 422,
}
"""HTTP status by error code; what else is bad is 403, what could not be checked 503"""


@dataclass(frozen=True, slots=True)
class About:
    """What a service says of itself; nothing in it is proven."""

    origin: str
    """the log's name"""
    vkey: str
    """the log's verifier key, to compare with the one that its operator announces"""
    writable: bool
    """whether it takes submissions"""


@dataclass(frozen=True, slots=True)
class Search:
    """What a client searches for."""

    query: Query
    """the conditions"""
    start: int
    """the first index of interest"""
    limit: int
    """at most so many entries"""


@dataclass(frozen=True, slots=True)
class Found:
    """One entry of an answer to a search; reading it proves nothing."""

    index: int
    """where the service says it stands"""
    body: bytes
    """the leaf's canonical bytes, to be proven"""


def encode_submission(submission: Submission) -> bytes:
    """Write the body of `POST /add`."""
    return json.dumps(_submission_fields(submission)).encode()


def encode_batch(submissions: Sequence[Submission]) -> bytes:
    """Write the body of `POST /add-batch`; raises `LimitError` for over 256 submissions."""
    if len(submissions) > MAX_BATCH:
        raise LimitError(
            f"{len(submissions)} claims are over the {MAX_BATCH} that a service enters all or none",
            fix="enter them in parts, with `--line`",
        )
    return json.dumps({"submissions": [_submission_fields(one) for one in submissions]}).encode()


def parse_submission(body: bytes, max_size: int) -> Submission:
    """Read the body of `POST /add`; raises `MalformedError` or `LimitError`."""
    return _submission_from(
        parse_object(body, what="the submission", max_size=max_size, max_depth=2)
    )


def parse_batch(body: bytes, max_size: int) -> tuple[Submission, ...]:
    """Read the body of `POST /add-batch`; raises `MalformedError` or `LimitError`."""
    fields = parse_object(body, what="the batch", max_size=max_size, max_depth=4)
    listed = fields.get("submissions")
    if fields.keys() != {"submissions"} or not isinstance(listed, list) or not listed:
        raise MalformedError(
            "a batch has exactly the field `submissions`, a list that is not empty"
        )
    if len(listed) > MAX_BATCH:
        raise LimitError(f"a batch has {len(listed)} submissions, over {MAX_BATCH}")
    return tuple(_submission_from(one if isinstance(one, dict) else {}) for one in listed)


def encode_receipts(receipts: Iterable[bytes]) -> bytes:
    """Write the answer to `POST /add-batch`: the text of each receipt, in the order of the submissions."""
    return canonical_json(
        {"schema": _RECEIPTS_SCHEMA, "receipts": [one.decode() for one in receipts]}
    )


def parse_receipts(data: bytes, count: int) -> tuple[bytes, ...]:
    """Read the answer to a batch of `count`; raises `MalformedError`. What a receipt proves is for `verify_receipt`."""
    most = MAX_BATCH * 2 * MAX_RECEIPT_SIZE
    fields = parse_object(data, what="the answer to the batch", max_size=most, max_depth=4)
    receipts = fields.get("receipts")
    if fields.get("schema") != _RECEIPTS_SCHEMA or not isinstance(receipts, list):
        raise MalformedError("the answer to the batch is not in the form that weightmark knows")
    texts = [one.encode() for one in receipts if isinstance(one, str)]
    if not len(texts) == len(receipts) == count:
        raise MalformedError(f"the answer to a batch of {count} holds another number of receipts")
    return tuple(texts)


def _submission_fields(submission: Submission) -> dict[str, str]:
    return {
        "claim": base64.b64encode(submission.claim).decode(),
        "request": base64.b64encode(submission.request).decode(),
    }


def _submission_from(fields: dict[str, Any]) -> Submission:
    claim, request = fields.get("claim"), fields.get("request")
    if fields.keys() != {"claim", "request"}:
        raise MalformedError("a submission has exactly the fields `claim` and `request`")
    if not isinstance(claim, str) or not isinstance(request, str):
        raise MalformedError("`claim` and `request` of a submission are base64 in strings")
    return Submission(decode_base64(claim, "`claim`"), decode_base64(request, "`request`"))


def encode_about(about: About) -> bytes:
    """Write `ledger.json`."""
    fields = {"origin": about.origin, "vkey": about.vkey, "writable": about.writable}
    return canonical_json({"schema": _ABOUT_SCHEMA, **fields})


def parse_about(data: bytes) -> About:
    """Read `ledger.json`; raises `MalformedError`. Fields of later versions are left alone."""
    fields = parse_object(data, what="what the service says of itself", max_depth=4)
    origin, vkey, writable = (fields.get(name) for name in ("origin", "vkey", "writable"))
    if fields.get("schema") != _ABOUT_SCHEMA or not isinstance(writable, bool):
        raise MalformedError("this is no ledger service that weightmark knows")
    if not isinstance(origin, str) or not isinstance(vkey, str):
        raise MalformedError("the service does not name its log")
    return About(origin, NoteVerifier.parse(vkey).vkey, writable)


def parse_search(parameters: Sequence[tuple[str, str]]) -> Search:
    """Read the parameters of a search strictly; raises `CallError`."""
    given = dict(parameters)
    if len(given) != len(parameters) or not given.keys() <= {*_QUERY, "start", "limit"}:
        raise CallError(
            "a search has unknown or doubled parameters",
            fix=f"use {', '.join((*_QUERY, 'start', 'limit'))}, each once",
        )
    if given.get("kind", "release") not in KINDS:
        raise CallError("`kind` is no kind of entry", fix=f"use one of {', '.join(sorted(KINDS))}")
    for name in ("since", "until"):
        if name in given:
            _require_time(given[name], name)
    limit = _number(given.get("limit", str(_DEFAULT_LIMIT)), "limit")
    start = _number(given.get("start", "0"), "start")
    query = Query(**{name: given[name] for name in _QUERY if name in given})
    return Search(query, start, min(max(limit, 1), MAX_FOUND))


def _require_time(text: str, name: str) -> None:
    try:
        parse_time(text)
    except MalformedError as error:
        raise CallError(f"`{name}` is no time", why=error.why) from error


def search_parameters(search: Search) -> dict[str, str]:
    """Write the parameters of a search."""
    asked = {name: getattr(search.query, name) for name in _QUERY}
    given = {name: value for name, value in asked.items() if value is not None}
    return {**given, "start": str(search.start), "limit": str(search.limit)}


def encode_found(size: int, found: Iterable[LoggedEvent]) -> bytes:
    """Write the answer to a search in a log of `size` entries."""
    entries = [{"index": one.index, "event": json.loads(one.body)} for one in found]
    return canonical_json({"schema": _FOUND_SCHEMA, "size": size, "entries": entries})


def parse_found(data: bytes, search: Search) -> tuple[Found, ...]:
    """Read an answer to `search`; raises `MalformedError` unless its entries rise from `start` on."""
    fields = parse_object(data, what="the answer to the search", max_size=MAX_ANSWER_SIZE)
    entries = fields.get("entries")
    if fields.get("schema") != _FOUND_SCHEMA or not isinstance(entries, list):
        raise MalformedError("the answer to the search is not in the form that weightmark knows")
    found = tuple(_parse_entry(one) for one in entries)
    places = [one.index for one in found]
    if places != sorted(set(places)) or (places and places[0] < search.start):
        raise LedgerInconsistentError("the answer to the search is not in order")
    return found


def encode_error(error: WeightmarkError, *, exactly: bool = False) -> bytes:
    """Write what is wrong; unless `exactly`, of the service's own trouble only that there is some."""
    if not exactly and status_of(error) >= _OWN_TROUBLE:
        said = "the ledger cannot answer at the moment"
        error = (
            type(error)("the service finds its own ledger inconsistent, and takes nothing")
            if isinstance(error, LedgerInconsistentError)
            else UncheckedError(said, fix="try again later, or tell its operator")
        )
    fields = {"code": error.code, "what": error.what, "why": error.why, "fix": error.fix}
    return canonical_json({"schema": _ERROR_SCHEMA, **fields})


def parse_error(data: bytes, name: str, status: int) -> WeightmarkError:
    """Turn what the service at `name` answered with `status` into an error of ours.

    An answer that is none, or whose code is of no refusal, is a `NetworkError`: what could not be
    understood refuses nothing.
    """
    try:
        fields = parse_object(data, what="the answer", max_size=MAX_ERROR_SIZE, max_depth=4)
    except WeightmarkError:
        fields = {}
    words = [_printable(fields.get(one)) for one in ("what", "why", "fix")]
    kind = _catalogue().get(str(fields.get("code")))
    if fields.get("schema") != _ERROR_SCHEMA or kind is None or not words[0]:
        return NetworkError(
            f"`{name}` answered with status {status}",
            fix="check the address and whether you may use it",
        )
    if kind.exit is Exit.UNCHECKED and kind not in {LimitError, LedgerNotLiveError}:
        kind = NetworkError
    return kind(words[0], why=words[1], fix=words[2])


def status_of(error: WeightmarkError) -> int:
    """Return the HTTP status that says what `error` says."""
    return _STATUS.get(error.code, 403 if error.exit is Exit.BAD else 503)


@cache
def _catalogue() -> dict[str, type[WeightmarkError]]:
    return error_catalogue()


def _printable(text: Any) -> str:
    """Return at most a few words that no terminal takes for commands."""
    if not isinstance(text, str):
        return ""
    return "".join(one if one.isprintable() else "?" for one in text[:_MAX_WORDS])


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise CallError(f"`{name}` of a search is a number")
    return int(text)


def _parse_entry(entry: Any) -> Found:
    index = entry.get("index") if isinstance(entry, dict) else None
    event = entry.get("event") if isinstance(entry, dict) else None
    if type(index) is not int or index < 0 or not isinstance(event, dict):
        raise MalformedError("an entry in the answer to the search has no index or no event")
    try:
        return Found(index, canonical_json(event))
    except TypeError as error:
        raise MalformedError("an event in the answer to the search holds a fraction") from error

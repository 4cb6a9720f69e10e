"""Exports: other tools read them, and nothing in an entry becomes syntax."""

import csv
import io
import json
import re
import tarfile
from copy import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.provenance.ledger.ledger_sim import ClaimVerifierSim, SubmitterSim
from weightmark.provenance.ledger.event import Kind, check_origin
from weightmark.provenance.ledger.export.cef import cef_line
from weightmark.provenance.ledger.export.forms import FORM_NAMES, form_of
from weightmark.provenance.ledger.export.interface import COLUMNS, row_of
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import NoteVerifier
from weightmark.provenance.ledger.proof import verify_receipt
from weightmark.provenance.ledger.snapshot import LoggedEvent

JUDGE = ClaimVerifierSim()
LINES = [name for name in FORM_NAMES if name != "bundle"]
HOSTILE = [
    "a,b",
    'a"b',
    "a|b",
    "a=b",
    "a]b",
    "a\\b",
    "=cmd",
    "@SUM(1)",
    "-1",
    "a;b",
    "a'b",
    "<13>1",
]
"""names of a log, which its maker chooses freely; no white space and no plus sign may stand in them"""


@pytest.fixture
def grown(ledger: Ledger, alice: SubmitterSim) -> Ledger:
    ledger.append([alice.submit("a"), alice.submit("b", "scan")], JUDGE)
    return ledger


def rendered(ledger: Ledger, form: str, *entries: LoggedEvent) -> bytes:
    return b"".join(form_of(form, ledger).render(entries or ledger.entries()))


def altered(logged: LoggedEvent, **changes: Any) -> LoggedEvent:
    """An entry that nobody proved, for what must not break on it; `replace` can make none."""
    entry = copy(logged)
    for name, value in changes.items():
        object.__setattr__(entry, name, value)
    return entry


def named(ledger: Ledger, origin: str) -> LoggedEvent:
    """An entry as a log of this name would have it."""
    check_origin(origin)
    logged = ledger.entry(1)
    event = replace(logged.event, origin=origin)
    return altered(logged, event=event, body=event.to_bytes())


@pytest.mark.parametrize("form", LINES)
def test_every_entry_is_there_once(grown: Ledger, form: str) -> None:
    text = rendered(grown, form).decode()
    for logged in grown.entries():
        assert text.count(logged.event.claim_id) in (1, 2)
    assert rendered(grown, form) == text.encode(), "the same bytes again"


def test_json_lines_hold_the_leaf_as_it_stands(grown: Ledger) -> None:
    lines = [json.loads(line) for line in rendered(grown, "jsonl").splitlines()]
    assert [one["index"] for one in lines] == [0, 1, 2]
    assert [one["event"] for one in lines] == [json.loads(one.body) for one in grown.entries()]


@pytest.mark.parametrize("origin", HOSTILE)
def test_no_name_breaks_out_of_csv(grown: Ledger, origin: str) -> None:
    rows = list(csv.reader(io.StringIO(rendered(grown, "csv", named(grown, origin)).decode())))
    assert rows[0] == list(COLUMNS)
    assert len(rows) == 2
    assert dict(zip(*rows, strict=True))["origin"].lstrip("'") == origin.lstrip("'")


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_no_cell_is_a_formula(grown: Ledger, cell: str) -> None:
    entry = named(grown, "x")
    event = replace(entry.event)
    object.__setattr__(event, "event_id", cell)
    text = rendered(grown, "csv", altered(entry, event=event)).decode()
    assert f'"{cell}"' not in text
    assert f'"\'{cell}"' in text


@pytest.mark.parametrize("origin", HOSTILE)
@pytest.mark.parametrize("form", ["jsonl", "ocsf"])
def test_no_name_breaks_out_of_json(grown: Ledger, origin: str, form: str) -> None:
    (line,) = rendered(grown, form, named(grown, origin)).splitlines()
    document = json.loads(line)
    found = document["event"]["origin"] if form == "jsonl" else document["metadata"]["log_name"]
    assert found == origin


def parse_cef(line: str) -> tuple[list[str], dict[str, str]]:
    """Read CEF as its specification says: an unescaped pipe ends a header field, an unescaped `=` a key."""
    parts = re.split(r"(?<!\\)(?:\\\\)*\|", line, maxsplit=7)
    pairs = re.findall(r"(\w+)=((?:\\.|[^\\=])*?)(?= \w+=|\Z)", parts[7])
    return parts, {key: re.sub(r"\\(.)", r"\1", value) for key, value in pairs}


@pytest.mark.parametrize("origin", HOSTILE)
def test_no_name_breaks_out_of_cef(grown: Ledger, origin: str) -> None:
    parts, pairs = parse_cef(cef_line(named(grown, origin)))
    assert parts[:5] == ["CEF:0", "weightmark", "ledger", "1", "release"]
    assert pairs["cs2"] == origin
    assert pairs["suser"].startswith("key:")


_SYSLOG = re.compile(
    r'<(\d+)>1 (\S+) (\S{1,255}) weightmark - ([A-Z]+) \[ledger@32473((?: [a-z0-9-]+="(?:\\.|[^"\\\]])*")*)\] (.*)'
)


@pytest.mark.parametrize("origin", HOSTILE)
def test_no_name_breaks_out_of_syslog(grown: Ledger, origin: str) -> None:
    (line,) = rendered(grown, "syslog", named(grown, origin)).decode().splitlines()
    match = _SYSLOG.fullmatch(line)
    assert match is not None, line
    data = {
        key: re.sub(r"\\(.)", r"\1", value)
        for key, value in re.findall(r'([a-z0-9-]+)="((?:\\.|[^"\\\]])*)"', match[5])
    }
    assert data["origin"] == origin
    assert set(data) == {name.replace("_", "-") for name in COLUMNS}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=40))
def test_whatever_a_log_is_called_one_entry_is_one_line(grown: Ledger, origin: str) -> None:
    """Even names that no log can have end no line: a renderer trusts no other code to have checked."""
    entry = grown.entry(1)
    event = replace(entry.event)
    object.__setattr__(event, "origin", origin)
    for form in ("cef", "syslog"):
        text = rendered(grown, form, altered(entry, event=event)).decode()
        assert text.splitlines() == [text[:-1]]


def test_revocations_are_more_severe(grown: Ledger) -> None:
    usual = grown.entry(1)
    event = replace(usual.event, kind=Kind.REVOKE)
    revoked = altered(usual, event=event, body=event.to_bytes())
    for form, pattern in (
        ("cef", r"\|(\d+)\|"),
        ("ocsf", r'"severity_id": (\d+)'),
    ):
        (low,), (high,) = (
            re.findall(pattern, rendered(grown, form, one).decode())[-1:]
            for one in (usual, revoked)
        )
        assert int(high) > int(low)
    priority = [rendered(grown, "syslog", one)[:5] for one in (usual, revoked)]
    assert priority == [b"<110>", b"<108>"]


def test_the_portable_bundle_is_checked_without_the_ledger(grown: Ledger) -> None:
    archive = rendered(grown, "bundle")
    assert archive == rendered(grown, "bundle")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        files = {one.name: tar.extractfile(one).read() for one in tar.getmembers()}  # type: ignore[union-attr] # all are files
    verifier = NoteVerifier.parse(files["log.vkey"].decode().strip())
    for index in range(3):
        verified = verify_receipt(files[f"receipts/{index}.tlog-proof"], verifier)
        assert verified.event.to_bytes() == files[f"entries/{index}"]
        assert f"claims/{verified.event.claim_sha256}" in files
    assert len(archive) % 512 == 0


def test_a_row_has_every_column_in_order(grown: Ledger) -> None:
    assert tuple(row_of(grown.entry(0))) == COLUMNS

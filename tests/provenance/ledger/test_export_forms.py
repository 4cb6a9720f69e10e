"""Exports as their specifications demand: what is required is there, of its type and within its length."""

import json
import re
from datetime import datetime
from typing import Any

import pytest

from tests.provenance.ledger.ledger_sim import ClaimVerifierSim, SubmitterSim
from weightmark.provenance.ledger.administration import redact
from weightmark.provenance.ledger.export.forms import form_of
from weightmark.provenance.ledger.log import Ledger

OCSF_ENTITY_MANAGEMENT = {
    "activity_id": int,
    "category_uid": int,
    "class_uid": int,
    "entity": dict,
    "metadata": dict,
    "severity_id": int,
    "time": int,
    "type_uid": int,
}
"""required attributes of class 3004 (OCSF 1.3.0, `iam/entity_management`, with those of `base_event`)"""
OCSF_ACTIVITIES = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 99}
OCSF_SEVERITIES = {0, 1, 2, 3, 4, 5, 6, 99}
SYSLOG = re.compile(
    r"<(?P<pri>[1-9][0-9]{0,2})>1 (?P<time>\S+) (?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48})"
    r" (?P<proc>[!-~]{1,128}) (?P<msg>[!-~]{1,32}) \[(?P<sd>[^ =\]\"]{1,32})(?P<data>( [^ =\]\"]{1,32}=\"(\\.|[^\"\\\]])*\")*)\]"
    r"( (?P<text>.*))?"
)
"""the ABNF of RFC 5424 §6"""
CEF_KEYS = {
    "cn1", "cn1Label", "cs1", "cs1Label", "cs2", "cs2Label", "cs3", "cs3Label",
    "externalId", "fname", "rt", "suser",
}  # fmt: skip
"""of the producer dictionary of CEF version 0"""


@pytest.fixture
def lines(ledger: Ledger, alice: SubmitterSim) -> dict[str, list[str]]:
    """A log with entries of many kinds, in each form."""
    kinds = ("release", "scan", "revoke", "decision", "deploy", "approve")
    receipts = ledger.append([alice.submit(one, one) for one in kinds], ClaimVerifierSim())
    redact(ledger, f"sha256:{receipts[0].event.claim_sha256}", "asked for")
    entries = ledger.entries()
    return {
        form: b"".join(form_of(form, ledger).render(entries)).decode().splitlines()
        for form in ("ocsf", "cef", "syslog")
    }


def test_ocsf_has_what_the_class_requires(lines: dict[str, list[str]]) -> None:
    events: list[dict[str, Any]] = [json.loads(line) for line in lines["ocsf"]]
    assert len(events) == 8
    for event in events:
        assert {
            name: type(event[name]) for name in OCSF_ENTITY_MANAGEMENT
        } == OCSF_ENTITY_MANAGEMENT
        assert (event["category_uid"], event["class_uid"]) == (3, 3004)
        assert event["activity_id"] in OCSF_ACTIVITIES
        assert event["severity_id"] in OCSF_SEVERITIES
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert {"product", "version"} <= event["metadata"].keys()
        assert event["metadata"]["product"]["vendor_name"]
        assert event["entity"]["uid"], "a managed entity has a name or a uid"
        assert event["time"] > 10**12, "milliseconds"


def test_syslog_follows_its_grammar(lines: dict[str, list[str]]) -> None:
    for line in lines["syslog"]:
        match = SYSLOG.fullmatch(line)
        assert match, line
        assert int(match["pri"]) <= 191
        assert datetime.fromisoformat(match["time"]).tzinfo is not None
        name, _, enterprise = match["sd"].partition("@")
        assert name
        assert enterprise.isdigit(), "a name of one's own has an enterprise number"


def test_cef_has_seven_header_fields_and_keys_of_its_dictionary(
    lines: dict[str, list[str]],
) -> None:
    for line in lines["cef"]:
        *header, extension = re.split(r"(?<!\\)\|", line, maxsplit=7)
        assert len(header) == 7
        assert header[0] == "CEF:0"
        assert all(header)
        assert 0 <= int(header[6]) <= 10
        keys = set(re.findall(r"(?:^| )(\w+)=", extension))
        assert keys == CEF_KEYS
        assert {key for key in keys if key.endswith("Label")} == {
            f"{key}Label" for key in keys if re.fullmatch(r"c[ns]\d", key)
        }

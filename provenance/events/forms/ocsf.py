"""OCSF 1.8: Compliance Finding (2003), Detection Finding (2004), API Activity (6003), Scan Activity (6007).

Source: the classes and objects of https://schema.ocsf.io/1.8.0; the tests hold every event against them.
"""

import json
from typing import Any

from weightmark.provenance.events.event import Act, CheckFact, Event, Kind, Severity, milliseconds
from weightmark.provenance.events.forms.json_lines import json_array
from weightmark.provenance.events.product import PRODUCT

__all__ = ["OCSF_VERSION", "Ocsf", "classified", "severity_members"]

OCSF_VERSION = "1.8.0"
"""the released version of the schema that the events follow"""
_CATEGORIES = {2: "Findings", 3: "Identity & Access Management", 6: "Application Activity"}
_SEVERITIES = {
    Severity.INFORMATIONAL: "Informational",
    Severity.LOW: "Low",
    Severity.MEDIUM: "Medium",
    Severity.HIGH: "High",
    Severity.CRITICAL: "Critical",
}
_CREATE = (1, "Create")
_ACTS = {
    Act.CREATE: _CREATE,
    Act.READ: (2, "Read"),
    Act.UPDATE: (3, "Update"),
    Act.DELETE: (4, "Delete"),
}
_OUTCOMES = {"pass": (1, "Pass"), "fail": (3, "Fail"), "unchecked": (2, "Warning")}
_UNKNOWN = (0, "Unknown")
_SUCCESS, _FAILURE = (1, "Success"), (2, "Failure")
_ALLOWED, _DENIED = (1, "Allowed"), (2, "Denied")
_APPROVED, _BLOCKED = (1, "Allowed"), (2, "Blocked")
_COMPLETED, _SCAN_ERROR = (2, "Completed"), (6, "Error")
_REGULAR_FILE = {"type_id": 1, "type": "Regular File"}
_RULE = {"type_id": 1, "type": "Rule"}
_PROFILE = "security_control"


class Ocsf:
    """ASCII JSON in the Open Cybersecurity Schema Framework."""

    media_type = "application/json"

    def render(self, event: Event) -> bytes:
        """Return one event of the class that its kind stands for."""
        members = _MAKERS[event.kind](event)
        return json.dumps(members, sort_keys=True, ensure_ascii=True).encode("ascii")

    def together(self, lines: list[bytes]) -> bytes:
        """Return a JSON array."""
        return json_array(lines)


def classified(class_uid: int, name: str, activity: tuple[int, str]) -> dict[str, Any]:
    """Return the members that say of which class an event is, and what was done."""
    number, word = activity
    category = class_uid // 1000
    return {
        "activity_id": number,
        "activity_name": word,
        "category_name": _CATEGORIES[category],
        "category_uid": category,
        "class_name": name,
        "class_uid": class_uid,
        "type_name": f"{name}: {word}",
        "type_uid": class_uid * 100 + number,
    }


def severity_members(severity: Severity) -> dict[str, Any]:
    """Return how much an event matters."""
    return {"severity": _SEVERITIES[severity], "severity_id": int(severity)}


def _decision(event: Event) -> dict[str, Any]:
    """Return a Compliance Finding: what was demanded, what was seen, and whether it was let through."""
    policy = event.policy
    standards = [f"{policy.name} ({policy.digest})"] if policy else ["weightmark"]
    compliance = {
        "checks": [_check(one) for one in event.checks if one.outcome != "info"],
        "control": event.command,
        "desc": event.message,
        "standards": standards,
        **_pair("status", _compliance_status(event)),
    }
    return {
        **_common(event, 2003, "Compliance Finding"),
        **_control(event),
        **_pair("status", (1, "New")),
        "compliance": {key: value for key, value in compliance.items() if value != []},
        "finding_info": {
            "title": f"{event.command}: {event.verdict}",
            "uid": event.uid,
            "desc": event.message,
            "types": [event.command],
        },
        **_resources(event),
    }


def _finding(event: Event) -> dict[str, Any]:
    """Return a Detection Finding."""
    found = event.finding
    if found is None:
        raise ValueError("an event of this kind holds a finding")
    info = {
        "analytic": {"name": found.rule, "uid": found.rule, **_RULE},
        "data_sources": [found.engine] if found.engine else [],
        "desc": found.detail,
        "title": f"{found.rule}: {found.title}",
        "types": [found.rule],
        "uid": found.fingerprint or event.uid,
    }
    name = found.location.partition("!")[0].rpartition("/")[2] or found.location
    file = {"name": name, "path": found.location, **_REGULAR_FILE}
    members = {
        **_common(event, 2004, "Detection Finding"),
        **_control(event),
        **_pair("status", (1, "New")),
        "evidences": [{"file": file}],
        "finding_info": {key: value for key, value in info.items() if value},
        **_resources(event),
    }
    return {**members, "remediation": {"desc": found.help}} if found.help else members


def _activity(event: Event) -> dict[str, Any]:
    """Return an API Activity: who did what to what."""
    who = {"name": event.signers[0], "uid": event.signers[0]} if event.signers else {}
    actor = {"app_name": PRODUCT.name, **({"user": who} if who else {})}
    return {
        **_common(event, 6003, "API Activity"),
        **_pair("status", _success(event)),
        "actor": actor,
        "api": {"operation": event.command, "service": {"name": PRODUCT.name}},
        **_resources(event),
        "src_endpoint": {"name": event.host or "unknown"},
    }


def _scan(event: Event) -> dict[str, Any]:
    """Return a Scan Activity."""
    counts = {
        "num_detections": event.counts.get("findings"),
        "num_files": event.counts.get("files"),
        "num_skipped_items": event.counts.get("skipped"),
    }
    return {
        **_common(event, 6007, "Scan Activity"),
        **_pair("status", _success(event)),
        **{name: count for name, count in counts.items() if count is not None},
        "scan": {"name": event.command, "type": "Manual", "type_id": 1, "uid": event.call},
        "status_detail": event.message,
    }


_MAKERS = {
    Kind.DECISION: _decision,
    Kind.FINDING: _finding,
    Kind.ACTIVITY: _activity,
    Kind.SCAN: _scan,
}


def _common(event: Event, class_uid: int, name: str) -> dict[str, Any]:
    """Return what every class has."""
    activity = _CREATE
    if event.kind is Kind.ACTIVITY:
        activity = _ACTS[event.act]
    elif event.kind is Kind.SCAN:
        activity = _COMPLETED if event.verdict in {"clean", "findings", "unsafe"} else _SCAN_ERROR
    profiles = {"profiles": [_PROFILE]} if class_uid // 1000 == 2 else {}  # noqa: PLR2004 - the category of findings
    return {
        **classified(class_uid, name, activity),
        **severity_members(event.severity),
        "message": event.message,
        "metadata": {
            "correlation_uid": event.call,
            "is_truncated": event.truncated,
            "product": {
                "name": PRODUCT.name,
                "vendor_name": PRODUCT.vendor,
                **({"version": event.version} if event.version else {}),
            },
            "uid": event.uid,
            "version": OCSF_VERSION,
            **profiles,
        },
        "time": milliseconds(event.at),
        "unmapped": _unmapped(event),
    }


def _unmapped(event: Event) -> dict[str, Any]:
    known = {
        **event.labels,
        "command": event.command,
        "exit": event.exit,
        "host": event.host,
        "identity": event.subject.identity,
        "mode": event.policy.mode if event.policy else "",
        "signers": list(event.signers),
        "verdict": event.verdict,
        "fingerprint": event.finding.fingerprint if event.finding else "",
    }
    return {name: value for name, value in known.items() if value not in ("", [])}


def _control(event: Event) -> dict[str, Any]:
    """Return what was done about it: nothing is let through but by exit code 0."""
    passed = event.exit == 0
    return {
        **_pair("action", _ALLOWED if passed else _DENIED),
        **_pair("disposition", _APPROVED if passed else _BLOCKED),
        "is_alert": event.severity >= Severity.HIGH,
    }


def _compliance_status(event: Event) -> tuple[int, str]:
    failed = any(one.outcome == "fail" for one in event.checks)
    if event.exit == 1 or failed:
        return _OUTCOMES["fail"]
    return _OUTCOMES["pass"] if event.exit == 0 else _OUTCOMES["unchecked"]


def _success(event: Event) -> tuple[int, str]:
    scanned = event.kind is Kind.SCAN and event.verdict in {"clean", "findings", "unsafe"}
    return _SUCCESS if event.exit == 0 or scanned else _FAILURE


def _check(one: CheckFact) -> dict[str, Any]:
    said = {"name": one.name, "desc": one.summary, "uid": one.code or one.name}
    return {**said, **_pair("status", _OUTCOMES.get(one.outcome, _UNKNOWN))}


def _resources(event: Event) -> dict[str, Any]:
    said = {"name": event.subject.name, "uid": event.subject.identity}
    known = {name: value for name, value in said.items() if value}
    return {"resources": [{"type": "artifact", **known}]} if known else {}


def _pair(name: str, value: tuple[int, str]) -> dict[str, Any]:
    """Return a number of the schema and its word."""
    return {f"{name}_id": value[0], name: value[1]}

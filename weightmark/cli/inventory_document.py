"""The answer of `weightmark inventory`."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from weightmark.attestations.checks import counted
from weightmark.cli.render.interface import UNSAFE_FINDINGS, CheckLine, Document, Outcome
from weightmark.errors import Exit
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.inventory.inventory import Inventory, Listed
    from weightmark.attestations.inventory.record import Record
    from weightmark.attestations.inventory.references.interface import Pin, Reference
    from weightmark.scanners.findings import Severity

__all__ = ["Asked", "inventory_document"]

_VERDICTS = {
    Exit.GOOD: "clean",
    Exit.BAD: "at-risk",
    Exit.NOTHING: "nothing-found",
    Exit.UNCHECKED: "incomplete",
}
_MOST_DETAILS = 50
_MOST_FORMATS = 3
_WITH_WEIGHTS = (
    "pickle", "safetensors", "gguf", "onnx", "saved-model", "tflite", "hdf5", "npy", "npz", "coreml", "torchscript",
)  # fmt: skip
"""formats that are named first where there are many"""
_NOT_OF_THE_HUB = frozenset(["ADAPTER", "FROM", "load_model", "ollama", "torch.hub.load"])
_HEADINGS = ("identity", "risk", "claims", "formats", "path")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller wants to know."""

    paths: tuple[str, ...]
    """what was looked through, as it was given"""
    fail_on: "Severity"
    """from which severity on an artifact is at risk"""
    exit_code: bool
    """whether the exit code says so"""
    origin: str
    """name of the ledger that was asked; empty for none"""


def inventory_document(inventory: "Inventory", asked: Asked) -> Document:
    """Say what was found; the verdict is about all of it, the exit code only where that is wanted."""
    checks = tuple(_checks(inventory, asked))
    verdict = _verdict(inventory, checks)
    listed = Exit.UNCHECKED if inventory.problems else Exit.GOOD
    shown = verdict if asked.exit_code or verdict is Exit.NOTHING else listed
    return Document(
        schema="weightmark/inventory/v1",
        exit=shown,
        verdict=_word(inventory, verdict),
        headline=_headline(inventory, verdict, len(_risky(inventory, asked))),
        checks=checks,
        facts={
            "path": asked.paths[0],
            "paths": list(asked.paths),
            "fail_on": asked.fail_on.word,
            "origin": asked.origin or None,
            "artifacts": [_artifact(one) for one in inventory.artifacts],
            "references": [_reference(one) for one in inventory.references],
            "omitted": list(inventory.omitted),
            "problems": [
                {"path": one.path, "what": one.what}
                for one in (*inventory.problems, *inventory.unread)
            ],
        },
        lines=tuple(_table(inventory)),
        neutral=bool(_unscanned(inventory)),
    )


def _verdict(inventory: "Inventory", checks: Sequence[CheckLine]) -> Exit:
    outcomes = {check.outcome for check in checks}
    if Outcome.FAIL in outcomes:
        return Exit.BAD
    if Outcome.UNCHECKED in outcomes:
        return Exit.UNCHECKED
    return Exit.GOOD if inventory.artifacts or inventory.references else Exit.NOTHING


def _word(inventory: "Inventory", verdict: Exit) -> str:
    """Return one word for all; what has findings, or was not scanned, is not clean wherever the threshold stands."""
    from weightmark.attestations.inventory.record import NO_RISK, UNKNOWN_RISK

    quiet = (NO_RISK, UNKNOWN_RISK, "info")
    if verdict is Exit.GOOD and any(one.record.risk not in quiet for one in inventory.artifacts):
        return "findings"
    if verdict is Exit.GOOD and _unscanned(inventory):
        return _VERDICTS[Exit.UNCHECKED]
    return _VERDICTS[verdict]


def _unscanned(inventory: "Inventory") -> list[str]:
    """Return what was read, and holds no file of a kind that is scanned."""
    return [f"`{one.record.path}`" for one in inventory.artifacts if one.record.is_unscanned]


def _counts(inventory: "Inventory", risky: int) -> Iterator[str]:
    artifacts, unscanned = len(inventory.artifacts), len(_unscanned(inventory))
    if artifacts:
        of_all = f"{risky} of " if risky else ""
        yield f"{of_all}{counted(artifacts, 'artifact')}"
    if unscanned:
        yield f"{unscanned} not scanned"


def _headline(inventory: "Inventory", verdict: Exit, risky: int) -> str:
    from weightmark.attestations.inventory.references.interface import Pin

    if verdict is Exit.NOTHING:
        return "nothing was found that is a model, a dataset or a reference to one"
    found = list(_counts(inventory, risky))
    if inventory.references:
        references = counted(len(inventory.references), "reference")
        moving = len(_of_pin(inventory.references, Pin.UNPINNED))
        found.append(f"{moving} of {references} can move" if moving else references)
    return f"{_word(inventory, verdict)}: {', '.join(found) or 'nothing was found'}"


def _checks(inventory: "Inventory", asked: Asked) -> Iterator[CheckLine]:
    yield from _risk(inventory, asked)
    records = [one.record for one in inventory.artifacts]
    yield from _broken(records)
    revoked = [
        f"`{one.record.path}`" for one in inventory.artifacts if one.ledger and one.ledger.word == "revoked"
    ]  # fmt: skip
    if revoked:
        yield _failed(
            "ledger",
            f"{counted(len(revoked), 'artifact')} revoked by {asked.origin}",
            why="whoever is responsible withdrew it",
            fix="use another release",
            details=revoked,
            code="revoked",
        )
    yield from _unpinned(inventory.references)
    yield from _unscanned_line(inventory)
    yield from _incomplete(inventory, records)


def _broken(records: "Sequence[Record]") -> Iterator[CheckLine]:
    """Yield what is not what was promised: by the hub, or by the names in a cache."""
    from weightmark.attestations.inventory.interface import HUB_LAYOUT

    broken = [one for one in records if one.promise == "broken"]
    served = [f"`{one.path}`" for one in broken if one.layout == HUB_LAYOUT]
    kept = [f"`{one.path}`" for one in broken if one.layout != HUB_LAYOUT]
    if served:
        yield _failed(
            "promises",
            f"{counted(len(served), 'artifact')} of which the hub sends other bytes than it lists",
            why="the hub lists files by their digests, and what it sent has others",
            fix="load nothing of it, and tell whoever runs the hub",
            details=served,
            code="promise-broken",
        )
    if kept:
        yield _failed(
            "promises",
            f"{counted(len(kept), 'artifact')} with files that are not what the cache says",
            why="a cache names files by their digests, and these were changed",
            fix="delete it from the cache and fetch it anew",
            details=kept,
            code="promise-broken",
        )


def _risky(inventory: "Inventory", asked: Asked) -> "list[Record]":
    """Return what has a finding at or over the threshold."""
    from weightmark.attestations.inventory.record import NO_RISK, UNKNOWN_RISK
    from weightmark.scanners.findings import Severity

    return [
        one.record
        for one in inventory.artifacts
        if one.record.risk not in (NO_RISK, UNKNOWN_RISK)
        and Severity.parse(one.record.risk) >= asked.fail_on
    ]


def _risk(inventory: "Inventory", asked: Asked) -> Iterator[CheckLine]:
    risky = [_risky_line(one) for one in _risky(inventory, asked)]
    if risky:
        yield _failed(
            "risk",
            f"{counted(len(risky), 'artifact')} at or over `{asked.fail_on.word}`",
            why="the scan found what should not be opened",
            fix="look at each with `weightmark scan`",
            details=risky,
            code=UNSAFE_FINDINGS,
        )


def _risky_line(record: "Record") -> str:
    rules = ", ".join(dict.fromkeys(one.rule for one in record.worst))
    return f"`{record.path}`: {record.risk}{f' ({rules})' if rules else ''}"


def _unscanned_line(inventory: "Inventory") -> Iterator[CheckLine]:
    paths = _unscanned(inventory)
    if paths:
        held = "holds" if len(paths) == 1 else "hold"
        yield CheckLine(
            Outcome.INFO,
            "not scanned",
            f"{counted(len(paths), 'artifact')} {held} no file of a kind that is scanned",
            details=_shortened(paths),
        )


def _unpinned(references: "Sequence[Reference]") -> Iterator[CheckLine]:
    from weightmark.attestations.inventory.references.interface import Pin

    moving = _of_pin(references, Pin.UNPINNED)
    if moving:
        yield _failed(
            "references",
            f"{counted(len(moving), 'reference')} whose meaning can change",
            why="whoever controls the name decides what is loaded tomorrow",
            fix=_pinning(references),
            details=moving,
            code="unpinned",
        )
    others = [pin for pin in Pin if pin is not Pin.UNPINNED]
    told = {pin: _of_pin(references, pin) for pin in others}
    counts = [f"{len(told[pin])} {pin.value}" for pin in others if told[pin]]
    if counts:
        details = [f"{line}: {pin.value}" for pin in others for line in told[pin]]
        yield CheckLine(
            Outcome.INFO,
            "other references",
            ", ".join(counts),
            details=_shortened(details),
        )


def _pinning(references: "Sequence[Reference]") -> str:
    """Say how to pin; the tool that finds a commit does so for references to the hub alone."""
    from weightmark.attestations.inventory.references.interface import Pin

    moving = [one for one in references if one.pin is Pin.UNPINNED]
    if all(_is_elsewhere(one) for one in moving):
        return "name a commit or a digest"
    return (
        "name a commit or a digest; `weightmark lock update` finds that of a reference to the hub"
    )


def _is_elsewhere(reference: "Reference") -> bool:
    return reference.via in _NOT_OF_THE_HUB


def _of_pin(references: "Sequence[Reference]", pin: "Pin") -> list[str]:
    return [
        f"{one.file}:{one.line}: {one.via}{f' `{one.target}`' if one.target else ''}"
        for one in references
        if one.pin is pin
    ]


def _incomplete(inventory: "Inventory", records: "Sequence[Record]") -> Iterator[CheckLine]:
    lost = [f"`{one.path}`: {one.problem}" for one in records if one.problem]
    lost += [
        f"`{one.path}`: {counted(one.unchecked, 'file')} not checked to the end"
        for one in records
        if one.unchecked
    ]
    lost += [f"`{one.path}`: {one.what}" for one in (*inventory.problems, *inventory.unread)]
    if lost:
        yield CheckLine(
            Outcome.UNCHECKED,
            "complete",
            f"{counted(len(lost), 'thing')} could not be read or checked",
            "something may be missing or unsafe there",
            "see what stands in the way, and run it again",
            _shortened(lost),
            "unchecked",
        )


def _failed(
    name: str, summary: str, *, why: str, fix: str, details: Sequence[str], code: str
) -> CheckLine:
    return CheckLine(Outcome.FAIL, name, summary, why, fix, _shortened(details), code)


def _shortened(details: Sequence[str]) -> tuple[str, ...]:
    more = len(details) - _MOST_DETAILS
    rest = (f"and {more} more, see `-f json`",) if more > 0 else ()
    return (*details[:_MOST_DETAILS], *rest)


def _artifact(one: "Listed") -> dict[str, Any]:
    record = one.record.to_json()
    for name in ("name", "revision", "identity", "problem"):
        record[name] = record[name] or None
    status = one.ledger
    record["ledger"] = (
        {"status": status.word, "kinds": list(status.kinds), "entries": list(status.entries)}
        if status
        else None
    )
    return record


def _reference(one: "Reference") -> dict[str, Any]:
    return {
        "file": one.file,
        "line": one.line,
        "via": one.via,
        "target": one.target or None,
        "revision": one.revision or None,
        "pin": one.pin.value,
    }


def _table(inventory: "Inventory") -> Iterator[str]:
    """Yield a line an artifact in columns; what is of any length stands last."""
    rows = [_HEADINGS, *(_cells(one) for one in inventory.artifacts)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_HEADINGS) - 1)]
    for row in rows if inventory.artifacts else []:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[-1]])


def _formats(record: "Record") -> str:
    """Return the formats, those that hold weights first; all of them stand in JSON."""
    rank = {name: number for number, name in enumerate(_WITH_WEIGHTS)}
    ordered = sorted(record.formats, key=lambda name: (rank.get(name, len(rank)), name))
    more = len(ordered) - _MOST_FORMATS
    return ",".join(ordered[:_MOST_FORMATS]) + (f",+{more}" if more > 0 else "")


def _cells(one: "Listed") -> tuple[str, ...]:
    from weightmark.attestations.inventory.record import UNKNOWN_RISK

    record = one.record
    partly = record.risk != UNKNOWN_RISK and (record.unchecked or record.problem)
    risk = f"{record.risk}?" if partly else record.risk
    claimed = (["signature"] if record.signature else []) + (
        [counted(record.claims, "claim")] if record.claims else []
    )
    status = [one.ledger.word] if one.ledger else []
    called = f"  {record.name}@{record.revision}" if record.revision else f"  {record.name}"
    return (
        record.identity[:16] or "-",
        risk,
        "+".join([*claimed, *status]) or "-",
        _formats(record) or "-",
        f"{record.path}{called.rstrip()}",
    )

"""The answer of `weightmark diff`."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from weightmark.cli.diff_reading import ClaimChange, Comparison, is_tokenizer
from weightmark.cli.documents import error_facts
from weightmark.cli.render.interface import CheckLine, Document, Outcome
from weightmark.cli.tensor_documents import survey_exit, tensor_facts
from weightmark.errors import Exit
from weightmark.provenance.diff.configuration import KeyChange
from weightmark.provenance.diff.elements import ElementChanges
from weightmark.provenance.diff.files import Change
from weightmark.provenance.diff.tensors import Relation, TensorChange
from weightmark.provenance.identification import Identification
from weightmark.provenance.manifest import SINGLE_FILE
from weightmark.provenance.names import escape_path
from weightmark.scanners.tensors.comparison import SetComparison
from weightmark.scanners.tensors.survey import Unread

__all__ = ["document"]

_SHOWN = 100
_LONGEST_VALUE = 80
_HINT_SHOWN = 12
_FILE_WORDS = {"missing": "removed", "extra": "added"}
_WORST_FIRST = (Relation.DIFFERENT, Relation.NOT_COMPARABLE, Relation.SAME_VALUES)
_HEADLINES = {
    Relation.IDENTICAL: "the weights are identical",
    Relation.SAME_VALUES: "the weights have the same values, some under other names",
    Relation.DIFFERENT: "the weights differ",
    Relation.NOT_COMPARABLE: "the weights can't be compared",
}
_OUTCOMES = {
    Relation.IDENTICAL: Outcome.PASS,
    Relation.SAME_VALUES: Outcome.PASS,
    Relation.DIFFERENT: Outcome.FAIL,
    Relation.NOT_COMPARABLE: Outcome.UNCHECKED,
}


def document(before: str, after: str, comparison: Comparison, *, exit_code: bool) -> Document:
    """Return everything that was compared; `exit_code` makes a difference exit 1."""
    unread = list(comparison.unread())
    if comparison.weights_only:
        verdict, headline, code = _weights_verdict(comparison, unread=len(unread))
        checks = list(_weight_checks(comparison))
    else:
        verdict = "different" if comparison.differs else "identical"
        headline = f"`{before}` and `{after}` {'differ' if comparison.differs else 'are identical'}"
        code = Exit.BAD if comparison.differs and exit_code else Exit.GOOD
        checks = list(_all_checks(comparison))
    codes = [one.error.exit for _, one in unread if not one.is_unsupported]
    return Document(
        schema="weightmark/diff/v1",
        exit=Exit.worst([code, *codes]),
        verdict=verdict,
        headline=headline,
        checks=(*checks, *_value_checks(comparison), *_unread_checks(unread)),
        facts=_facts(before, after, comparison, unread),
        neutral=verdict == "different",
    )


def _weights_verdict(comparison: Comparison, unread: int) -> tuple[str, str, Exit]:
    """Say whether the weights are the same; a side without any was not compared, nor were `unread` files."""
    for survey in (comparison.before, comparison.after):
        if not any(one.table.entries for one in survey.sets):
            code = Exit.UNCHECKED if survey_exit(survey) is Exit.UNCHECKED else Exit.NOTHING
            headline = "nothing was compared: one side has no tensors"
            return Relation.NOT_COMPARABLE, headline + _not_read(unread), code
    found = {one.relation for one in comparison.weights}
    worst = next((one for one in _WORST_FIRST if one in found), Relation.IDENTICAL)
    codes = {Relation.DIFFERENT: Exit.BAD, Relation.NOT_COMPARABLE: Exit.UNCHECKED}
    if unread and worst not in codes:
        headline = "nothing differs in the weights" + _not_read(unread)
        return Relation.NOT_COMPARABLE, headline, Exit.UNCHECKED
    return worst, _HEADLINES[worst] + _not_read(unread), codes.get(worst, Exit.GOOD)


def _not_read(count: int) -> str:
    """Return what a verdict about weights leaves out; files that were not read may hold some, too."""
    if not count:
        return ""
    return f", as far as they were read: {count} {'file was' if count == 1 else 'files were'} not"


def _weight_checks(comparison: Comparison) -> Iterator[CheckLine]:
    for number, one in enumerate(comparison.weights):
        details = _tensor_lines(one)
        yield CheckLine(_OUTCOMES[one.relation], _title(number), _summary(one), details=details)


def _all_checks(comparison: Comparison) -> Iterator[CheckLine]:
    before, after = comparison.before.identification, comparison.after.identification
    same = before.identity == after.identity
    yield CheckLine(
        Outcome.PASS if same else Outcome.INFO,
        "identity",
        before.identity if same else f"{before.identity} became {after.identity}",
    )
    files = list(comparison.files)
    tokenizer = [one for one in files if is_tokenizer(one.path)]
    yield _listed("files", _file_summary(before, after, files), map(_file_line, files))
    for number, one in enumerate(comparison.weights):
        outcome = Outcome.PASS if one.relation is Relation.IDENTICAL else Outcome.INFO
        yield CheckLine(outcome, _title(number), _summary(one), details=_tensor_lines(one))
    keys = [_key_line(path, change) for path, change in comparison.keys]
    if keys:
        yield _listed("keys", f"{len(keys)} changed in configuration documents", keys)
    if tokenizer:
        yield _listed("tokenizer", _kinds(tokenizer), map(_file_line, tokenizer))
    if comparison.claims:
        count = len(comparison.claims)
        summary = f"{count} on one side only, none of them verified"
        yield _listed("claims", summary, _claim_lines(comparison.claims))


def _value_checks(comparison: Comparison) -> Iterator[CheckLine]:
    for side, one in comparison.uncompared():
        what = f"{one.others} value that is no tensor was"
        if one.others > 1:
            what = f"{one.others} values that are no tensors were"
        path = escape_path(one.path)
        yield CheckLine(Outcome.INFO, f"{side}:{path}", f"{what} not compared")


def _unread_checks(unread: Iterable[tuple[str, Unread]]) -> Iterator[CheckLine]:
    for side, one in unread:
        outcome = Outcome.FAIL if one.error.exit is Exit.BAD else Outcome.UNCHECKED
        yield CheckLine(
            Outcome.INFO if one.is_unsupported else outcome,
            f"{side}:{escape_path(one.path)}",
            one.error.what,
            one.error.why,
            one.error.fix,
            code=one.error.code,
        )


def _listed(name: str, summary: str, lines: Iterable[str]) -> CheckLine:
    details = tuple(lines)
    outcome = Outcome.INFO if details else Outcome.PASS
    return CheckLine(outcome, name, summary, details=_shortened(details))


def _shortened(lines: tuple[str, ...]) -> tuple[str, ...]:
    if len(lines) <= _SHOWN:
        return lines
    return (*lines[:_SHOWN], f"and {len(lines) - _SHOWN} more; `--format json` lists them all")


def _file_summary(before: Identification, after: Identification, changes: list[Change]) -> str:
    if before.artifact.single != after.artifact.single:
        return "one is a file and the other a folder"
    if not changes:
        return f"{len(before.manifest.rows)} with the same names and bytes"
    return _kinds(changes)


def _claim_lines(claims: Iterable[ClaimChange]) -> Iterator[str]:
    """Yield a line a type and stated key; every claim by its id stands in JSON."""
    grouped: dict[tuple[str, str], Counter[str]] = {}
    for one in claims:
        grouped.setdefault((one.predicate_type, one.key_hint), Counter())[one.kind] += 1
    for (predicate_type, hint), counts in sorted(grouped.items()):
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        key = f" with a key hint {hint[:_HINT_SHOWN]}…" if hint else ""
        yield f"{told}: {predicate_type}{key}"


def _kinds(changes: Iterable[Change]) -> str:
    """Count changes by their kinds."""
    kinds = [_FILE_WORDS.get(one.kind, one.kind) for one in changes]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))


def _file_line(change: Change) -> str:
    path, other = escape_path(change.path), escape_path(change.other)
    if change.path == SINGLE_FILE:
        return "changed: the file itself"
    if change.kind == "renamed":
        return f"renamed: {path} to {other}"
    if change.kind == "swapped":
        return f"changed: {path} holds what was {other}"
    return f"{_FILE_WORDS.get(change.kind, change.kind)}: {path}"


def _title(number: int) -> str:
    """Return the name of a check; several sets are told apart by their number."""
    return f"tensors {number + 1}" if number else "tensors"


def _summary(one: SetComparison) -> str:
    if one.before is None or one.after is None:
        held, side = (one.before, "first") if one.before else (one.after, "second")
        return f"{escape_path(held.path) if held else ''} is in the {side} only"
    kinds = [change.kind for change in one.differences.changes]
    counts = [f"{one.differences.identical} identical"]
    counts += [f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds))]
    paths = dict.fromkeys(
        escape_path(side.path) for side in (one.before, one.after) if side.path != SINGLE_FILE
    )
    where = f"{' and '.join(paths)}: " if paths else ""
    return f"{where}{one.relation}; {', '.join(counts)}"


def _tensor_lines(one: SetComparison) -> tuple[str, ...]:
    if one.before is None or one.after is None:
        return ()
    changes = one.differences.changes
    return _shortened(
        tuple(_tensor_line(change, one.elements.get(change.name)) for change in changes)
    )


def _tensor_line(change: TensorChange, far: ElementChanges | None) -> str:
    name, twin = escape_path(change.name), escape_path(change.twin)
    before, after = change.before, change.after
    if change.kind == "renamed" and after:
        return f"renamed: {name} to {escape_path(after.name)}"
    if before is None or after is None:
        held = before or after
        form = f" {held.type_and_shape}" if held else ""
        return f"{change.kind}: {name}{form}" + (f", the same values as {twin}" if twin else "")
    if change.twin:
        return f"changed: {name} holds what was {twin}"
    if before.type_and_shape != after.type_and_shape:
        return f"{change.kind}: {name} from {before.type_and_shape} to {after.type_and_shape}"
    return f"changed: {name} {before.type_and_shape}{_distance(far)}"


def _distance(far: ElementChanges | None) -> str:
    if far is None:
        return ""
    most = f", by {far.max_abs} at most" if far.max_abs is not None else ""
    return f", {far.changed} of {far.elements} elements{most}"


def _key_line(path: str, change: KeyChange) -> str:
    where = f"{change.kind}: {escape_path(path)} {change.key}"
    if change.before is None or change.after is None:
        return f"{where} {_value(change.after or change.before or '')}"
    return f"{where} from {_value(change.before)} to {_value(change.after)}"


def _value(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _facts(
    before: str, after: str, comparison: Comparison, unread: list[tuple[str, Unread]]
) -> dict[str, Any]:
    sides = {"before": (before, comparison.before), "after": (after, comparison.after)}
    return {
        **{
            side: {"path": path, "identity": survey.identification.identity}
            for side, (path, survey) in sides.items()
        },
        "weights_only": comparison.weights_only,
        "files": [
            {
                "kind": _FILE_WORDS.get(one.kind, one.kind),
                "path": one.path,
                "other": one.other or None,
                "tokenizer": is_tokenizer(one.path),
            }
            for one in comparison.files
        ],
        "weights": [_set_facts(one) for one in comparison.weights],
        "keys": [
            {
                "path": path,
                "kind": one.kind,
                "key": one.key,
                "before": one.before,
                "after": one.after,
            }
            for path, one in comparison.keys
        ],
        "claims": [
            {"kind": one.kind, "claim_id": one.claim_id, "predicate_type": one.predicate_type}
            for one in comparison.claims
        ],
        "unread": [
            {"side": side, "path": one.path, "error": error_facts(one.error)}
            for side, one in unread
        ],
    }


def _set_facts(one: SetComparison) -> dict[str, Any]:
    return {
        "before": one.before.path if one.before else None,
        "after": one.after.path if one.after else None,
        "relation": str(one.relation),
        "identical": one.differences.identical,
        "changes": [
            _change_facts(change, one.elements.get(change.name))
            for change in one.differences.changes
        ],
    }


def _change_facts(change: TensorChange, far: ElementChanges | None) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "name": change.name,
        "twin": change.twin or None,
        "before": tensor_facts(change.before) if change.before else None,
        "after": tensor_facts(change.after) if change.after else None,
        "elements": far.elements if far else None,
        "changed": far.changed if far else None,
        "max_abs": far.max_abs if far else None,
    }

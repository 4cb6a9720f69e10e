"""From tensors to the lines and facts that are rendered."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from weightmark.attestations.checks import counted
from weightmark.cli.render.interface import CheckLine, Document, Outcome
from weightmark.errors import Exit
from weightmark.provenance.manifest import SINGLE_FILE
from weightmark.provenance.names import escape_path
from weightmark.provenance.sizes import human_bytes
from weightmark.provenance.tensors import TensorEntry

if TYPE_CHECKING:
    from weightmark.scanners.tensors.survey import Unread, WeightSet, WeightSurvey

__all__ = [
    "counted_tensors",
    "survey_checks",
    "survey_exit",
    "survey_lines",
    "tensor_facts",
    "unread_facts",
    "weight_set_facts",
    "weights_document",
]


def survey_exit(survey: "WeightSurvey") -> Exit:
    """Return what reading the tensors of an artifact stands for.

    A file of a kind that is not read changes nothing beside one that is.
    """
    codes = {one.error.exit for one in survey.unread if not one.is_unsupported}
    if Exit.BAD in codes:
        return Exit.BAD
    if codes or (survey.unread and not survey.sets):
        return Exit.UNCHECKED
    return Exit.GOOD if survey.sets else Exit.NOTHING


def survey_checks(given: str, survey: "WeightSurvey") -> Iterator[CheckLine]:
    """Yield a check for each file whose tensors could not be read, or for having found none."""
    for one in survey.unread:
        path = _joined(given, one.path)
        yield CheckLine(
            _outcome(one), path, one.error.what, one.error.why, one.error.fix, (), one.error.code
        )
    if not survey.sets and not survey.unread:
        yield CheckLine(
            Outcome.UNCHECKED,
            given,
            "holds no tensors in a format that is read",
            fix="name a file or folder of safetensors, torch, GGUF, ONNX or NumPy weights",
        )


def survey_lines(survey: "WeightSurvey") -> Iterator[str]:
    """Yield each set of weights as text: its digests, then a line a tensor."""
    for weights in survey.sets:
        name = "" if weights.path == SINGLE_FILE else f"  {escape_path(weights.path)}"
        yield f"  {counted_tensors(weights)}{name}"
        yield f"  weights {weights.table.weights}"
        yield f"  values  {weights.table.values}"
        for one in weights.table.entries:
            shared = f" = {escape_path(one.alias_of)}" if one.alias_of else ""
            yield f"  blake3:{one.blake3}  {one.type_and_shape}  {escape_path(one.name)}{shared}"


def counted_tensors(weights: "WeightSet") -> str:
    """Return how many tensors there are, of which format, and how many bytes."""
    count = len(weights.table)
    return f"{counted(count, 'tensor')}, {weights.format}, {human_bytes(weights.table.size)}"


def weight_set_facts(weights: "WeightSet") -> dict[str, Any]:
    """Return a set of weights with every tensor."""
    return {
        "path": weights.path,
        "format": weights.format,
        "files": list(weights.files),
        "weights": weights.table.weights,
        "values": weights.table.values,
        "tensors": [tensor_facts(one) for one in weights.table.entries],
    }


def tensor_facts(entry: TensorEntry) -> dict[str, Any]:
    """Return one tensor."""
    return {
        "name": entry.name,
        "dtype": entry.dtype,
        "shape": list(entry.shape),
        "size": entry.size,
        "blake3": f"blake3:{entry.blake3}",
        "alias_of": entry.alias_of or None,
    }


def unread_facts(unread: "Iterable[Unread]") -> list[dict[str, Any]]:
    """Return the files that seem to hold weights and could not be read."""
    from weightmark.cli.documents import error_facts

    return [{"path": one.path, "error": error_facts(one.error)} for one in unread]


def weights_document(found: "Sequence[tuple[str, WeightSurvey]]", *, with_facts: bool) -> Document:
    """Return the digests of weights alone, one artifact after the other by the path that was given."""
    lines: list[str] = []
    for path, survey in found:
        lines += [path, *survey_lines(survey)]
    return Document(
        schema="weightmark/digest/v1",
        exit=Exit.worst(survey_exit(survey) for _, survey in found),
        checks=tuple(check for path, survey in found for check in survey_checks(path, survey)),
        facts={"artifacts": [_weights_facts(*one) for one in found]} if with_facts else {},
        lines=tuple(lines),
    )


def _weights_facts(path: str, survey: "WeightSurvey") -> dict[str, Any]:
    return {
        "path": path,
        "identity": None,
        "size": sum(entry.size for entry in survey.artifact.entries),
        "remembered": 0,
        "files": None,
        "outside": [{"path": one.path, "files": one.files} for one in survey.artifact.outside],
        "oms_root": None,
        "dir_hash": None,
        "weights": [weight_set_facts(one) for one in survey.sets],
        "unread": unread_facts(survey.unread),
    }


def _outcome(unread: "Unread") -> Outcome:
    if unread.is_unsupported:
        return Outcome.INFO
    return Outcome.FAIL if unread.error.exit is Exit.BAD else Outcome.UNCHECKED


def _joined(given: str, path: str) -> str:
    return given if path == SINGLE_FILE else f"{given.rstrip('/')}/{path}"

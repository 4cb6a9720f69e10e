"""Kubernetes' `AdmissionReview` (admission.k8s.io/v1) of a validating webhook: which artifacts it is about, and the answer.

An object names its artifacts by identity in the annotation `weightmark/artifacts`; of a workload,
the template of its pods does. Nothing is read here, so only earlier decisions can answer. What a
cluster would fetch by itself has to be fetched through the gate: its URI begins with `weightmark+`.
Source: Kubernetes, "Dynamic Admission Control", section "Webhook request and response".
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from weightmark.attestations.gate.serving.questions import MOST_BODY, Answer, Question
from weightmark.errors import CallError, MalformedError, WeightmarkError
from weightmark.provenance.strict_json import canonical_json, parse_object
from weightmark.values import dataclass

__all__ = ["ANNOTATION", "AdmissionRequest", "answer_review"]

ANNOTATION = "weightmark/artifacts"
"""annotation whose value lists identities, separated by commas or spaces"""
_VERSION = "admission.k8s.io/v1"
_PREFIX = "weightmark+"
_FETCHED = frozenset(["sourceModelUri", "storageUri", "storageUris"])
"""fields of KServe's objects that hold addresses which a cluster fetches by itself"""
_FETCHING: Mapping[str, frozenset[str]] = {
    "storage": frozenset(["key", "path", "parameters"]),
    "image": frozenset(["reference"]),
}
"""fields that are fetched without an address that could be told: KServe's `storage`, image volumes"""
_VARIABLES = frozenset(["STORAGE_URI"])
"""environment variables by which KServe's initializer is told what to fetch"""
_ADDRESS = re.compile(
    r"(?<!weightmark\+)\b(?:abfss?|dbfs|gcs|gs|hdfs|hf|huggingface|mlflow|models|ngc|oci|pvc|s3|s3a|wasbs?|webhdfs)://",
    re.IGNORECASE,
)
"""an address of a place where models lie, in any text"""
_JUDGED = frozenset(["CREATE", "UPDATE"])
_FORBIDDEN = 403
_MOST_ARTIFACTS = 32
_MOST_SAID = 10
_TEMPLATES = (("template",), ("jobTemplate", "spec", "template"))


@dataclass(frozen=True, slots=True)
class AdmissionRequest:
    """One object that is to be created or changed."""

    uid: str
    """of the request; the answer repeats it"""
    name: str
    """`kind namespace/name`, for people"""
    questions: tuple[Question, ...]
    """the artifacts that it names"""
    dry_run: bool
    """whether nothing must be kept of it"""
    refusal: str = ""
    """why it is refused whatever is said of its artifacts"""
    exempt: bool = False
    """whether nothing is deployed by it"""

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read an `AdmissionReview`; raises `MalformedError` where no answer can be addressed."""
        review = parse_object(body, what="the AdmissionReview", max_size=MOST_BODY)
        request = review.get("request")
        if (review.get("apiVersion"), review.get("kind")) != (_VERSION, "AdmissionReview"):
            raise MalformedError(f"the request is no AdmissionReview of `{_VERSION}`")
        if not isinstance(request, dict) or not isinstance(request.get("uid"), str):
            raise MalformedError("the AdmissionReview has no request with a uid")
        uid, name = request["uid"], _name(request)
        dry = request.get("dryRun") is True
        if request.get("operation") == "DELETE" or _goes_away(request):
            return cls(uid, name, (), dry, exempt=True)
        try:
            return cls(uid, name, _questions(request), dry)
        except WeightmarkError as error:
            return cls(uid, name, (), dry, refusal=_sentence(error))


def answer_review(request: AdmissionRequest, answers: Sequence[Answer]) -> bytes:
    """Return the answering `AdmissionReview`: allowed when every artifact that it names is."""
    response: dict[str, Any] = {"uid": request.uid}
    refused = [one for one in answers if not one.allowed]
    complete = len(answers) == len(request.questions) > 0
    if request.exempt or (complete and not refused and not request.refusal):
        response["allowed"] = True
        warnings = [_reason(one) for one in answers if one.word != "allow"]
        if warnings:
            response["warnings"] = warnings[:_MOST_SAID]
    else:
        said = request.refusal or "; ".join(_reason(one) for one in refused[:_MOST_SAID])
        message = f"weightmark: {said or 'its artifacts were not judged'}"
        response |= {"allowed": False, "status": {"code": _FORBIDDEN, "message": message}}
    return canonical_json({"apiVersion": _VERSION, "kind": "AdmissionReview", "response": response})


def _questions(request: Mapping[str, Any]) -> tuple[Question, ...]:
    if request.get("operation") not in _JUDGED:
        raise CallError(
            f"operation `{str(request.get('operation'))[:40]}` is not judged",
            fix="let the webhook hear of CREATE, UPDATE and DELETE only",
        )
    described = request.get("object")
    if not isinstance(described, dict):
        raise MalformedError("the AdmissionReview holds no object")
    for fetched in _fetched(described):
        raise CallError(
            f"`{fetched[:200]}` would be fetched without being judged",
            fix=f"write `{_PREFIX}` before the URI, and let `weightmark pull` fetch it",
        )
    named = list(dict.fromkeys(one for text in _annotations(described) for one in _split(text)))
    if not named:
        raise CallError(
            "it does not say which artifacts it deploys",
            fix=f"name their identities in the annotation `{ANNOTATION}` of the pods",
        )
    if len(named) > _MOST_ARTIFACTS:
        raise CallError(f"it names over {_MOST_ARTIFACTS} artifacts")
    return tuple(Question.of_identity(one) for one in named)


def _annotations(described: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the object and the template of its pods say."""
    for holder in (described, *_templates(described)):
        metadata = holder.get("metadata")
        annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
        value = annotations.get(ANNOTATION) if isinstance(annotations, dict) else None
        if value is None:
            continue
        if not isinstance(value, str):
            raise MalformedError(f"the annotation `{ANNOTATION}` is no text")
        yield value


def _templates(described: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for way in _TEMPLATES:
        at: Any = described.get("spec")
        for step in way:
            at = at.get(step) if isinstance(at, dict) else None
        if isinstance(at, dict):
            yield at


def _fetched(value: Any) -> Iterator[str]:
    """Yield everything that a cluster would fetch by itself and past the gate, wherever it stands."""
    if isinstance(value, dict):
        for name, member in value.items():
            if name in _FETCHED:
                yield from (text for text in _texts(member) if not text.startswith(_PREFIX))
            elif isinstance(member, dict) and _FETCHING.get(name, frozenset()) & set(member):
                yield f"{name}: {json.dumps(member)}"
            yield from _fetched(member)
        variable = value.get("name")
        if "value" in value and not isinstance(variable, str | None):
            raise MalformedError("it sets a variable whose name is no text")
        if isinstance(variable, str) and variable in _VARIABLES:
            yield from (one for one in [str(value.get("value"))] if not one.startswith(_PREFIX))
    elif isinstance(value, list):
        for member in value:
            yield from _fetched(member)
    elif isinstance(value, str) and _ADDRESS.search(value):
        yield value


def _texts(value: Any) -> Iterator[str]:
    """Yield every scalar below a value as text."""
    if isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _texts(member)
    else:
        yield str(value)


def _goes_away(request: Mapping[str, Any]) -> bool:
    """Tell the last changes of an object that is being deleted already, which nobody may hold up."""
    old = request.get("oldObject")
    metadata = old.get("metadata") if isinstance(old, dict) else None
    return (
        request.get("operation") == "UPDATE"
        and isinstance(metadata, dict)
        and isinstance(metadata.get("deletionTimestamp"), str)
    )


def _split(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _name(request: Mapping[str, Any]) -> str:
    kind = request.get("kind")
    what = kind.get("kind", "") if isinstance(kind, dict) else ""
    place = "/".join(str(request.get(field) or "")[:253] for field in ("namespace", "name"))
    return f"{str(what)[:63]} {place}".strip()


def _sentence(error: WeightmarkError) -> str:
    return f"{error.what}: {error.fix}" if error.fix else error.what


def _reason(answer: Answer) -> str:
    first = next(iter(answer.reasons), None)
    said = f": {first.name}: {first.summary}" if first else ""
    why = f" ({first.why})" if first and first.why else ""
    return f"{answer.word} `{answer.given}`{said}{why}"

"""What Kubernetes sends and gets, without a server: every doubt is a no."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.decisions.makers import rules
from tests.attestations.gate_makers import make_signed
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.serving.admission_review import (
    ANNOTATION,
    AdmissionRequest,
    answer_review,
)
from weightmark.attestations.gate.serving.questions import MOST_BODY, Answer, Question, read_request
from weightmark.errors import CallError, LimitError, MalformedError, UncheckedError, WeightmarkError

IDENTITY = f"wm1:{'a' * 64}"
OTHER = f"wm1:{'b' * 64}"


def pod(*identities: str, **more: Any) -> dict[str, Any]:
    annotations = {ANNOTATION: ", ".join(identities)} if identities else {}
    return {"kind": "Pod", "metadata": {"name": "p", "annotations": annotations}, **more}


def review(described: Any = None, **changes: Any) -> bytes:
    request = {
        "uid": "u-1",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "name": "p",
        "namespace": "serving",
        "operation": "CREATE",
        "object": pod(IDENTITY) if described is None else described,
        **changes,
    }
    return json.dumps(
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    ).encode()


def answered(body: bytes, *answers: Answer) -> dict[str, Any]:
    response: dict[str, Any] = json.loads(answer_review(AdmissionRequest.parse(body), answers))
    assert response["kind"] == "AdmissionReview"
    found: dict[str, Any] = response["response"]
    assert found["uid"] == "u-1"
    return found


def no(given: str = IDENTITY) -> Answer:
    return Answer.of_error(given, UncheckedError("nobody vouches for it"))


@pytest.fixture
def yes(tmp_path: Path) -> Answer:
    decision = gate(make_signed(tmp_path / "model"), rules(), earlier=False)
    assert decision.allows, decision.checks
    return Answer(IDENTITY, decision)


def test_an_object_is_allowed_when_each_artifact_is(yes: Answer) -> None:
    assert answered(review(), yes)["allowed"] is True
    two = review(pod(IDENTITY, OTHER))
    assert answered(two, yes, yes)["allowed"] is True
    said = answered(two, yes, no(OTHER))
    assert said["allowed"] is False
    assert OTHER in said["status"]["message"]
    assert said["status"]["code"] == 403


def test_fewer_answers_than_artifacts_allow_nothing(yes: Answer) -> None:
    assert answered(review(pod(IDENTITY, OTHER)), yes)["allowed"] is False
    assert answered(review())["allowed"] is False


def test_an_object_that_names_no_artifact_is_refused_and_told_how() -> None:
    said = answered(review(pod()))
    assert said["allowed"] is False
    assert ANNOTATION in said["status"]["message"]


@pytest.mark.parametrize(
    "way",
    [
        {"spec": {"template": pod(OTHER)}},
        {"spec": {"jobTemplate": {"spec": {"template": pod(OTHER)}}}},
    ],
)
def test_the_template_of_the_pods_is_asked_about_beside_the_object(way: dict[str, Any]) -> None:
    request = AdmissionRequest.parse(review({**pod(IDENTITY), **way}))
    assert [one.text for one in request.questions] == [IDENTITY, OTHER]
    alone = AdmissionRequest.parse(review({"metadata": {}, **way}))
    assert [one.text for one in alone.questions] == [OTHER]


@pytest.mark.parametrize("operation", ["CONNECT", "create", "", None, 7])
def test_an_operation_that_is_not_known_is_refused(operation: Any, yes: Answer) -> None:
    assert answered(review(operation=operation), yes)["allowed"] is False


def test_deleting_needs_no_answer() -> None:
    assert answered(review(operation="DELETE", object=None))["allowed"] is True


def test_the_last_changes_of_what_is_being_deleted_are_let_through() -> None:
    going = {"metadata": {"deletionTimestamp": "2026-11-21T00:00:00Z"}}
    assert answered(review(pod(), operation="UPDATE", oldObject=going))["allowed"] is True


def test_a_new_object_cannot_pose_as_one_that_is_being_deleted() -> None:
    posing = pod()
    posing["metadata"]["deletionTimestamp"] = "2026-11-21T00:00:00Z"
    assert answered(review(posing))["allowed"] is False
    assert answered(review(posing, operation="UPDATE", oldObject=pod()))["allowed"] is False
    assert answered(review(posing, oldObject=posing))["allowed"] is False


@pytest.mark.parametrize(
    "uri", ["s3://bucket/model", "hf://org/model", "", 7, "Weightmark+hf://a/b"]
)
def test_what_a_cluster_would_fetch_past_the_gate_is_refused(uri: Any, yes: Answer) -> None:
    spec = {"predictor": {"model": {"storageUri": uri}}}
    said = answered(review(pod(IDENTITY, spec=spec)), yes)
    assert said["allowed"] is False
    spec = {"predictor": {"model": {"storageUri": "weightmark+hf://org/model"}}}
    assert answered(review(pod(IDENTITY, spec=spec)), yes)["allowed"] is True


@pytest.mark.parametrize(
    "spec",
    [
        {"predictor": {"storageUris": [{"uri": "s3://bucket/evil"}]}},
        {"predictor": {"storageUris": ["https://host.example/evil"]}},
        {"predictor": {"model": {"storage": {"key": "k", "path": "evil"}}}},
        {"model": {"uri": "hf://evil/model"}},
        {"containers": [{"env": [{"name": "STORAGE_URI", "value": "https://host.example/x"}]}]},
        {"containers": [{"args": ["--model=S3://bucket/evil"]}]},
        {"volumes": [{"name": "m", "image": {"reference": "registry.example/evil:1"}}]},
        {"containers": [{"command": ["sh", "-c", "pull weightmark+hf://a/b; get gs://evil"]}]},
    ],
)
def test_no_other_field_is_a_way_past_the_gate(spec: dict[str, Any], yes: Answer) -> None:
    assert answered(review(pod(IDENTITY, spec=spec)), yes)["allowed"] is False


@pytest.mark.parametrize("name", [["STORAGE_URI"], {}, {"STORAGE_URI": 1}, 7, True])
def test_a_variable_whose_name_is_no_text_is_refused_and_no_crash(name: Any, yes: Answer) -> None:
    """The answer has to name the request, or a cluster that ignores failures lets it through."""
    spec = {"containers": [{"env": [{"name": name, "value": "s3://bucket/evil"}]}]}
    assert answered(review(pod(IDENTITY, spec=spec)), yes)["allowed"] is False
    spec = {"containers": [{"env": [{"name": name, "value": "x"}]}]}
    assert answered(review(pod(IDENTITY, spec=spec)), yes)["allowed"] is False
    spec = {"containers": [{"name": name}]}
    assert answered(review(pod(IDENTITY, spec=spec)), yes)["allowed"] is True


def test_fields_that_only_look_alike_are_let_through(yes: Answer) -> None:
    spec = {
        "containers": [
            {
                "image": "registry.example/serve:1",
                "args": ["pull", "weightmark+hf://a/b", "--issuer=https://id.example"],
                "resources": {"requests": {"storage": "10Gi"}},
            }
        ]
    }
    assert answered(review(pod(IDENTITY, spec=spec)), yes)["allowed"] is True


@pytest.mark.parametrize(
    "value", ["wm1:abc", "latest", f"{IDENTITY}/../x", f"sha256:{'a' * 64}", f"WM1:{'a' * 64}"]
)
def test_a_name_that_is_no_identity_is_refused(value: str, yes: Answer) -> None:
    assert answered(review(pod(value)), yes)["allowed"] is False
    assert answered(review(pod(IDENTITY, value)), yes)["allowed"] is False


def test_an_annotation_that_is_no_text_is_refused() -> None:
    assert (
        answered(review({"metadata": {"annotations": {ANNOTATION: [IDENTITY]}}}))["allowed"]
        is False
    )


def test_one_object_names_a_bounded_number_of_artifacts() -> None:
    many = [f"wm1:{number:064x}" for number in range(33)]
    assert answered(review(pod(*many)), *[no()] * 33)["allowed"] is False


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        review().replace(b'"uid"', b'"uid": "u-0", "uid"'),
        review().replace(b"admission.k8s.io/v1", b"admission.k8s.io/v1beta1"),
        review().replace(b'"kind": "AdmissionReview"', b'"kind": "Pod"'),
        json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}).encode(),
        review(uid=7),
        b"[" * 10_000,
    ],
)
def test_what_is_no_review_gets_no_review(body: bytes) -> None:
    with pytest.raises((MalformedError, LimitError)):
        AdmissionRequest.parse(body)


def test_a_review_of_any_size_is_bounded() -> None:
    with pytest.raises(LimitError):
        AdmissionRequest.parse(b" " * (MOST_BODY + 1))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_any_object_is_refused_unless_its_artifacts_are_answered(described: Any) -> None:
    assert answered(review(described))["allowed"] is False


@given(st.binary(max_size=300))
def test_any_bytes_are_a_review_or_an_error_of_ours(body: bytes) -> None:
    try:
        AdmissionRequest.parse(body)
    except WeightmarkError:
        return


@pytest.mark.parametrize(
    "path",
    ["..", "../x", "/etc", "link", "link/x", "a\0b", "", "x" * 5000, "x" * 300, "loop", 7, None],
)
def test_a_path_leads_nowhere_but_beneath_the_roots(tmp_path: Path, path: Any) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "x").mkdir()
    (root / "link").symlink_to(tmp_path)
    (root / "loop").symlink_to("loop")
    with pytest.raises((MalformedError, CallError)):
        Question.of_path(path, [root])


def test_a_path_beneath_a_root_is_found_by_its_real_place(tmp_path: Path) -> None:
    (tmp_path / "root" / "model").mkdir(parents=True)
    (tmp_path / "root" / "alias").symlink_to("model")
    found = Question.of_path("alias", [tmp_path / "other", tmp_path / "root"])
    assert found.text == str((tmp_path / "root" / "model").resolve())
    assert found.given == "alias"


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"identity": "wm1:x"}',
        b'{"identity": "%s", "path": "."}' % IDENTITY.encode(),
        b'{"identity": "%s", "identity": "%s"}' % (IDENTITY.encode(), OTHER.encode()),
        b'{"path": "model", "policy": "audit"}',
    ],
)
def test_a_question_names_one_artifact_and_nothing_else(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(MalformedError):
        Question.of(read_request(body), [tmp_path])

"""`mlflow:` through the real client against a tracking server on loopback: nothing of what it says is believed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sim.faults import Fault, FaultKind
from tests.sim.mlflow import TrackingServer
from tests.sim.web import LoopbackServer
from weightmark.errors import (
    ArtifactRefusedError,
    CallError,
    MalformedError,
    NetworkError,
    PromiseBrokenError,
    SettingsError,
    UnsupportedError,
    WeightmarkError,
)
from weightmark.provenance.sources.choice import is_pin_of, is_remote, open_source
from weightmark.provenance.sources.fetching import fetch
from weightmark.provenance.sources.interface import Snapshot
from weightmark.provenance.sources.mlflow_registry.address import MlflowAddress
from weightmark.provenance.sources.mlflow_registry.place import is_this_machine
from weightmark.provenance.sources.mlflow_registry.registry import Registry
from weightmark.provenance.sources.mlflow_registry.source import MlflowSource

FILES = {"MLmodel": b"flavors: {}\n", "data/model/w.bin": bytes(range(256)) * 9000}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[TrackingServer]:
    """A server with version 1 of `bert`."""
    with TrackingServer.running() as running:
        for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", running.url)
        running.register("bert", FILES)
        running.aliases["bert", "champion"] = "1"
        yield running


def resolved(uri: str) -> Snapshot:
    with open_source(uri) as source:
        return source.resolve()


def fetched(uri: str, folder: Path) -> dict[str, bytes]:
    folder.mkdir(exist_ok=True)
    found: dict[str, bytes] = {}
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with open_source(uri) as source:
            for at, part in enumerate(source.resolve().parts):
                fetch(source, part, str(at), folder=descriptor, where=uri, sleep=lambda _: None)
                found[part.path] = (folder / str(at)).read_bytes()
    finally:
        os.close(descriptor)
    return found


@pytest.mark.parametrize("uri", ["mlflow:models:/bert/1", "mlflow:models:/bert@champion"])
def test_a_version_is_listed_and_fetched(server: TrackingServer, tmp_path: Path, uri: str) -> None:
    assert resolved(uri).pinned == "mlflow:models:/bert/1"
    assert is_remote(uri)
    assert is_pin_of(uri, "mlflow:models:/bert/1", {})
    assert not is_pin_of(uri, "mlflow:models:/bert@champion", {})
    assert fetched(uri, tmp_path / "to") == FILES


def test_runs_and_logged_models_are_followed_to_their_files(
    server: TrackingServer, tmp_path: Path
) -> None:
    root = server.register("other", FILES)
    server.runs["r1"] = f"mlflow-artifacts:/{root.rpartition('/')[0]}"
    server.logged["m-ab"] = f"mlflow-artifacts:/{root}"
    server.versions["byrun", "1"] = "runs:/r1/artifacts"
    server.versions["bymodel", "1"] = "models:/m-ab"
    for at, uri in enumerate(
        (
            "mlflow:runs:/r1/artifacts",
            "mlflow:models:/m-ab",
            "mlflow:models:/byrun/1",
            "mlflow:models:/bymodel/1",
        )
    ):
        assert fetched(uri, tmp_path / str(at)) == FILES


def test_an_alias_that_moves_moves_nothing_that_was_resolved(
    server: TrackingServer, tmp_path: Path
) -> None:
    server.register("bert", {"MLmodel": b"evil: {}\n"}, version="2")
    with open_source("mlflow:models:/bert@champion") as source:
        snapshot = source.resolve()
        server.aliases["bert", "champion"] = "2"
        read = {part.path: b"".join(source.read(part)) for part in snapshot.parts}
    assert snapshot.pinned == "mlflow:models:/bert/1"
    assert read == FILES
    assert resolved("mlflow:models:/bert@champion").pinned == "mlflow:models:/bert/2"


def test_places_that_lead_round_in_circles_are_left(server: TrackingServer) -> None:
    server.versions["bert", "1"] = "models:/bert/1"
    with pytest.raises(MalformedError, match="without end"):
        resolved("mlflow:models:/bert/1")


@pytest.mark.parametrize("place", ["file:///etc", "/etc", "dbfs:/x", "ftp://x/y", "models:/x/../y"])
def test_a_server_that_names_a_path_of_this_machine_is_refused(
    server: TrackingServer, place: str
) -> None:
    server.versions["bert", "1"] = place
    with pytest.raises((UnsupportedError, MalformedError)):
        resolved("mlflow:models:/bert/1")


def test_files_at_another_host_are_not_asked_for_with_the_token(
    server: TrackingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret-of-tests")
    server.bearer = "secret-of-tests"
    other = LoopbackServer(server.faults)
    try:
        host = other.url.removeprefix("http://")
        server.versions["bert", "1"] = f"mlflow-artifacts://{host}/1/x"
        with pytest.raises(NetworkError, match="another server"):
            resolved("mlflow:models:/bert/1")
        server.register("bert", FILES)
        server.location = f"{other.url}/steal"
        with open_source("mlflow:models:/bert/1") as source:
            part = source.resolve().parts[0]
            with pytest.raises(NetworkError, match="302"):
                b"".join(source.read(part))
        assert not other.seen
    finally:
        other.stop()


@pytest.mark.parametrize("size", ["-1", "x", "9" * 30, 1.5])
def test_sizes_that_are_none_are_refused(server: TrackingServer, size: object) -> None:
    server.listed["1/bert-1/artifacts/MLmodel"] = {"file_size": size}
    with pytest.raises(MalformedError):
        resolved("mlflow:models:/bert/1")


@pytest.mark.parametrize("size", ["3", "400"])
def test_sizes_that_lie_are_refused(server: TrackingServer, tmp_path: Path, size: str) -> None:
    server.listed["1/bert-1/artifacts/MLmodel"] = {"file_size": size}
    with pytest.raises((PromiseBrokenError, NetworkError)):
        fetched("mlflow:models:/bert/1", tmp_path / "to")


@pytest.mark.parametrize("path", ["..", "../x", "/etc/passwd", "a/../../b", "", "a/b", "x\x00"])
def test_names_that_lead_out_are_refused(server: TrackingServer, path: str) -> None:
    server.listed["1/bert-1/artifacts/MLmodel"] = {"path": path}
    with pytest.raises((MalformedError, ArtifactRefusedError)):
        resolved("mlflow:models:/bert/1")


@pytest.mark.parametrize("left", [1_000_000, len(FILES["data/model/w.bin"])])
def test_what_an_earlier_pull_left_is_never_mixed_with_a_version_written_again(
    server: TrackingServer, tmp_path: Path, left: int
) -> None:
    """Same size, other bytes: MLflow promises nothing by which they could be told apart."""
    (tmp_path / "1").write_bytes(FILES["data/model/w.bin"][::-1][:left])
    assert fetched("mlflow:models:/bert/1", tmp_path) == FILES
    assert not any("range" in one.headers for one in server.server.requests("artifacts"))


def test_what_breaks_off_is_fetched_from_its_beginning(
    server: TrackingServer, tmp_path: Path
) -> None:
    with open_source("mlflow:models:/bert/1") as source:
        part = source.resolve().parts[1]
        server.faults["artifacts"] = Fault(FaultKind.TRUNCATED, 2)
        descriptor = os.open(tmp_path, os.O_RDONLY)
        try:
            fetch(source, part, "w", folder=descriptor, where="x", sleep=lambda _: None)
        finally:
            os.close(descriptor)
        with pytest.raises(NetworkError, match="versions"):
            b"".join(source.read(part, 5))
    assert (tmp_path / "w").read_bytes() == FILES["data/model/w.bin"]
    assert not any("range" in one.headers for one in server.server.requests("artifacts"))


def test_what_is_not_there_and_who_may_not_are_told_without_secrets(
    server: TrackingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NetworkError, match="RESOURCE_DOES_NOT_EXIST"):
        resolved("mlflow:models:/nothing/1")
    server.bearer = "right"
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret-of-tests")
    with pytest.raises(NetworkError) as told:
        resolved("mlflow:models:/bert/1")
    assert "secret" not in f"{told.value!r}{told.value.what}{told.value.why}{told.value.fix}"


def test_a_server_without_tls_is_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example:5000")
    with pytest.raises(NetworkError, match="no TLS"):
        open_source("mlflow:models:/bert/1")


def test_without_a_server_the_current_folder_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(SettingsError, match="which server"):
        open_source("mlflow:models:/bert/1")
    with pytest.raises(NetworkError, match="--offline"):
        open_source("mlflow:models:/bert/1", offline=True)


def test_an_answer_that_never_comes_right_ends(server: TrackingServer) -> None:
    server.faults["artifacts"] = Fault.error(404)
    with pytest.raises(NetworkError):
        resolved("mlflow:models:/bert/1")


def test_tags_of_a_version_are_written(server: TrackingServer) -> None:
    registry = Registry()
    registry.tag(MlflowAddress.parse("mlflow:models:/bert/1"), {"weightmark.identity": "wm1:00"})
    assert server.tags["bert", "1"] == {"weightmark.identity": "wm1:00"}
    with pytest.raises(UnsupportedError):
        registry.tag(MlflowAddress.parse("mlflow:runs:/r/x"), {"a": "b"})


@pytest.mark.parametrize("tracking", ["file://{}/runs", "{}/runs"])
def test_a_remote_registry_names_no_path_of_this_machine_whatever_the_tracking_is(
    server: TrackingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tracking: str
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", server.url)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking.format(tmp_path))
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "id.txt").write_bytes(b"private")
    for place in (str(secret), f"file://{secret}"):
        server.versions["bert", "1"] = place
        with pytest.raises(UnsupportedError, match="not followed"):
            resolved("mlflow:models:/bert/1")


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("/srv/runs", True),
        ("runs", True),
        ("file:///srv/runs", True),
        ("sqlite:////srv/mlflow.db", True),
        ("file://nas/srv/runs", False),
        ("https://mlflow.example", False),
        ("databricks", False),
        ("databricks-uc://x", False),
        ("uc:https://uc.example", False),
        ("postgresql://db/mlflow", False),
        ("plugin://x", False),
    ],
)
def test_only_what_is_known_to_be_local_counts_as_local(address: str, local: bool) -> None:
    assert is_this_machine(address) is local


def test_the_place_of_the_files_is_asked_for_once_and_written_to_where_it_was_read(
    server: TrackingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret-of-tests")
    server.bearer = "secret-of-tests"
    victim = tmp_path / "victim"
    victim.mkdir()
    other = LoopbackServer(server.faults)
    try:
        for place in (str(victim), f"file://{victim}", f"{other.url}/up", "mlflow-artifacts:/2"):
            server.register("bert", FILES)
            with MlflowSource("mlflow:models:/bert/1") as source:
                source.resolve()
                server.versions["bert", "1"] = place
                source.add("model.claims", place.encode())
            assert server.files["1/bert-1/artifacts/model.claims"] == place.encode()
        assert not other.seen
        assert not list(victim.iterdir())
    finally:
        other.stop()


def test_what_is_written_follows_no_redirect(server: TrackingServer) -> None:
    with MlflowSource("mlflow:models:/bert/1") as source:
        with pytest.raises(CallError, match="before something is added"):
            source.add("model.sig", b"x")
        source.resolve()
        server.faults["artifacts"] = Fault.error(302)
        with pytest.raises(NetworkError, match="302"):
            source.add("model.sig", b"x")


def test_a_store_of_files_on_this_machine_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    store = f"file://{tmp_path}/store"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    from mlflow.tracking import MlflowClient

    model = tmp_path / "m"
    for name, data in FILES.items():
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        (model / name).write_bytes(data)
    client = MlflowClient(tracking_uri=store, registry_uri=store)
    run = client.create_run(client.create_experiment("x")).info.run_id
    client.log_artifacts(run, str(model), "model")
    client.create_registered_model("bert")
    client.create_model_version("bert", source=f"runs:/{run}/model", run_id=run)
    assert fetched("mlflow:models:/bert/1", tmp_path / "to") == FILES
    with MlflowSource("mlflow:models:/bert/1") as source:
        source.resolve()
        source.add("model.claims", b"{}")
    assert fetched("mlflow:models:/bert/1", tmp_path / "again")["model.claims"] == b"{}"


@pytest.mark.parametrize(
    "uri",
    [
        "mlflow:",
        "mlflow:models:/",
        "mlflow:models:/a/0",
        "mlflow:models:/a/latest",
        "mlflow:models:/a/1/x",
        "mlflow:models:/a@b/c",
        "mlflow:runs:/r",
        "mlflow:runs:/r/../x",
        "mlflow:runs:/../x",
        "mlflow://models/a/1",
        "mlflow:file:/etc",
    ],
)
def test_what_is_no_address_is_refused(uri: str) -> None:
    with pytest.raises(CallError):
        MlflowAddress.parse(uri)


@pytest.mark.parametrize(
    "uri", ["mlflow:models:/a b/3", "mlflow:models:/a@b", "mlflow:runs:/r/p/q"]
)
def test_an_address_is_its_own_spelling(uri: str) -> None:
    assert MlflowAddress.parse(uri).uri == uri


def test_no_other_errors_than_ours_leave_an_answer_that_is_none(server: TrackingServer) -> None:
    for fault in (Fault(Fault.down().kind), Fault.error(500, times=1)):
        server.faults["api"] = fault
        with pytest.raises(WeightmarkError):
            resolved("mlflow:models:/nothing/1")

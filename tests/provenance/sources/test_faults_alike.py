"""One fault, one exit code, whatever the source; `docs/hub.md` has the same table."""

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.sim.faults import Fault
from tests.sim.gcs import Gcs
from tests.sim.hub import Hub, Lfs
from tests.sim.hub_cache import lay_out
from tests.sim.mlflow import TrackingServer
from tests.sim.registry import RegistrySim, Reply, sha256
from tests.sim.s3 import environment, running
from tests.sim.website import Website
from weightmark.errors import Exit, WeightmarkError
from weightmark.provenance.sources.choice import open_source
from weightmark.provenance.sources.fetching import fetch

WEIGHTS = b"weights" * 1000
OTHER = b"evil!!!" * 1000
SECRET = "hf_a-token-that-is-never-shown"  # noqa: S105 - made up
_DOCS = Path(__file__).parents[3] / "docs" / "hub.md"
FAULTS = {
    "no such repository": Exit.UNCHECKED,
    "no such revision": Exit.UNCHECKED,
    "no permission": Exit.UNCHECKED,
    "other bytes than promised": Exit.BAD,
    "fewer bytes than promised": Exit.BAD,
    "more bytes than promised": Exit.BAD,
    "pinned to something else": Exit.BAD,
}


class Place(Protocol):
    """One source with one model in it, and how each fault is made there."""

    def spoil(self, fault: str) -> str:
        """Make the fault; return the address to ask for, or nothing where there is no such fault."""
        ...


def _changed(fault: str) -> bytes | None:
    return {
        "other bytes than promised": OTHER,
        "fewer bytes than promised": WEIGHTS[:-1],
        "more bytes than promised": WEIGHTS + b"!",
    }.get(fault)


class HubPlace:
    def __init__(self, stack: ExitStack, patch: pytest.MonkeyPatch, place: Path) -> None:
        self.hub = stack.enter_context(Hub.running())
        for name, value in self.hub.environment.items():
            patch.setenv(name, value)
        patch.setenv("HF_HOME", str(place / "home"))
        patch.setenv("HF_TOKEN", SECRET)
        self.model = self.hub.add("models", "acme/bert", {"m.bin": Lfs(WEIGHTS)})

    def spoil(self, fault: str) -> str:
        uri = self.model.uri
        self.model.private = fault == "no permission"
        data = _changed(fault)
        if data is not None:
            self.model.served["m.bin"] = data
        if fault == "no such revision":
            return "hf://acme/bert@" + "0" * 40
        if fault == "pinned to something else":
            return ""
        return "hf://acme/none" if fault == "no such repository" else uri


class CachePlace:
    def __init__(self, _stack: ExitStack, patch: pytest.MonkeyPatch, place: Path) -> None:
        hub = Hub()
        hub.server.stop()
        hub.elsewhere.stop()
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_HUB_CACHE", str(place))
        self.snapshot = lay_out(hub.add("models", "acme/bert", {"m.bin": Lfs(WEIGHTS)}), place)

    def spoil(self, fault: str) -> str:
        link = self.snapshot / "m.bin"
        data = _changed(fault)
        if data is not None:
            (link.parent / link.readlink()).write_bytes(data)
        if fault == "no such revision":
            return "hf://acme/bert@" + "0" * 40
        if fault in {"no permission", "pinned to something else"}:
            return ""
        return "hf://acme/none" if fault == "no such repository" else "hf://acme/bert"


class RegistryPlace:
    def __init__(self, stack: ExitStack, patch: pytest.MonkeyPatch, place: Path) -> None:
        patch.setenv("DOCKER_CONFIG", str(place))
        self.sim = stack.enter_context(RegistrySim())
        self.digest = self.sim.add_model("acme/bert", "v1", {"m.bin": WEIGHTS})

    def spoil(self, fault: str) -> str:
        data = _changed(fault)
        if data is not None:
            self.sim.blobs[sha256(WEIGHTS)] = data
        if fault == "no permission":
            self.sim.scheme = "Basic"
        if fault == "pinned to something else":
            kept = self.sim.manifests["acme/bert", self.digest]
            self.sim.manifests["acme/bert", self.digest] = (kept[0] + b" ", kept[1])
            return self.sim.uri("acme/bert", self.digest)
        names = {"no such repository": ("acme/none", "v1"), "no such revision": ("acme/bert", "v2")}
        return self.sim.uri(*names.get(fault, ("acme/bert", "v1")))


class S3Place:
    def __init__(self, stack: ExitStack, patch: pytest.MonkeyPatch, place: Path) -> None:
        endpoint = stack.enter_context(running())
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in environment(endpoint, place / "none").items():
            patch.setenv(name, value)
        from s3fs import S3FileSystem

        self.client: Any = S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
        self.client.mkdir("models")
        self.client.pipe("models/bert/m.bin", WEIGHTS)

    def spoil(self, fault: str) -> str:
        if fault == "no such repository":
            return "s3://none/bert"
        if fault == "pinned to something else":
            with open_source("s3://models/bert") as source:
                pinned = source.resolve().pinned
            self.client.pipe("models/bert/m.bin", OTHER)
            return pinned
        return ""


class GcsPlace:
    def __init__(self, stack: ExitStack, patch: pytest.MonkeyPatch, _: Path) -> None:
        self.gcs = stack.enter_context(Gcs.running())
        for name, value in self.gcs.environment.items():
            patch.setenv(name, value)
        self.gcs.put("bert/m.bin", WEIGHTS)

    def spoil(self, fault: str) -> str:
        data = _changed(fault)
        if data is not None and len(data) != len(WEIGHTS):
            self.gcs.served["bert/m.bin"] = data
        elif data is not None:
            self.gcs.serving["bert/m.bin"] = 1
        if fault == "no permission":
            self.gcs.faults["list"] = Fault.error(403, "no")
        if fault == "pinned to something else":
            with open_source("gs://models/bert") as source:
                pinned = source.resolve().pinned
            self.gcs.put("bert/m.bin", OTHER)
            return pinned
        return {"no such repository": "gs://none/bert", "no such revision": ""}.get(
            fault, "gs://models/bert"
        )


class FolderPlace:
    """A folder behind HTTPS, which its list promises."""

    def __init__(self, stack: ExitStack, _: pytest.MonkeyPatch, __: Path) -> None:
        self.site = stack.enter_context(Website.running())
        self.site.files["/bert/m.bin"] = WEIGHTS
        self.digest = self.site.sums("/bert/")

    def spoil(self, fault: str) -> str:
        data = _changed(fault)
        if data is not None:
            self.site.files["/bert/m.bin"] = data
        if fault == "no permission":
            self.site.faults["file"] = Fault.error(403, "no")
        if fault == "pinned to something else":
            self.site.files["/bert/m.bin"] = OTHER
            self.site.sums("/bert/")
            return f"{self.site.url}/bert/#sha256={self.digest}"
        path = {"no such repository": "/none/", "no such revision": ""}.get(fault, "/bert/")
        return f"{self.site.url}{path}" if path else ""


class FilePlace:
    """One file behind HTTPS, whose address says its digest."""

    def __init__(self, stack: ExitStack, _: pytest.MonkeyPatch, __: Path) -> None:
        self.site = stack.enter_context(Website.running())
        self.site.files["/m.bin"] = WEIGHTS

    def spoil(self, fault: str) -> str:
        url = f"{self.site.url}/m.bin#{sha256(WEIGHTS).replace(':', '=')}"
        data = _changed(fault)
        if data is not None:
            self.site.files["/m.bin"] = data
        if fault == "no permission":
            self.site.faults["file"] = Fault.error(401, "no")
        if fault == "pinned to something else":
            with open_source(f"{self.site.url}/m.bin") as source:
                pinned = source.resolve().pinned
            self.site.files["/m.bin"] = OTHER
            return pinned
        names = {"no such repository": f"{self.site.url}/none.bin", "no such revision": ""}
        return names.get(fault, url)


class MlflowPlace:
    def __init__(self, stack: ExitStack, patch: pytest.MonkeyPatch, _: Path) -> None:
        self.server = stack.enter_context(TrackingServer.running())
        for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
            patch.delenv(name)
        patch.setenv("MLFLOW_TRACKING_URI", self.server.url)
        self.root = self.server.register("bert", {"m.bin": WEIGHTS})

    def spoil(self, fault: str) -> str:
        if fault == "no permission":
            self.server.bearer = "x"
        if fault == "fewer bytes than promised":
            self.server.listed[f"{self.root}/m.bin"] = {"file_size": len(WEIGHTS) + 1}
        if fault == "more bytes than promised":
            self.server.listed[f"{self.root}/m.bin"] = {"file_size": len(WEIGHTS) - 1}
        if fault in {"other bytes than promised", "pinned to something else"}:
            return ""
        name = {"no such repository": "none/1", "no such revision": "bert/2"}.get(fault, "bert/1")
        return f"mlflow:models:/{name}"


PLACES: dict[str, type[Any]] = {
    "hf": HubPlace,
    "hf-cache": CachePlace,
    "oci": RegistryPlace,
    "s3": S3Place,
    "gs": GcsPlace,
    "https-folder": FolderPlace,
    "https-file": FilePlace,
    "mlflow": MlflowPlace,
}
NOT_THERE = {
    ("hf", "pinned to something else"),
    ("hf-cache", "no permission"),
    ("hf-cache", "pinned to something else"),
    ("s3", "no such revision"),
    ("s3", "no permission"),
    ("s3", "other bytes than promised"),
    ("s3", "fewer bytes than promised"),
    ("s3", "more bytes than promised"),
    ("gs", "no such revision"),
    ("https-folder", "no such revision"),
    ("https-file", "no such revision"),
    ("mlflow", "other bytes than promised"),
    ("mlflow", "pinned to something else"),
}
"""what can't happen there, or not with this stand-in"""


@pytest.fixture
def place(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Place]:
    with ExitStack() as stack:
        yield PLACES[request.param](stack, monkeypatch, tmp_path)


def fetched(uri: str, folder: Path) -> bytes:
    """Fetch what an address promises, without waiting between attempts."""
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with open_source(uri) as source:
            for part in source.resolve().parts:
                fetch(source, part, "f", folder=descriptor, where=uri, sleep=lambda _: None)
    finally:
        os.close(descriptor)
    return (folder / "f").read_bytes()


@pytest.mark.parametrize("place", PLACES, indirect=True)
def test_without_a_fault_it_is_fetched(place: Place, tmp_path: Path) -> None:
    uri = place.spoil("") or "s3://models/bert"
    assert fetched(uri, tmp_path / "to") == WEIGHTS


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("place", PLACES, indirect=True)
def test_a_fault_has_one_exit_code(
    place: Place, fault: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    uri = place.spoil(fault)
    kind = request.node.callspec.params["place"]
    assert ((kind, fault) in NOT_THERE) is not bool(uri)
    if not uri:
        return
    with pytest.raises(WeightmarkError) as raised:
        fetched(uri, tmp_path / "to")
    said = f"{raised.value.what} {raised.value.why} {raised.value.fix}"
    assert raised.value.exit is FAULTS[fault], said
    assert SECRET not in said
    assert raised.value.fix or raised.value.why


def test_nobody_who_answers_has_one_exit_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All at once, since each is tried again for a while."""
    silent = "http://127.0.0.1:9"
    for name in ("HF_ENDPOINT", "AWS_ENDPOINT_URL", "STORAGE_EMULATOR_HOST", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, silent)
    for name, value in environment(silent, tmp_path / "none").items():
        monkeypatch.setenv(name, value)
    uris = (
        "hf://acme/bert",
        "oci://127.0.0.1:9/acme/bert:v1",
        "s3://models/bert",
        "gs://models/bert",
        f"{silent}/bert/",
        f"{silent}/m.bin",
        "mlflow:models:/bert/1",
    )

    def code(uri: str) -> Exit | None:
        try:
            with open_source(uri) as source:
                source.resolve()
        except WeightmarkError as error:
            return error.exit
        return None

    with ThreadPoolExecutor(len(uris)) as threads:
        assert dict(zip(uris, threads.map(code, uris), strict=True)) == dict.fromkeys(
            uris, Exit.UNCHECKED
        )


def test_a_busy_registry_is_tried_again_and_then_could_not_be_checked(tmp_path: Path) -> None:
    with RegistrySim() as sim:
        sim.add_model("acme/bert", "v1", {"m.bin": WEIGHTS})
        path = f"GET /v2/acme/bert/blobs/{sha256(WEIGHTS)}"
        sim.replies[path] = [Reply(503), Reply(429)]
        assert fetched(sim.uri("acme/bert"), tmp_path / "to") == WEIGHTS
        sim.always[path] = Reply(503)
        with pytest.raises(WeightmarkError) as raised:
            fetched(sim.uri("acme/bert"), tmp_path / "again")
        assert raised.value.exit is Exit.UNCHECKED


def test_the_page_has_the_same_table() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([0-9]) \|", _DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    told = {name.strip(): int(code) for name, code in rows}
    assert {fault: told.get(fault) for fault in FAULTS} == {
        fault: int(code) for fault, code in FAULTS.items()
    }

"""`push hf://…` and `push mlflow:…`: files and claims are there afterwards as they were read, or nothing is."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Ran, RunCli
from tests.sim.faults import Fault
from tests.sim.hub import Hub, Lfs
from tests.sim.hub_cache import lay_out
from tests.sim.mlflow import TrackingServer

# what the hub's client says of the client that it uses
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

_TENSORS = b'{"a":{"dtype":"U8","shape":[4992],"data_offsets":[0,4992]}}'
BIG = len(_TENSORS).to_bytes(8, "little") + _TENSORS + b"w" * 4992
FILES = {
    "config.json": b"{}",
    "sub/model.safetensors": BIG,
    "README.md": b"---\nlicense: mit\n---\n",
}
URI = "hf://acme/bert@main"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with an empty repository and a token that may write."""
    with Hub.running() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HF_TOKEN", "write-token-of-tests")
        running.token = "write-token-of-tests"  # noqa: S105 - of the simulated hub
        running.add("models", "acme/bert", {".gitattributes": b"*.safetensors filter=lfs\n"})
        yield running


@pytest.fixture
def house(tmp_path: Path, run_cli: RunCli) -> Path:
    """Make a signed model, its key, and the key of a colleague."""
    for name in ("release", "colleague"):
        assert run_cli("key", "generate", "-o", f"{name}.key", cwd=tmp_path).code == 0
    for path, data in {**FILES, ".gitattributes": b"*.safetensors filter=lfs\n"}.items():
        (tmp_path / "model" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / path).write_bytes(data)
    assert run_cli("sign", "model", "--key", "release.key", cwd=tmp_path).code == 0
    return tmp_path


def push(run_cli: RunCli, house: Path, *args: str, uri: str = URI) -> Ran:
    return run_cli("push", "model", uri, "-f", "json", *args, cwd=house)


def pull(run_cli: RunCli, house: Path, to: str, uri: str = URI, key: str = "release.pub") -> Ran:
    return run_cli("pull", uri, "--to", to, "--policy", "baseline", "--key", key, cwd=house)


def test_what_was_pushed_is_pulled_and_verified_by_anybody(
    hub: Hub, house: Path, run_cli: RunCli
) -> None:
    done = push(run_cli, house)
    assert done.code == 0, done.stderr
    told = json.loads(done.stdout)
    commit = hub.repositories["models", "acme/bert"].head
    assert told["pinned"] == f"hf://models/acme/bert@{commit}"
    assert (told["uploaded"], told["moved_from"] is not None) == (3, True)
    assert pull(run_cli, house, "copy").code == 0
    for path in (*FILES, "model.sig", "model.claims"):
        assert (house / "copy" / path).read_bytes() == (house / "model" / path).read_bytes()
    assert run_cli("verify", URI, "--key", "release.pub", cwd=house).code == 0


def test_pushing_again_makes_no_commit(hub: Hub, house: Path, run_cli: RunCli) -> None:
    assert push(run_cli, house).code == 0
    head = hub.repositories["models", "acme/bert"].head
    again = push(run_cli, house)
    assert again.code == 0
    assert json.loads(again.stdout)["uploaded"] == 0
    assert hub.repositories["models", "acme/bert"].head == head


def test_claims_that_came_later_are_added_and_nobodys_are_dropped(
    hub: Hub, house: Path, run_cli: RunCli
) -> None:
    assert push(run_cli, house).code == 0
    before = hub.repositories["models", "acme/bert"].commits[
        hub.repositories["models", "acme/bert"].head
    ]
    (house / "model/model.sig").unlink()
    (house / "model/model.claims").unlink()
    assert run_cli("sign", "model", "--key", "colleague.key", cwd=house).code == 0
    done = push(run_cli, house, "--claims-only")
    assert done.code == 0, done.stderr
    repository = hub.repositories["models", "acme/bert"]
    after = repository.commits[repository.head]
    assert after["model.sig"] == before["model.sig"]
    lines = bytes_of(after["model.claims"]).splitlines()
    assert set(bytes_of(before["model.claims"]).splitlines()) < set(lines)
    for number, key in enumerate(("release.pub", "colleague.pub")):
        assert pull(run_cli, house, f"copy{number}", key=key).code == 0


def bytes_of(content: bytes | Lfs) -> bytes:
    return content.data if isinstance(content, Lfs) else content


def test_claims_about_other_files_are_not_pushed(hub: Hub, house: Path, run_cli: RunCli) -> None:
    assert push(run_cli, house).code == 0
    repository = hub.repositories["models", "acme/bert"]
    files = dict(repository.commits[repository.head])
    repository.commit({**files, "sub/model.safetensors": BIG[:-1] + b"W"})
    head = repository.head
    (house / "model/model.claims").unlink()
    (house / "model/model.sig").unlink()
    assert run_cli("sign", "model", "--key", "colleague.key", cwd=house).code == 0
    refused = push(run_cli, house, "--claims-only")
    assert refused.code == 2
    assert "other files" in refused.stderr
    assert repository.head == head


def test_files_that_nobody_signed_are_not_left_beside_what_is_pushed(
    hub: Hub, house: Path, run_cli: RunCli
) -> None:
    repository = hub.repositories["models", "acme/bert"]
    files = dict(repository.commits[repository.head])
    repository.commit({**files, "evil.py": b"x"})
    head = repository.head
    refused = push(run_cli, house)
    assert refused.code == 2
    assert "evil.py" in refused.stderr
    assert "--prune" in refused.stderr
    assert repository.head == head
    assert push(run_cli, house, "--prune").code == 0
    assert "evil.py" not in repository.commits[repository.head]
    assert pull(run_cli, house, "copy").code == 0


def test_a_file_that_the_hub_left_out_without_a_word_is_found(
    hub: Hub, house: Path, run_cli: RunCli
) -> None:
    hub.ignored.add("config.json")
    done = push(run_cli, house)
    assert done.code == 4
    assert "does not hold what was read" in done.stderr


def test_a_file_that_changes_while_it_is_pushed_is_found(
    hub: Hub, house: Path, run_cli: RunCli
) -> None:
    repository = hub.repositories["models", "acme/bert"]
    hub.uploads = _Lying()
    done = push(run_cli, house)
    assert done.code == 4
    assert repository.head in done.stderr


class _Lying(dict[str, bytes]):
    """Keeps other bytes than were sent."""

    def __setitem__(self, key: str, value: bytes) -> None:
        super().__setitem__(key, value[:-1] + b"W")


def test_a_commit_of_somebody_else_meanwhile_is_not_overwritten(
    hub: Hub, house: Path, run_cli: RunCli
) -> None:
    repository = hub.repositories["models", "acme/bert"]
    hub.before_commit = lambda: repository.commit({"theirs.txt": b"x"})
    done = push(run_cli, house)
    assert done.code == 4
    assert "meanwhile" in done.stderr
    assert list(repository.commits[repository.head]) == ["theirs.txt"]


@pytest.mark.parametrize("token", ["", "wrong-token-of-tests"])
def test_who_may_not_write_is_told_so_without_secrets(
    hub: Hub, house: Path, run_cli: RunCli, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    head = hub.repositories["models", "acme/bert"].head
    done = push(run_cli, house)
    assert done.code == 4
    assert "may not be written" in done.stderr
    assert "of-tests" not in done.stderr + done.stdout
    assert hub.repositories["models", "acme/bert"].head == head


def test_a_hub_without_tls_a_commit_and_no_network_are_refused(
    hub: Hub, house: Path, run_cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert push(run_cli, house, uri=f"hf://acme/bert@{'a' * 40}").code == 2
    assert push(run_cli, house, "--offline").code == 4
    hub.faults["api"] = Fault.error(500)
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example")
    done = push(run_cli, house)
    assert done.code == 4
    assert "TLS" in done.stderr


@pytest.mark.parametrize("switch", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_a_cache_is_not_what_stands_on_the_hub(
    switch: str, hub: Hub, house: Path, run_cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was asked, so nothing was pushed, whatever the cache says of the branch."""
    assert push(run_cli, house).code == 0
    lay_out(hub.repositories["models", "acme/bert"], house / "cache")
    monkeypatch.setenv("HF_HUB_CACHE", str(house / "cache"))
    asked = len(hub.asked("api"))
    monkeypatch.setenv(switch, "1")
    done = push(run_cli, house)
    assert done.code == 4, done.stdout
    assert len(hub.asked("api")) == asked


def test_what_would_do_nothing_is_a_wrong_call(hub: Hub, house: Path, run_cli: RunCli) -> None:
    assert push(run_cli, house, "--move").code == 2
    assert push(run_cli, house, "--prune", uri="oci://host/model:v1").code == 2


def test_the_next_release_takes_the_name_of_the_signature_and_drops_no_claim(
    hub: Hub, house: Path, run_cli: RunCli
) -> None:
    assert push(run_cli, house).code == 0
    repository = hub.repositories["models", "acme/bert"]
    first = repository.commits[repository.head]
    (house / "model/config.json").write_bytes(b'{"v":2}')
    assert run_cli("sign", "model", "--key", "release.key", cwd=house).code == 0
    done = push(run_cli, house)
    assert done.code == 0, done.stderr
    second = repository.commits[repository.head]
    assert bytes_of(second["model.sig"]) == (house / "model/model.sig").read_bytes()
    lines = bytes_of(second["model.claims"]).splitlines()
    assert {*bytes_of(first["model.claims"]).splitlines()} < {*lines}
    older = json.loads(bytes_of(first["model.sig"]))
    assert older in [json.loads(line) for line in lines]
    assert pull(run_cli, house, "copy").code == 0
    assert run_cli("verify", URI, "--key", "release.pub", cwd=house).code == 0
    head = repository.head
    assert push(run_cli, house).code == 0
    assert repository.head == head


def test_a_branch_left_with_the_signature_of_other_files_is_mended_by_pushing_again(
    hub: Hub, house: Path, run_cli: RunCli
) -> None:
    assert push(run_cli, house).code == 0
    repository = hub.repositories["models", "acme/bert"]
    older = repository.commits[repository.head]["model.sig"]
    (house / "model/config.json").write_bytes(b'{"v":2}')
    assert run_cli("sign", "model", "--key", "release.key", cwd=house).code == 0
    assert push(run_cli, house).code == 0
    repository.commit({**repository.commits[repository.head], "model.sig": older})
    assert pull(run_cli, house, "copy").code == 1
    assert push(run_cli, house, "--claims-only").code == 0
    assert pull(run_cli, house, "copy").code == 0


def test_what_stands_under_the_name_of_the_signature_and_is_none_gives_way(
    hub: Hub, house: Path, run_cli: RunCli
) -> None:
    repository = hub.repositories["models", "acme/bert"]
    repository.commit({**repository.commits[repository.head], "model.sig": b"{}"})
    assert push(run_cli, house).code == 0
    assert pull(run_cli, house, "copy").code == 0


@pytest.mark.parametrize("uri", [URI, "oci://localhost:1/bert:v1"])
def test_files_that_changed_since_they_were_signed_are_not_published(
    hub: Hub, house: Path, run_cli: RunCli, uri: str
) -> None:
    repository = hub.repositories["models", "acme/bert"]
    head = repository.head
    (house / "model/config.json").write_bytes(b'{"evil":1}')
    refused = push(run_cli, house, uri=uri)
    assert refused.code == 2
    assert "no claim beside" in refused.stderr
    assert repository.head == head


def test_files_that_nobody_signed_are_published_and_said_to_be_so(
    hub: Hub, house: Path, run_cli: RunCli
) -> None:
    (house / "model/model.sig").unlink()
    (house / "model/model.claims").unlink()
    done = push(run_cli, house)
    assert done.code == 0
    assert "nobody signed it" in done.stdout
    assert hub.repositories["models", "acme/bert"].head


@pytest.mark.parametrize("name", [".cache/x.bin", "sub/.git/config", "sub/.cache/y"])
def test_names_that_the_hub_does_not_take_are_a_wrong_call_and_nothing_is_sent(
    hub: Hub, house: Path, run_cli: RunCli, name: str
) -> None:
    (house / "model" / name).parent.mkdir(parents=True)
    (house / "model" / name).write_bytes(b"1")
    assert run_cli("sign", "model", "--key", "release.key", cwd=house).code == 0
    repository = hub.repositories["models", "acme/bert"]
    head = repository.head
    refused = push(run_cli, house)
    assert refused.code == 2
    assert name in refused.stderr
    assert repository.head == head


# --- MLflow ---------------------------------------------------------------------------------------


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, house: Path) -> Iterator[TrackingServer]:
    """A server that holds the files of the model as version 1."""
    with TrackingServer.running() as running:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", running.url)
        running.register("bert", {**FILES, ".gitattributes": b"*.safetensors filter=lfs\n"})
        yield running


VERSION = "mlflow:models:/bert/1"


def test_claims_and_tags_are_added_to_a_version(
    server: TrackingServer, house: Path, run_cli: RunCli
) -> None:
    assert pull(run_cli, house, "unsigned", VERSION).code == 1
    done = push(run_cli, house, "--claims-only", uri=VERSION)
    assert done.code == 0, done.stderr
    identity = json.loads(done.stdout)["identity"]
    assert server.tags["bert", "1"]["weightmark.identity"] == identity
    pulled = pull(run_cli, house, "copy", VERSION)
    assert pulled.code == 0, pulled.stdout
    assert (house / "copy/model.sig").read_bytes() == (house / "model/model.sig").read_bytes()


def test_tags_that_lie_count_for_nothing(
    server: TrackingServer, house: Path, run_cli: RunCli
) -> None:
    assert push(run_cli, house, "--claims-only", uri=VERSION).code == 0
    server.files["1/bert-1/artifacts/sub/model.safetensors"] = BIG[:-1] + b"W"
    assert pull(run_cli, house, "copy", VERSION).code == 1
    assert not (house / "copy").exists()


def test_a_version_that_holds_something_else_gets_no_claims(
    server: TrackingServer, house: Path, run_cli: RunCli
) -> None:
    server.files["1/bert-1/artifacts/sub/model.safetensors"] = BIG[:-1] + b"W"
    done = push(run_cli, house, "--claims-only", uri=VERSION)
    assert done.code == 2
    assert not server.tags
    assert push(run_cli, house, uri=VERSION).code == 2

"""`verify hf://…`: what the hub promises against what was signed; only small files are fetched."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.published import fitting
from tests.cli.running import RunCli
from tests.sim.hub import Content, Hub, Lfs

WEIGHTS = b"w" * 200_000


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Start a hub, and let the client of this process know it."""
    with Hub.running() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def signed(tmp_path: Path, run_cli: RunCli) -> Path:
    """Make a signed model and its key."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_bytes(b"{}")
    (tmp_path / "model/model.bin").write_bytes(WEIGHTS)
    assert run_cli("key", "generate", "-o", "release.key", cwd=tmp_path).code == 0
    assert run_cli("sign", "model", "--key", "release.key", cwd=tmp_path).code == 0
    return tmp_path


def files(signed: Path, **changed: Content) -> dict[str, Content]:
    found: dict[str, Content] = {
        path.name: path.read_bytes() for path in (signed / "model").iterdir()
    }
    found["model.bin"] = Lfs(WEIGHTS)
    return {**found, **{name.replace("__", "."): data for name, data in changed.items()}}


def test_a_release_on_the_hub_is_verified_without_its_weights(
    signed: Path, run_cli: RunCli, hub: Hub
) -> None:
    hub.add("models", "acme/bert", files(signed))
    ran = run_cli("verify", "hf://acme/bert", "--key", "release.pub", "-f", "json", cwd=signed)
    answer = fitting(ran.stdout, "verify")
    assert (ran.code, answer["verdict"], answer["digest_used"]) == (0, "verified", "sha256")
    assert answer["pinned"].startswith("hf://models/acme/bert@")
    fetched = [request.path for _, request in hub.server.seen if "/resolve/" in request.path]
    assert not any(path.endswith("model.bin") for path in fetched)


@pytest.mark.parametrize(
    "changed",
    [
        {"model__bin": Lfs(b"e" * 200_000)},
        {"config__json": b'{"auto_map":1}'},
        {"modeling__py": b"print()"},
    ],
)
def test_other_files_on_the_hub_than_were_signed_are_refused(
    signed: Path, run_cli: RunCli, hub: Hub, changed: dict[str, Content]
) -> None:
    hub.add("models", "acme/bert", files(signed, **changed))
    ran = run_cli("verify", "hf://acme/bert", "--key", "release.pub", cwd=signed)
    assert ran.code == 1, ran.stdout


def test_a_small_file_with_other_bytes_than_the_hub_promises_is_refused(
    signed: Path, run_cli: RunCli, hub: Hub
) -> None:
    repository = hub.add("models", "acme/bert", files(signed))
    repository.served["config.json"] = b"[]"
    ran = run_cli("verify", "hf://acme/bert", "--key", "release.pub", cwd=signed)
    assert ran.code == 1, ran.stdout


def test_a_repository_that_nobody_signed_is_neither_good_nor_bad(
    signed: Path, run_cli: RunCli, hub: Hub
) -> None:
    hub.add("models", "acme/bert", {"config.json": b"{}"})
    assert run_cli("verify", "hf://acme/bert", "--key", "release.pub", cwd=signed).code == 3


def test_files_outside_of_the_artifact_are_named(signed: Path, run_cli: RunCli, hub: Hub) -> None:
    hook = {".git/hooks/post-checkout": b"x", ".cache/huggingface/evil.py": b"x"}
    hub.add("models", "acme/bert", {**files(signed), **hook})
    ran = run_cli("verify", "hf://acme/bert", "--key", "release.pub", "-f", "json", cwd=signed)
    answer = fitting(ran.stdout, "verify")
    (said,) = [one for one in answer["checks"] if one["name"] == "outside"]
    assert (ran.code, said["outcome"]) == (0, "info")
    assert said["summary"] == "`.git` is not part of the artifact (1 file)"
    assert said["details"] == ["`.cache/huggingface` is not part of the artifact (1 file)"]


def test_it_is_said_how_many_files_were_fetched_for_lack_of_a_promise(
    signed: Path, run_cli: RunCli, hub: Hub
) -> None:
    hub.add("models", "acme/bert", files(signed))
    ran = run_cli("verify", "hf://acme/bert", "--key", "release.pub", "-f", "json", cwd=signed)
    (said,) = [one for one in fitting(ran.stdout, "verify")["checks"] if one["name"] == "promise"]
    assert said["summary"].endswith("by promised SHA-256, and 1 fetched and hashed for lack of it")

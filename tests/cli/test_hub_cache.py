"""Commands on `hf://` without network: what the hub's own client downloaded is read, a part of it is never the artifact."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attestations.gate_makers import KEY, make_signed
from tests.cli.published import fitting
from tests.cli.running import RunCli
from tests.sim.faults import Fault
from tests.sim.hub import Content, Hub, Lfs, Repository
from tests.sim.hub_cache import lay_out, share
from tests.sim.hub_client import download
from weightmark.provenance.identification import identify

URI = "hf://acme/bert"
CALLS = {
    "digest": (),
    "scan": (),
    "verify": ("--key", "release.pub"),
    "gate": ("--policy", "baseline", "--key", "release.pub"),
    "pull": ("--policy", "baseline", "--key", "release.pub", "--to", "to"),
}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub.running() as running:
        yield running


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_signed(tmp_path / "model")


@pytest.fixture
def repository(hub: Hub, model: Path) -> Repository:
    files: dict[str, Content] = {}
    for path in sorted(model.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            name = path.relative_to(model).as_posix()
            files[name] = Lfs(data) if name.endswith(".safetensors") else data
    return hub.add("models", "acme/bert", files)


@pytest.fixture
def desk(
    tmp_path: Path,
    hub: Hub,
    repository: Repository,
    quiet_environment: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Return the folder from which commands are called; `hub` beside it is the cache of the real client."""
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "release.pub").write_bytes(KEY.public.pem)
    lay_out(repository, tmp_path / "hub")
    for name, value in {**hub.environment, "HF_HUB_CACHE": str(tmp_path / "hub")}.items():
        monkeypatch.setenv(name, value)
    return folder


def snapshot_of(desk: Path) -> Path:
    (found,) = desk.parent.glob("hub/models--acme--bert/snapshots/*")
    return found


def blob_of(link: Path) -> Path:
    return link.parent / link.readlink()


@pytest.mark.parametrize("command", CALLS)
@pytest.mark.parametrize("switch", ["--offline", "HF_HUB_OFFLINE"])
def test_without_network_the_cache_takes_the_hubs_place(
    command: str, switch: str, hub: Hub, desk: Path, run_cli: RunCli
) -> None:
    words = (command, URI, *CALLS[command], "-f", "json")
    words = (*words, switch) if switch == "--offline" else words
    env = {} if switch == "--offline" else {switch: "1"}
    ran = run_cli(*words, cwd=desk, env=env)
    assert ran.code == 0, ran.stdout + ran.stderr
    assert snapshot_of(desk).name in ran.stderr
    if command != "scan":
        assert identify(desk.parent / "model").identity in ran.stdout
    assert not [*hub.asked("api"), *hub.asked("file")]


def test_a_download_a_snapshot_and_what_is_pulled_out_of_it_have_one_identity(
    hub: Hub, desk: Path, tmp_path: Path, model: Path, run_cli: RunCli
) -> None:
    """By the hub's own client; that a git clone has it too, `test_pull` shows with a real commit."""
    local = download(hub, "acme/bert", tmp_path / "local", local=True)
    cached = download(hub, "acme/bert", tmp_path / "cache", local=False)
    env = {"HF_HUB_CACHE": str(tmp_path / "cache")}
    said = run_cli("digest", URI, "--offline", cwd=desk, env=env)
    pulled = run_cli("pull", URI, *CALLS["pull"], "--offline", cwd=desk, env=env)
    assert (said.code, pulled.code) == (0, 0), said.stderr + pulled.stderr
    places = (model, local, cached, desk / "to")
    assert {identify(one).identity for one in places} == {said.stdout.split()[0]}


@pytest.mark.parametrize("command", CALLS)
def test_a_part_of_a_revision_could_not_be_checked(
    command: str, desk: Path, run_cli: RunCli
) -> None:
    (snapshot_of(desk) / "config.json").unlink()
    ran = run_cli(command, URI, *CALLS[command], "--offline", cwd=desk)
    assert ran.code == 4, ran.stdout + ran.stderr
    assert "lacks `config.json`" in ran.stderr + ran.stdout
    assert "tampered" not in ran.stdout + ran.stderr
    assert not (desk / "to").exists()


@pytest.mark.parametrize("command", CALLS)
def test_a_poisoned_cache_is_found(command: str, desk: Path, run_cli: RunCli) -> None:
    blob = blob_of(snapshot_of(desk) / "model.safetensors")
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    ran = run_cli(command, URI, *CALLS[command], "--offline", cwd=desk)
    assert ran.code == 1, ran.stdout + ran.stderr
    assert "not what was promised" in ran.stderr + ran.stdout
    assert not (desk / "to").exists()


def test_a_poisoned_cache_is_found_however_the_address_is_spelled(
    desk: Path, run_cli: RunCli
) -> None:
    """Its list is as it was, and a signature fits the list: only the bytes do not."""
    blob = blob_of(snapshot_of(desk) / "model.safetensors")
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    for uri in (f"weightmark+{URI}", "hf://models/acme/bert@main"):
        ran = run_cli("verify", uri, *CALLS["verify"], "--offline", cwd=desk)
        assert ran.code == 1, ran.stdout + ran.stderr


def test_a_statement_is_made_of_what_the_cache_holds_and_of_nothing_less(
    desk: Path, hub: Hub, run_cli: RunCli
) -> None:
    (desk / "a.key").write_bytes(KEY.to_pem(None))
    (desk / "out").mkdir()
    words = ("--type", "approval", "--reason", "x", "--key", "a.key", "--out", "out", "--offline")
    assert run_cli("attest", URI, *words, cwd=desk).code == 0
    (snapshot_of(desk) / "config.json").unlink()
    assert run_cli("attest", URI, *words, cwd=desk).code == 4
    assert not [*hub.asked("api"), *hub.asked("file")]


def test_a_cache_that_was_forged_as_a_whole_is_found_by_the_signature(
    desk: Path, repository: Repository, run_cli: RunCli
) -> None:
    """List, names and bytes agree; only whoever signed does not."""
    shutil.rmtree(desk.parent / "hub")
    files = dict(repository.commits[repository.head])
    files["config.json"] = b'{"auto_map": {}}'
    repository.commit(files, name=repository.head)
    lay_out(repository, desk.parent / "hub")
    for command in ("verify", "gate", "pull"):
        assert run_cli(command, URI, *CALLS[command], "--offline", cwd=desk).code == 1
    assert not (desk / "to").exists()


def test_blobs_that_repositories_share_are_read_by_every_command(
    desk: Path, model: Path, run_cli: RunCli
) -> None:
    share(desk.parent / "hub", blob_of(snapshot_of(desk) / "model.safetensors"))
    for command, words in CALLS.items():
        ran = run_cli(command, URI, *words, "--offline", cwd=desk)
        assert ran.code == 0, ran.stdout + ran.stderr
    assert identify(desk / "to").identity == identify(model).identity
    ran = run_cli("inventory", "hf-cache", "-f", "json", cwd=desk)
    (one,) = json.loads(ran.stdout)["artifacts"]
    assert (one["identity"], one["promise"]) == (identify(model).identity, "kept")


def test_what_a_lock_pins_is_placed_out_of_the_cache(desk: Path, run_cli: RunCli) -> None:
    words = (*CALLS["pull"][:-1],)
    first = run_cli("pull", URI, *words, "one", "--lock", "l", cwd=desk)
    assert first.code == 0, first.stderr
    locked = ("--locked", "--lock", "l", "--offline")
    assert run_cli("pull", URI, *words, "two", *locked, cwd=desk).code == 0
    assert identify(desk / "one").identity == identify(desk / "two").identity
    moved = run_cli("lock", "diff", "--lock", "l", "--offline", cwd=desk)
    assert moved.code == 4, "a cache can't tell what moved on the hub"


@pytest.mark.parametrize("switch", ["--offline", "HF_HUB_OFFLINE"])
def test_no_lock_is_written_out_of_a_cache(
    switch: str, hub: Hub, desk: Path, run_cli: RunCli
) -> None:
    """A cache that was forged as a whole would become what everybody has to pull from then on."""
    words = ("--offline",) if switch == "--offline" else ()
    env = {} if words else {switch: "1"}
    pulled = run_cli("pull", URI, *CALLS["pull"], "--lock", "l", *words, cwd=desk, env=env)
    judged = ("--policy", "audit")
    updated = run_cli("lock", "update", URI, "--lock", "l", *judged, *words, cwd=desk, env=env)
    assert (pulled.code, updated.code) == (4, 4), pulled.stdout + updated.stdout
    assert not (desk / "l").exists()
    assert not (desk / "to").exists()
    assert not [*hub.asked("api"), *hub.asked("file")]


def test_a_pull_says_when_the_cache_took_the_hubs_place(desk: Path, run_cli: RunCli) -> None:
    for words, cached in ((), False), (("--offline",), True):
        to = ("--to", f"to-{cached}", "-f", "json")
        ran = run_cli("pull", URI, *CALLS["pull"][:-2], *to, *words, cwd=desk)
        assert fitting(ran.stdout)["cached"] is cached, ran.stderr
        assert ("from the hub's cache" in ran.stderr) is cached


def test_the_recipe_of_the_page_works_as_it_stands(
    hub: Hub, desk: Path, tmp_path: Path, run_cli: RunCli
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "hub.md").read_text(encoding="utf-8")
    calls = re.findall(r"^\$ weightmark (.+ --offline.*)$", page, re.MULTILINE)
    assert len(calls) == 2
    download(hub, "acme/bert", tmp_path / "fresh", local=False)
    (desk / "release.pub").rename(desk / "acme.pub")
    (desk / "models").mkdir()
    for call in calls:
        ran = run_cli(*shlex.split(call), cwd=desk, env={"HF_HUB_CACHE": str(tmp_path / "fresh")})
        assert ran.code == 0, f"{call}: {ran.stdout}{ran.stderr}"


def test_an_address_with_network_is_no_path(desk: Path, run_cli: RunCli) -> None:
    for command in ("digest", "scan", "gate"):
        ran = run_cli(command, URI, *CALLS[command], cwd=desk)
        assert ran.code == 2
        assert "weightmark pull" in ran.stderr


# --- stopped --------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize(
    "words",
    [
        ("verify", URI, "--key", "release.pub"),
        ("attest", URI, "--type", "approval", "--reason", "x", "--key", "a.key", "--out", "out"),
    ],
    ids=["verify", "attest"],
)
def test_a_command_that_is_stopped_leaves_nothing_that_it_fetched(
    words: tuple[str, ...],
    number: signal.Signals,
    hub: Hub,
    desk: Path,
    tmp_path: Path,
) -> None:
    (desk / "a.key").write_bytes(KEY.to_pem(None))
    (desk / "out").mkdir()
    hub.faults["file"] = Fault.slow(30)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    env = {**os.environ, "TMPDIR": str(scratch), "HF_HUB_CACHE": str(tmp_path / "empty")}
    command = [sys.executable, "-m", "weightmark", *words]
    with subprocess.Popen(command, cwd=desk, env=env, stderr=subprocess.DEVNULL) as running:
        end = time.monotonic() + 30
        while not (hub.asked("file") and any(scratch.iterdir())) and time.monotonic() < end:
            time.sleep(0.05)
        assert any(scratch.iterdir()), "it never began to fetch"
        running.send_signal(number)
        assert running.wait(timeout=30) == 130
    assert not list(scratch.iterdir())
    assert not list((desk / "out").iterdir())

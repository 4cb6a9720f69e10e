"""`inventory --scheduler` on a real Dask cluster on loopback: the same answer as here, byte for byte."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.attestations.inventory.caches import EVIL, HONEST, hub_repository, put
from tests.cli.running import RunCli
from tests.sim.hub import Hub, Lfs
from weightmark.attestations.inventory.hub import take_hub_inventory


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A hub with six models, of which one is evil and one lies; the workers of the cluster know it too."""
    with Hub.running() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        patch.delenv("HF_TOKEN", raising=False)
        for number in range(5):
            running.add("models", f"acme/m{number}", {"m.pkl": Lfs(HONEST), "n": b"%d" % number})
        running.add("models", "acme/evil", {"m.pkl": Lfs(EVIL), "x.py": b"load_dataset('a/b')\n"})
        running.repositories["models", "acme/m4"].served["m.pkl"] = EVIL
        yield running


@pytest.fixture(scope="module")
def scheduler(hub: Hub) -> Iterator[str]:
    """Two worker processes of a cluster, without its web pages."""
    import distributed

    with distributed.LocalCluster(  # type: ignore[no-untyped-call]  # the library has no types here
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        host="127.0.0.1",
        silence_logs=50,
    ) as cluster:
        yield cluster.scheduler_address


def test_a_cluster_gives_the_same_answer_as_one_machine(
    scheduler: str, tmp_path: Path, run_cli: RunCli
) -> None:
    for number in range(40):
        put(tmp_path / "w" / f"m{number:02}" / "m.pkl", EVIL if number % 7 == 0 else HONEST)
    hub_repository(tmp_path / "w" / "hub", "acme/bert", {"m.safetensors": HONEST})
    words = ("inventory", "w", "--exit-code", "-f", "json")
    spread = run_cli(*words, "--scheduler", scheduler, cwd=tmp_path)
    here = run_cli(*words, cwd=tmp_path)
    assert (spread.code, spread.stdout) == (1, here.stdout), spread.stderr
    assert len(json.loads(spread.stdout)["artifacts"]) == 41


def test_what_an_owner_has_on_the_hub_is_examined_by_a_cluster_with_the_same_answer(
    hub: Hub, scheduler: str, tmp_path: Path, run_cli: RunCli
) -> None:
    words = ("inventory", "hf://acme", "--exit-code", "-f", "json")
    spread = run_cli(*words, "--scheduler", scheduler, "--resume", "state", cwd=tmp_path)
    here = run_cli(*words, cwd=tmp_path)
    assert (spread.code, spread.stdout) == (1, here.stdout), spread.stderr
    found = {one["path"]: one for one in json.loads(spread.stdout)["artifacts"]}
    assert len(found) == 6
    assert found["hf://models/acme/m4"]["promise"] == "broken"
    before = len(hub.asked("file"))
    again = run_cli(*words, "--scheduler", scheduler, "--resume", "state", cwd=tmp_path)
    assert again.stdout == spread.stdout
    asked = [one.path for one in hub.asked("file")[before:]]
    assert all("/acme/evil/" in path or "/acme/m4/" in path for path in asked)
    assert "4 of 6 not read again" in again.stderr


def test_an_executor_of_this_machine_gives_the_same_answer(hub: Hub) -> None:
    with ThreadPoolExecutor(3) as executor:
        assert take_hub_inventory("acme", executor=executor) == take_hub_inventory("acme")


def test_a_scheduler_that_is_none_or_silent_is_said(tmp_path: Path, run_cli: RunCli) -> None:
    put(tmp_path / "w" / "m.pkl", HONEST)
    for address, code in (("http://host", 2), ("nonsense", 2), ("tcp://127.0.0.1:1", 4)):
        done = run_cli("inventory", "w", "--scheduler", address, cwd=tmp_path)
        assert done.code == code, done.stderr
    done = run_cli("inventory", "w", "--scheduler", "tcp://h:1", "--offline", cwd=tmp_path)
    assert done.code == 4

"""`inventory --scheduler` on a real Dask cluster on loopback: the same answer as here, byte for byte."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attestations.inventory.caches import EVIL, HONEST, hub_repository, put
from tests.cli.running import RunCli


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
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


def test_a_scheduler_that_is_none_or_silent_is_said(tmp_path: Path, run_cli: RunCli) -> None:
    put(tmp_path / "w" / "m.pkl", HONEST)
    for address, code in (("http://host", 2), ("nonsense", 2), ("tcp://127.0.0.1:1", 4)):
        done = run_cli("inventory", "w", "--scheduler", address, cwd=tmp_path)
        assert done.code == code, done.stderr
    done = run_cli("inventory", "w", "--scheduler", "tcp://h:1", "--offline", cwd=tmp_path)
    assert done.code == 4

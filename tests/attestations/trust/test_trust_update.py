"""`weightmark trust update` against a loopback TUF repository."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.cli.published import fitting
from tests.sim.loopback import LoopbackSigstore
from weightmark.attestations.trust.roots import parse_root


def test_a_root_is_fetched_by_tuf_and_a_wrong_first_root_is_refused(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]

    def update(sim: LoopbackSigstore, first: Path, out: Path) -> "subprocess.CompletedProcess[str]":
        words = ("--tuf-url", sim.tuf_url, "--tuf-root", str(first), "-o", str(out), "-f", "json")
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"}
        return subprocess.run(
            [sys.executable, "-m", "weightmark", "trust", "update", *words],
            capture_output=True,
            text=True,
            check=False,
            env={**env, "PYTHONPATH": str(root)},
        )

    with LoopbackSigstore.running() as sim, LoopbackSigstore.running() as other:
        for name, instance in (("own", sim), ("other", other)):
            (tmp_path / name).mkdir()
            instance.write(tmp_path / name)
        done = update(sim, tmp_path / "own" / "tuf_root.json", tmp_path / "fetched.json")
        assert done.returncode == 0, done.stderr
        found = fitting(done.stdout)
        assert (
            found["digest"]
            == f"sha256:{parse_root((tmp_path / 'fetched.json').read_bytes(), name='x').sha256}"
        )
        wrong = update(sim, tmp_path / "other" / "tuf_root.json", tmp_path / "wrong.json")
        assert wrong.returncode == 4, wrong.stderr
        assert json.loads(wrong.stdout)["code"] == "network"
        assert not (tmp_path / "wrong.json").exists()

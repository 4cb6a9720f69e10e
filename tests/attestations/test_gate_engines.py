"""The gate with a second scanner, where modelscan is importable."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.attestations.gate_makers import KEY, SIGNER
from weightmark.attestations.making.signing import SignOptions, sign_artifact

_ROOT = Path(__file__).parents[2]
_PEER = Path(
    os.environ.get("WEIGHTMARK_MODELSCAN_PYTHON", _ROOT / ".peers" / "modelscan" / "bin" / "python")
)
CLEAN_PICKLE = b"\x80\x04}."


def _gate(cwd: Path, policy: str) -> tuple[int, str]:
    (cwd / "policy.toml").write_text(
        f"version = 1\n[roles.release]\nkeys = ['release.pub']\n[require.release]\n{policy}"
    )
    path = os.pathsep.join([str(_ROOT), sysconfig.get_path("purelib")])
    done = subprocess.run(
        [
            str(_PEER),
            "-m",
            "weightmark",
            "gate",
            "model",
            "--policy",
            "./policy.toml",
            "-f",
            "json",
        ],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), "PYTHONPATH": path},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.stdout, done.stderr
    (scan,) = (one for one in json.loads(done.stdout)["checks"] if one["name"] == "scan")
    return done.returncode, scan["outcome"]


@pytest.mark.needs("modelscan")
def test_an_engine_that_the_policy_names_has_to_have_looked(tmp_path: Path) -> None:
    """modelscan goes by extension and skips a pickle of another name: that is not clean."""
    (tmp_path / "release.pub").write_bytes(KEY.public.pem)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(CLEAN_PICKLE)
    sign_artifact(tmp_path / "model", SIGNER, SignOptions(scan=False))
    assert _gate(tmp_path, "") == (0, "pass")
    assert _gate(tmp_path, "[scan]\nengines = ['weightmark', 'modelscan']\n") == (4, "unchecked")

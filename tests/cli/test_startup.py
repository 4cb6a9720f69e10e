"""Start-up must not creep: what it imports is counted, not timed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import RunCli

_ROOT = Path(__file__).parents[2]
_HEAVY = {"cryptography", "blake3", "sqlite3", "tomllib", "logging", "asyncio", "importlib.metadata",
          "json", "jinja2", "yaml", "rich", "numpy", "torch", "urllib.request", "ssl"}  # fmt: skip


def _modules(script: str) -> set[str]:
    code = f"import sys, json\n{script}\nsys.__stderr__.write(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(_ROOT)!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stderr))


@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_startup_imports_click_and_the_map_only(flag: str) -> None:
    base = _modules("import click, click.shell_completion")
    ours = _modules(f"from weightmark.__main__ import main\nassert main([{flag!r}]) == 0")
    added = ours - base
    assert not {name for name in added if name.split(".")[0] in _HEAVY or name in _HEAVY}
    own = {name for name in added if name.startswith("weightmark")}
    assert len(own) <= 10, sorted(own)
    assert len(added - own) <= 15, sorted(added - own)


def test_no_command_is_imported_for_the_help_page() -> None:
    ours = _modules("from weightmark.__main__ import main\nmain(['--help'])")
    commands = {"sign", "verify", "scan", "gate", "ledger", "key", "doctor", "explain", "digest"}
    assert not ours & {f"weightmark.cli.{name}" for name in commands}
    assert not {name for name in ours if name.startswith("weightmark.attestations")}


def test_verifying_with_a_key_loads_no_scanner_no_store_and_no_sigstore(
    tmp_path: Path, run_cli: RunCli
) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "w").write_bytes(b"x")
    assert run_cli("key", "generate", "-o", "k.key", cwd=tmp_path).code == 0
    assert run_cli("sign", "m", "--key", "k.key", cwd=tmp_path).code == 0
    words = ["verify", str(tmp_path / "m"), "--key", str(tmp_path / "k.pub")]
    script = f"import os; sys.stdout = open(os.devnull, 'w')\nfrom weightmark.__main__ import main\nassert main({words!r}) == 0"
    ours = _modules(script)
    heavy = {"sqlite3", "yaml", "jinja2", "sigstore", "rfc3161_client", "asyncio", "urllib.request"}
    assert not ours & heavy
    assert "weightmark.scanners.scan" not in ours
    assert not {name for name in ours if name.startswith("weightmark.provenance.datasets.c")} - {
        "weightmark.provenance.datasets.candidates"
    }

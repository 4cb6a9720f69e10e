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


def test_an_answered_gate_loads_neither_scanners_nor_what_compares_content(
    tmp_path: Path, run_cli: RunCli
) -> None:
    ours = _gate_modules(tmp_path, run_cli, answered=True)
    heavy = {"yaml", "jinja2", "sigstore", "rfc3161_client", "asyncio", "logging", "ssl"}
    assert not ours & heavy
    for late in (
        "weightmark.attestations.verifying.verification",
        "weightmark.attestations.verifying.belief",
        "weightmark.scanners.scan",
        "weightmark.provenance.datasets",
    ):
        assert late not in ours
    own = {name for name in ours if name.startswith("weightmark.")}
    assert len(own) <= 192, sorted(own)


def test_a_first_gate_of_weights_loads_nothing_that_runs_pickles(
    tmp_path: Path, run_cli: RunCli
) -> None:
    ours = _gate_modules(tmp_path, run_cli, answered=False)
    assert not ours & {"yaml", "jinja2", "sigstore", "rfc3161_client", "asyncio", "sqlite3"}
    for late in ("machine", "judge", "run", "remainder", "call_checks"):
        assert f"weightmark.scanners.pickles.{late}" not in ours
    assert "weightmark.scanners.allow.names" not in ours


def _gate_modules(folder: Path, run_cli: RunCli, *, answered: bool) -> set[str]:
    """Return what a gate of a safetensors file imports, by an earlier decision or for the first time."""
    model = folder / "m"
    model.mkdir()
    header = b'{"w":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}'.ljust(0x35 + 0x100)
    weights = len(header).to_bytes(8, "little") + header + bytes(8)
    (model / "model.safetensors").write_bytes(weights)
    for name in ("release", "gate"):
        assert run_cli("key", "generate", "-o", f"{name}.key", cwd=folder).code == 0
    assert run_cli("sign", "m", "--key", "release.key", cwd=folder).code == 0
    policy, vsa = folder / "policy.toml", folder / "decision.vsa"
    policy.write_text(
        "version = 1\n"
        '[roles.release]\nkeys = ["release.pub"]\n[roles.gate]\nkeys = ["gate.pub"]\n'
        '[require.release]\n[vsa]\nrole = "gate"\nmax_age = "7d"\nclock = "verifier"\n',
        encoding="utf-8",
    )
    words = ["gate", str(model), "--policy", str(policy)]
    if answered:
        kept = ("--vsa", str(vsa), "--signing-key", str(folder / "gate.key"))
        assert run_cli(*words, *kept, cwd=folder).code == 0
        words += ["--claims", str(vsa)]
    script = (
        "import os; sys.stdout = open(os.devnull, 'w'); sys.stderr = sys.stdout\n"
        f"from weightmark.__main__ import main\nassert main({words!r}) == 0"
    )
    return _modules(script)

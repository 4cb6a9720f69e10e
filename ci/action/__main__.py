"""The step of the action that judges, scans or signs, and tells the runner what came of it.

Inputs come by environment and reach `weightmark` as words of a call without a shell. Nothing else
configures it: no settings file, and no variable `WEIGHTMARK_…` of the job but the passphrase.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from inputs import InputError, Inputs, Mode
from runner import add_summary, print_unheeded, set_outputs
from trusted import TrustedFiles, UntrustedError

_KEPT = {"WEIGHTMARK_PASSPHRASE"}
_CALL, _UNCHECKED = 2, 4


def main() -> int:
    """Do what the inputs say; return the exit code of `weightmark`."""
    environment = dict(os.environ)
    home = Path(environment["RUNNER_TEMP"]) / "weightmark"
    home.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=home))
    path = environment.get("INPUT_PATH", "")
    try:
        inputs = Inputs.from_environment(environment)
        words = _words(inputs, environment, folder)
        answer = _run(words, environment)
    except InputError as error:
        answer = _failure("an input of the action is wrong", str(error), _CALL)
    except UntrustedError as error:
        answer = _failure("what decides can't be trusted", str(error), _UNCHECKED)
    _tell(answer, path, environment, folder)
    return int(answer["exit"])


def _words(inputs: Inputs, environment: dict[str, str], folder: Path) -> list[str]:
    """Return the words of the call; no value can pass for a flag."""
    if inputs.mode is Mode.SCAN:
        words = ["scan"]
    elif inputs.mode is Mode.SIGN:
        words = ["sign", f"--key={inputs.key}" if inputs.key else "--keyless"]
        words += _flag("trust-config", inputs.trust_config)
    else:
        trusted = TrustedFiles.from_environment(environment, folder / "trusted")
        words = ["gate", *_judging(inputs, trusted, folder)]
    words += _flag("fail-on", inputs.fail_on)
    return [*words, "--isolated", "--no-progress", "--format=json", "--", inputs.path]


def _judging(inputs: Inputs, trusted: TrustedFiles, folder: Path) -> list[str]:
    policy = inputs.policy if inputs.names_preset else trusted.policy(inputs.policy)
    if inputs.policy_digest:
        found = f"sha256:{hashlib.sha256(Path(policy).read_bytes()).hexdigest()}"
        if found != inputs.policy_digest:
            raise UntrustedError(f"`{inputs.policy}` is {found}, not {inputs.policy_digest}")
    if trusted.proposed and inputs.ledger and trusted.holds(inputs.ledger):
        raise UntrustedError("the ledger lies in the workspace, where a pull request can write it")
    words = [f"--policy={policy}"]
    words += _flag("key", inputs.key and trusted.file(inputs.key))
    words += _flag("repo", inputs.keyless)
    words += _flag("trust-config", inputs.trust_config and trusted.file(inputs.trust_config))
    words += _flag("ledger", inputs.ledger)
    words += ["--mode=warn"] if inputs.mode is Mode.WARN else []
    if inputs.signing_key:
        words += [f"--signing-key={inputs.signing_key}", f"--vsa={folder / 'decision.vsa'}"]
    return [*words, "--record"] if inputs.record else words


def _flag(name: str, value: str) -> list[str]:
    return [f"--{name}={value}"] if value else []


def _run(words: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """Call `weightmark`; what it says beside the answer is shown and not obeyed."""
    kept = {
        name: value
        for name, value in environment.items()
        if name in _KEPT or not name.startswith(("WEIGHTMARK_", "INPUT_", "PYTHON"))
    }
    call = [sys.executable, "-I", "-m", "weightmark", *words]
    done = subprocess.run(
        call, stdin=subprocess.DEVNULL, capture_output=True, check=False, env={**kept, "CI": "true"}
    )
    print_unheeded(done.stderr.decode(errors="replace"))
    try:
        answer = json.loads(done.stdout)
        if isinstance(answer, dict) and answer.get("exit") == done.returncode:
            return answer
    except ValueError:
        pass
    code = done.returncode if done.returncode > 0 else _UNCHECKED
    return _failure("weightmark gave no answer", f"it ended with {done.returncode}", code)


def _failure(title: str, what: str, code: int) -> dict[str, Any]:
    return {
        "schema": "weightmark/error/v1",
        "exit": code,
        "code": "action",
        "title": title,
        "what": what,
        "why": "",
        "fix": "",
    }


def _tell(answer: dict[str, Any], path: str, environment: dict[str, str], folder: Path) -> None:
    """Write reports, annotations, the summary and the outputs."""
    from forms import as_document, show

    document = as_document(answer)
    report, sarif, vsa = folder / "report.json", folder / "report.sarif", folder / "decision.vsa"
    report.write_text(json.dumps(answer, indent=2) + "\n", encoding="utf-8")
    sarif.write_text(show("sarif", document, path), encoding="utf-8")
    sys.stdout.write(show("github", document, path))
    short = f"**{document.verdict}** (exit {int(document.exit)}); the report holds the rest\n"
    add_summary(environment, show("markdown", document, path) + "\n", short)
    written = [one for one in answer.get("written") or () if one.endswith(".claims")]
    outputs = {
        "decision": document.verdict,
        "identity": answer.get("identity") or "",
        "report-path": str(report),
        "sarif-path": str(sarif),
        "vsa-path": str(vsa) if vsa.is_file() else "",
        "bundle-path": os.path.abspath(written[0]) if written else "",  # noqa: PTH100 - links stay
    }
    set_outputs(environment, outputs)


if __name__ == "__main__":
    sys.exit(main())

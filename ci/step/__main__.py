"""The step of a pipeline that judges, scans or signs, and tells the runner what came of it.

Inputs come by environment and reach `weightmark` as words of a call without a shell. Nothing else
configures it: no settings file, and no variable `WEIGHTMARK_…` of the job but the passphrase.
"""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from inputs import InputError, Inputs, Mode
from reporting import FORMS, VSA, Forms, failure_forms, print_unheeded, reports_folder, tell
from trusted import TrustedFiles, UntrustedError

_KEPT = {"WEIGHTMARK_PASSPHRASE"}
_IDENTITY = ("ACTIONS_ID_TOKEN_REQUEST_", "SIGSTORE_ID_TOKEN")
"""what signs as the job; whoever does not sign never sees it"""
_RUNNER = {"GITHUB_ACTIONS"}
"""what says who reads the log"""
_CALL, _UNCHECKED = 2, 4


def main() -> int:
    """Do what the inputs say; return the exit code of `weightmark`."""
    environment = dict(os.environ)
    folder = None
    with tempfile.TemporaryDirectory(prefix="weightmark-") as scratch:
        try:
            folder = reports_folder(environment)
            inputs = Inputs.from_environment(environment)
            words = _words(inputs, environment, Path(scratch), folder)
            hidden = () if inputs.mode is Mode.SIGN else _IDENTITY
            forms = _run(words, environment, hidden, Path(scratch))
        except InputError as error:
            forms = failure_forms("an input is wrong", str(error), _CALL)
        except FileExistsError as error:
            forms = failure_forms("an input is wrong", f"`{error.filename}` exists already", _CALL)
        except UntrustedError as error:
            forms = failure_forms("what decides can't be trusted", str(error), _UNCHECKED)
        except OSError as error:
            forms = failure_forms("a file can't be read or written", str(error), _UNCHECKED)
        return _told(forms, environment, folder)


def _told(forms: Forms, environment: dict[str, str], folder: Path | None) -> int:
    """Tell the answer; return its exit code, and that nothing was told where it would else pass."""
    code = int(forms.answer["exit"])
    try:
        tell(forms, environment, folder)
    except OSError as error:
        lost = failure_forms("a file can't be read or written", str(error), _UNCHECKED)
        tell(lost, {name: environment[name] for name in _RUNNER & environment.keys()}, None)
        return code or _UNCHECKED
    return code


def _words(inputs: Inputs, environment: dict[str, str], scratch: Path, folder: Path) -> list[str]:
    """Return the words of the call; no value can pass for a flag."""
    if inputs.mode is Mode.SCAN:
        words = ["scan"]
    elif inputs.mode is Mode.SIGN:
        words = ["sign", f"--key={inputs.key}" if inputs.key else "--keyless"]
        words += _flag("trust-config", inputs.trust_config)
    else:
        trusted = TrustedFiles.from_environment(environment, scratch)
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
        words += [f"--signing-key={inputs.signing_key}", f"--vsa={folder / VSA}"]
    return [*words, "--record"] if inputs.record else words


def _flag(name: str, value: str) -> list[str]:
    return [f"--{name}={value}"] if value else []


def _run(
    words: list[str], environment: dict[str, str], hidden: tuple[str, ...], scratch: Path
) -> Forms:
    """Call `weightmark` once for every form; what it says beside the answer is shown and not obeyed."""
    kept = {
        name: value
        for name, value in environment.items()
        if name in _KEPT or not name.startswith(("WEIGHTMARK_", "INPUT_", "PYTHON", *hidden))
    }
    written = Path(tempfile.mkdtemp(prefix="forms-", dir=scratch))
    reports = [f"--report={form}={written / form}" for form in FORMS]
    call = [sys.executable, "-I", "-m", "weightmark", words[0], *reports, *words[1:]]
    done = subprocess.run(
        call, stdin=subprocess.DEVNULL, capture_output=True, check=False, env={**kept, "CI": "true"}
    )
    copies = re.compile(rf"{re.escape(str(scratch))}/[0-9a-f]+/")
    print_unheeded(copies.sub("", done.stderr.decode(errors="replace")), environment)
    forms = Forms.read(done.stdout, written, copies)
    if forms is not None and forms.answer.get("exit") == done.returncode:
        return forms
    code = done.returncode if done.returncode > 0 else _UNCHECKED
    return failure_forms("weightmark gave no answer", f"it ended with {done.returncode}", code)


if __name__ == "__main__":
    sys.exit(main())

"""A runner of GitHub Actions, as far as a composite action sees one: files, variables, and bash.

Inputs reach a step through `env:` alone; a `${{` in a script is an error of the action.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

__all__ = ["ROOT", "Ran", "Runner", "commit", "git"]

ROOT = Path(__file__).parents[2]
_EXPRESSION = re.compile(r"\$\{\{\s*(\S+)\s*\}\}")


@dataclass(frozen=True)
class Ran:
    """A job that used the action once."""

    code: int
    log: str
    outputs: dict[str, str]
    """of the action"""
    summary: str

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(Path(self.outputs["report-path"]).read_text())
        return found

    @property
    def sarif(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(Path(self.outputs["sarif-path"]).read_text())
        return found

    @property
    def obeyed(self) -> list[str]:
        """The lines of the log that a runner takes for commands."""
        token, lines = "", []
        for line in self.log.splitlines():
            stripped = line.strip()
            if token:
                token = "" if stripped == f"::{token}::" else token
            elif stripped.startswith("::stop-commands::"):
                token = stripped.removeprefix("::stop-commands::")
            elif stripped.startswith(("::", "##[")):
                lines.append(stripped)
        return lines


@dataclass
class Runner:
    """One job: a workspace, an event, and the folders that a runner gives to it."""

    home: Path
    workspace: Path
    event: str = "push"
    payload: dict[str, Any] = field(default_factory=dict)
    repository: str = "acme/models"
    server: str = "https://github.invalid"
    variables: dict[str, str] = field(default_factory=dict)
    """what the job's `env:` and earlier steps set"""
    action: Path = ROOT / "ci"
    install: bool = False
    """run the step that installs; else the action finds this interpreter"""

    def use(self, **inputs: str) -> Ran:
        """Use the action with inputs, whose names are written with `_`."""
        document = yaml.safe_load((self.action / "action.yml").read_text())
        given = {name: one.get("default", "") for name, one in document["inputs"].items()}
        known = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert known.keys() <= given.keys()
        values = {f"inputs.{name}": value for name, value in {**given, **known}.items()}
        values["steps.python.outputs.python-path"] = sys.executable
        files = self._files()
        log, code, outputs = "", 0, {}
        for step in document["runs"]["steps"]:
            if "run" not in step:
                continue
            if step["id"] == "install" and not self.install:
                values["steps.install.outputs.python"] = sys.executable
                continue
            code, said = self._step(step, values, files)
            log += said
            outputs = _outputs(files["GITHUB_OUTPUT"])
            values |= {f"steps.{step['id']}.outputs.{name}": one for name, one in outputs.items()}
            files["GITHUB_OUTPUT"].write_text("")
            if code:
                break
        shown = {
            name: values.get(_EXPRESSION.fullmatch(one["value"])[1], "")  # type: ignore[index]  # always one expression
            for name, one in document["outputs"].items()
        }
        return Ran(code, log, shown, files["GITHUB_STEP_SUMMARY"].read_text())

    def _files(self) -> dict[str, Path]:
        self.home.mkdir(parents=True, exist_ok=True)
        names = ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STEP_SUMMARY", "GITHUB_PATH")
        files = {name: self.home / name.lower() for name in names}
        for file in files.values():
            file.write_text("")
        event = self.home / "event.json"
        event.write_text(json.dumps(self.payload))
        (self.home / "temp").mkdir(exist_ok=True)
        return {**files, "GITHUB_EVENT_PATH": event, "RUNNER_TEMP": self.home / "temp"}

    def _step(
        self, step: dict[str, Any], values: dict[str, str], files: dict[str, Path]
    ) -> tuple[int, str]:
        assert "${{" not in step["run"]
        given = {
            name: _EXPRESSION.sub(lambda found: values.get(found[1], ""), value)
            for name, value in step["env"].items()
        }
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "NO_PROXY": "127.0.0.1",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_EVENT_NAME": self.event,
            "GITHUB_REPOSITORY": self.repository,
            "GITHUB_SERVER_URL": self.server,
            "GITHUB_SHA": git(self.workspace, "rev-parse", "HEAD"),
            **{name: str(place) for name, place in files.items()},
            **self.variables,
            **given,
        }
        done = subprocess.run(
            ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.workspace,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return done.returncode, done.stdout.decode(errors="replace")


def git(folder: Path, *words: str) -> str:
    """Run git as somebody; return what it says."""
    who = {
        f"GIT_{role}_{what}": "somebody@example.com" if what == "EMAIL" else "somebody"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    plain = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **who}
    call = ["git", "-c", "protocol.file.allow=always", "-C", str(folder), *words]
    done = subprocess.run(call, capture_output=True, text=True, check=False, env=plain)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(folder: Path, message: str = "a change") -> str:
    """Commit everything; return the commit."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD")


def _outputs(file: Path) -> dict[str, str]:
    """Read the two forms in which a step sets its outputs."""
    found, lines = {}, iter(file.read_text().splitlines())
    for line in lines:
        name, between, end = line.partition("<<")
        if between and "=" not in name:
            value = []
            for inner in lines:
                if inner == end:
                    break
                value.append(inner)
            found[name] = "\n".join(value)
        else:
            name, _, plain = line.partition("=")
            found[name] = plain
    return found

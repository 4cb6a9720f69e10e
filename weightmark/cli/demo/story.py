"""The story: what a release team and a deployment do, and what happens when something is wrong.

Each step runs the real command line in a process of its own and compares its exit code with the
one that is promised; a story that does not come true fails.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path

from weightmark.cli.demo.tiny_model import HARMLESS_PICKLE
from weightmark.errors import Exit
from weightmark.values import dataclass

__all__ = ["Stage", "StoryBrokenError", "tell_story"]


class StoryBrokenError(Exception):
    """A step of the story ended otherwise than promised."""


_WHY_NOTHING = (
    "none of these formats is scanned yet, and what was not checked is never called clean"
)


@dataclass(frozen=True)
class Stage:
    """Where the story plays: a folder of its own, and how it speaks."""

    folder: Path
    """the working folder; every path in the story is relative to it"""
    say: Callable[[str], None]
    """prints one line"""
    style: Callable[[str], str] = field(default=lambda text: text)
    """marks a command line"""

    def run(self, command: str, *, expect: Exit = Exit.GOOD, because: str = "") -> None:
        """Run `weightmark <command>`, show it and its output, and hold it to `expect`."""
        self.say("")
        self.say(self.style(f"$ weightmark {command}"))
        arguments = [sys.executable, "-m", "weightmark", *shlex.split(command)]
        environment = {
            name: text for name, text in os.environ.items() if not name.startswith("WEIGHTMARK_")
        }
        environment |= {
            "XDG_STATE_HOME": str(self.folder / ".state"),
            "XDG_DATA_HOME": str(self.folder / ".data"),
            "NO_COLOR": "1",
        }
        result = subprocess.run(
            arguments,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        for line in (result.stdout + result.stderr).splitlines():
            self.say(f"  {line}" if line else "")
        if result.returncode != expect:
            raise StoryBrokenError(
                f"`weightmark {command}` ended with {result.returncode} instead of {expect.value}"
            )
        if because:
            self.say(f"  → exit {result.returncode}: {because}")

    def chapter(self, title: str, *lines: str) -> None:
        """Print a heading and what it is about."""
        self.say("")
        self.say(f"── {title} " + "─" * max(3, 76 - len(title)))
        for line in lines:
            self.say(line)


def tell_story(stage: Stage, models: Mapping[str, Exit]) -> None:
    """Play the whole story with these model folders below `stage.folder`.

    Each comes with the exit code of its scan: good, or nothing checked where no file has a format
    that can hide code in a pickle.
    """
    _release(stage, models)
    _deploy(stage, list(models))
    first = next(iter(models))
    _record(stage, first)
    _attack(stage, first)
    _next_steps(stage)


def _release(stage: Stage, models: Mapping[str, Exit]) -> None:
    stage.chapter(
        "1  You publish a model",
        "Make a key pair once: the private key signs, the public key is for everybody.",
    )
    stage.run("key generate -o release.key")
    for model, scanned in models.items():
        stage.chapter(
            f"   sign {model}",
            "Look inside the files first, then sign every name, size and byte of the folder.",
        )
        stage.run(f"scan {model}", expect=scanned, because=_WHY_NOTHING if scanned else "")
        stage.run(f"sign {model} --key release.key")


def _deploy(stage: Stage, models: list[str]) -> None:
    stage.chapter(
        "2  Somebody deploys it",
        "They hold your public key. Nothing is believed: signature, names and bytes are checked.",
    )
    for model in models:
        stage.run(f"verify {model} --key release.pub")


def _record(stage: Stage, model: str) -> None:
    stage.chapter(
        "3  A gate decides, and it goes on record",
        "A deployment asks one question: does this artifact meet our policy?",
        "A ledger is a log that can only grow; a receipt proves that an entry is in it, offline.",
    )
    stage.run("key generate -o gate.key")
    stage.run("ledger init ledger --admit release.pub --admit gate.pub:decision")
    stage.run(f"ledger append {model}/model.claims --ledger ledger --key release.key")
    stage.run(
        f"gate {model} --policy baseline --key release.pub --ledger ledger --record --signing-key gate.key"
    )
    stage.run("ledger list --ledger ledger")
    stage.run(
        f"ledger verify --receipt {model}/model.receipt --log-key ledger/log.vkey {model}",
        because="the receipt was checked without asking anybody",
    )


def _attack(stage: Stage, model: str) -> None:
    stage.chapter(
        "4  Now somebody interferes", "The same model four times, each time with something wrong."
    )
    copy = _copy(stage, model, "tampered")
    victim = _largest_file(stage.folder / copy)
    _flip_last_byte(victim)
    stage.run(
        f"verify {copy} --key release.pub",
        expect=Exit.BAD,
        because="one bit of one file was changed",
    )

    copy = _copy(stage, model, "swapped")
    _swap_two_files(stage.folder / copy)
    stage.run(
        f"verify {copy} --key release.pub",
        expect=Exit.BAD,
        because="two files exchanged their names",
    )

    copy = _copy(stage, model, "unsigned")
    for sidecar in ("model.sig", "model.claims", "model.receipt"):
        (stage.folder / copy / sidecar).unlink(missing_ok=True)
    stage.run(
        f"verify {copy} --key release.pub",
        expect=Exit.NOTHING,
        because="there is no signature, so nothing was checked",
    )
    stage.run(
        f"gate {copy} --policy baseline --key release.pub",
        expect=Exit.BAD,
        because="a gate lets nothing through that nobody vouches for",
    )

    copy = _copy(stage, model, "poisoned")
    (stage.folder / copy / "optimizer.bin").write_bytes(HARMLESS_PICKLE)
    stage.run(
        f"scan {copy}",
        expect=Exit.BAD,
        because="loading `optimizer.bin` would run a command (here a harmless `echo`)",
    )
    stage.run(
        f"verify {copy} --key release.pub",
        expect=Exit.BAD,
        because="the publisher never signed that file",
    )
    stage.run(
        f"sign {copy} --key release.key --replace",
        expect=Exit.BAD,
        because="you would not sign it by mistake either",
    )


def _next_steps(stage: Stage) -> None:
    stage.chapter("That was all of it. Your next three commands")
    stage.say("  weightmark key generate -o release.key")
    stage.say("  weightmark sign PATH/TO/MODEL --key release.key")
    stage.say("  weightmark gate PATH/TO/MODEL --policy baseline --key release.pub")


def _copy(stage: Stage, model: str, name: str) -> str:
    shutil.copytree(stage.folder / model, stage.folder / name)
    return name


def _content(folder: Path) -> list[Path]:
    files = [
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("model.sig")
    ]
    return sorted(
        (path for path in files if path.name not in ("model.claims", "model.receipt")),
        key=lambda path: path.stat().st_size,
    )


def _largest_file(folder: Path) -> Path:
    return _content(folder)[-1]


def _flip_last_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def _swap_two_files(folder: Path) -> None:
    first, second = _content(folder)[-2:]
    parked = first.with_name("parked")
    first.rename(parked)
    second.rename(first)
    parked.rename(second)

"""A house with an honest, an evil and a plain artifact, whose commands tell others what they decide."""

import json
from pathlib import Path
from typing import Any

from tests.cli.running import RunCli
from tests.provenance.events.ocsf_schema import problems

__all__ = ["BASELINE", "EVIL", "HONEST", "KEY", "PUBLIC", "RULES", "TOLD", "made", "rules", "told"]

HONEST = b"\x80\x04}\x8c\x01a\x88s."
EVIL = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x06echo x\x85R."
KEY, PUBLIC = ("--key", "release.key"), ("--key", "release.pub")
BASELINE = ("--policy", "baseline", *PUBLIC)
TOLD = ("--events", "told")
RULES = """version = 1
acts = "acts.jsonl"
[[on]]
event = "{event}"
action = "quarantine"
folder = "away"
{more}"""


def made(folder: Path, run_cli: RunCli) -> Path:
    """Make the artifacts and a key, and sign the honest one."""
    for name, content in (("model", HONEST), ("evil", EVIL), ("plain", b"words\n")):
        (folder / name).mkdir()
        (folder / name / "m.bin").write_bytes(content)
    for args in (("key", "generate", "-o", "release.key"), ("sign", "model", *KEY)):
        assert run_cli(*args, cwd=folder).code == 0
    return folder


def told(house: Path, name: str = "told") -> list[dict[str, Any]]:
    """Return the events in a file, each of which follows the published schema."""
    events = [json.loads(line) for line in (house / name).read_text().splitlines()]
    for event in events:
        assert problems(event) == []
    return events


def rules(house: Path, event: str = "deny", more: str = "") -> tuple[str, str]:
    """Write rules that move away what the event is about."""
    (house / "respond.toml").write_text(RULES.format(event=event, more=more))
    (house / "respond.toml").chmod(0o600)
    return ("--respond", "respond.toml")

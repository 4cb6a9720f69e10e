"""Happenings about folders on disk, and files of rules."""

from dataclasses import replace
from pathlib import Path

from tests.provenance.events.makers import DENIED
from weightmark.attestations.responding.happening import Happening, Mark, Trigger
from weightmark.attestations.responding.rules import Responses
from weightmark.provenance.events.event import Subject, new_uid
from weightmark.provenance.identification import identify


def denied(path: Path, identity: str | None = None) -> Happening:
    """Return that the artifact at `path`, as it is now, was denied."""
    known = identify(path).identity if identity is None else identity
    event = replace(DENIED, subject=Subject(str(path), known), uid=new_uid())
    return Happening(Trigger.DENY, "deny", event, path, Mark.of(path), known)


def rules(folder: Path, text: str, environment: dict[str, str] | None = None) -> Responses:
    """Read rules from a file in `folder`."""
    path = folder / "respond.toml"
    path.write_text(f'version = 1\nacts = "acts.jsonl"\n{text}')
    path.chmod(0o600)
    known = {"PATH": "/usr/bin:/bin", **(environment or {})}
    return Responses.load(path, state=folder / "state", environment=known)

"""What the pages about events say is so."""

import re
import tomllib
from pathlib import Path

import click
import pytest

from tests.provenance.events.makers import DENIED
from weightmark.attestations.responding.rules import ActionName, Responses
from weightmark.cli.app import walk
from weightmark.provenance.events.forms import FORM_NAMES
from weightmark.provenance.events.forms.json_lines import event_members

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guides/events.md").read_text()
FORMAT = (ROOT / "docs/formats/events.md").read_text()


def test_the_rules_of_the_guide_are_rules(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```toml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    (tmp_path / "r.toml").write_text(block.replace('"logger"', '"true"'))
    (tmp_path / "r.toml").chmod(0o600)
    environment = {"PATH": "/usr/bin:/bin", "HOOK_SECRET": "0123456789abcdef"}
    found = Responses.load(tmp_path / "r.toml", state=tmp_path, environment=environment)
    assert {rule.name for rule in found.rules} == set(ActionName)
    assert len(found.rules) == len(tomllib.loads(block)["on"])


def test_the_guide_names_every_command_that_tells() -> None:
    telling = {
        words for words, command in walk() if "events" in {one.name for one in command.params}
    }
    responding = {
        words for words, command in walk() if "respond" in {one.name for one in command.params}
    }
    (said,) = re.findall(r"`--events` may be given several times, on (.*?):\n", GUIDE, re.DOTALL)
    assert set(re.findall(r"`([a-z ]+)`", said.replace("\n", " "))) == telling
    (said,) = re.findall(r"`--respond FILE` on (.*?) says", GUIDE)
    assert set(re.findall(r"`([a-z ]+)`", said)) == responding


def test_the_format_names_every_member_of_the_json_form() -> None:
    section = FORMAT.partition("## JSON")[2].partition("## Syslog")[0]
    rows = re.findall(r"^\| ((?:`[a-z]+`(?:, )?)+) \|", section, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z]+)`", row)}
    assert named == {*event_members(DENIED), "schema"}


def test_the_command_line_knows_every_form_without_loading_one() -> None:
    for _, command in walk():
        for param in command.params:
            if param.name == "events_format":
                assert isinstance(param.type, click.Choice)
                assert tuple(param.type.choices) == FORM_NAMES


@pytest.mark.parametrize("form", FORM_NAMES)
def test_every_form_is_described(form: str) -> None:
    assert f"`{form}`" in GUIDE

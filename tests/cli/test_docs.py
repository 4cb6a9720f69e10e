"""What the pages tell a newcomer to type does what they say."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from tests.cli.running import RunCli
from weightmark.cli.app import COMMANDS, all_flags, walk

_ROOT = Path(__file__).parents[2]
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TOML = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PLAIN_WEIGHTS = b"\x80\x04}."
_PAGES = [
    "README.md",
    *sorted(
        str(path.relative_to(_ROOT))
        for path in (_ROOT / "docs").rglob("*.md")
        if "decisions" not in path.parts
    ),
]


def shown_calls(page: str) -> list[list[str]]:
    """Return the words of every `$ weightmark …` line of a page, without comments, in order."""
    blocks = _CONSOLE.findall((_ROOT / page).read_text())
    lines = [line for block in blocks for line in block.splitlines()]
    calls = [line.removeprefix("$ ") for line in lines if line.startswith("$ weightmark ")]
    return [shlex.split(call, comments=True)[1:] for call in calls]


@pytest.fixture
def newcomer(tmp_path: Path, run_cli: RunCli) -> Path:
    """A folder with what the pages take for granted: a model."""
    (tmp_path / "my-model").mkdir()
    (tmp_path / "my-model" / "weights.pkl").write_bytes(_PLAIN_WEIGHTS)
    return tmp_path


@pytest.mark.parametrize(("page", "least"), [("docs/guides/first-gate.md", 7)])
def test_every_call_of_the_tour_works_in_order(
    newcomer: Path, run_cli: RunCli, page: str, least: int
) -> None:
    calls = shown_calls(page)
    assert len(calls) >= least
    for call in calls:
        ran = run_cli(*call, cwd=newcomer)
        assert ran.code == 0, f"{call}: {ran.stdout}{ran.stderr}"


@pytest.mark.parametrize("page", _PAGES)
def test_every_flag_in_a_call_on_any_page_exists(page: str) -> None:
    known = all_flags() | {"help", "version"}
    for call in shown_calls(page):
        assert call[0] in COMMANDS or call[0].startswith("-"), call
        # what follows `--` belongs to the command that is run
        own = call[: call.index("--")] if "--" in call else call
        flags = [word[2:].partition("=")[0] for word in own if word.startswith("--")]
        assert set(flags) <= known, call


def test_the_example_of_a_settings_file_holds_only_what_exists(
    newcomer: Path, run_cli: RunCli
) -> None:
    (text,) = _TOML.findall((_ROOT / "docs" / "guides" / "settings.md").read_text())
    (newcomer / "weightmark.toml").write_text(text)
    named = {words for words, _ in walk()}
    assert {"verify", "gate", "ledger append"} <= named
    assert run_cli("digest", "my-model", cwd=newcomer).code == 0
    (newcomer / "keys").mkdir()
    assert run_cli("key", "generate", "-o", "keys/release.key", cwd=newcomer).code == 0
    for call in (
        ("sign", "my-model", "--key", "keys/release.key"),
        ("verify", "my-model"),
        ("ledger", "init", "ledger", "--admit", "keys/release.pub"),
        ("ledger", "append", "my-model/model.claims"),
        ("ledger", "verify"),
    ):
        ran = run_cli(*call, cwd=newcomer, env={"WEIGHTMARK_CONFIG": "weightmark.toml"})
        assert ran.code == 0, f"{call}: {ran.stderr}"
    assert set(tomllib.loads(text)) == {"jobs", "verify", "gate", "ledger"}


@pytest.mark.parametrize("page", _PAGES)
def test_every_link_to_a_page_leads_somewhere(page: str) -> None:
    text = (_ROOT / page).read_text()
    for target in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", text):
        assert ((_ROOT / page).parent / target).exists(), target

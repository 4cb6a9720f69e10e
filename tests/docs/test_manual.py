"""What share/ holds is sound roff and working completion, whatever stands in a help text."""

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import need
from tests.docs.scripts import script
from tests.docs.tours import ROOT, newcomer
from weightmark.cli.app import COMMANDS

SHARE = ROOT / "share"
PAGES = sorted((SHARE / "man/man1").glob("*.1"))


MANUAL = script("manual")
REFERENCE = script("reference")


def _run(words: list[str], folder: Path, **environment: str) -> str:
    done = subprocess.run(
        words,
        env={
            "PATH": f"{folder.parent / 'bin'}:/usr/bin:/bin",
            "HOME": str(folder.parent),
            "PYTHONPATH": str(ROOT),
            "LC_ALL": "C.UTF-8",
            **environment,
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_command_has_a_page_that_the_main_page_names() -> None:
    names = {page.name for page in PAGES}
    assert names == {"weightmark.1", *(f"weightmark-{name}.1" for name in COMMANDS)}
    main = (SHARE / "man/man1/weightmark.1").read_text()
    assert [name for name in COMMANDS if f"weightmark\\-{name}(1)" not in main] == []


def test_pages_are_plain_ascii_so_that_every_roff_can_read_them() -> None:
    assert [page.name for page in PAGES if not page.read_text().isascii()] == []


@pytest.mark.needs("mandoc")
def test_mandoc_finds_no_fault_in_any_page() -> None:
    done = subprocess.run(
        [need("mandoc"), "-Tlint", "-Wwarning", *PAGES],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.needs("mandoc")
@given(
    text=st.text(
        st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=60
    )
)
def test_a_help_text_comes_out_of_roff_as_it_went_in(text: str) -> None:
    """A text like `.so /etc/passwd`, `\\fB` or `'\\"` is shown, never obeyed."""
    page = f'.TH X 1 "2026-11-01"\n.SH NAME\nx \\- y\n.SH SAID\n.nf\n{MANUAL._text(text)}\n.fi\n'
    done = subprocess.run(
        [need("mandoc"), "-Tutf8", "-Owidth=500"],
        input=page,
        capture_output=True,
        text=True,
        check=True,
    )
    shown = re.sub(r".\x08", "", done.stdout).partition("SAID\n")[2].splitlines()
    assert shown[0].strip() == text


@pytest.mark.parametrize("hostile", [".so /etc/passwd", "'ig", '.\\"', "\\fB", "\\*(x", "\\n"])
def test_no_line_of_a_page_can_become_a_request(hostile: str) -> None:
    written = MANUAL._text(hostile)
    assert not written.startswith((".", "'"))
    assert re.sub(r"\\(?:e|-|&|\(aq|\(dq|\(ga)", "", written).count("\\") == 0


@given(
    text=st.text(
        st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="`"),
        max_size=60,
    )
)
def test_a_help_text_in_a_table_stays_in_its_cell_and_is_no_markup(text: str) -> None:
    """Rendered as the site renders it, a text such as `<img>`, `a|b` or `**x**` comes out as it went in."""
    cell = REFERENCE._cell(text)
    assert re.sub(r"\\.", "", cell).count("|") == 0
    page = f"| a | b |\n|---|---|\n| x | {cell} |\n"
    shown = import_module("markdown").markdown(page, extensions=["tables"])
    row = ET.fromstring(f"<all>{shown}</all>").findall(".//tbody/tr/td")  # noqa: S314 - made here
    assert "".join(row[1].itertext()) == text


def test_bash_completes_commands_members_and_flags(tmp_path: Path) -> None:
    work = newcomer(tmp_path)
    file = SHARE / "bash-completion/completions/weightmark"
    _run(["bash", "-n", str(file)], work)
    for line, wanted in {
        "weightmark ver": {"verify"},
        "weightmark ledger reind": {"reindex"},
        "weightmark sign --pass": {"--passphrase-file"},
    }.items():
        words = line.split()
        typed = f'source {file}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _weightmark_completion weightmark; printf "%s\\n" "${{COMPREPLY[@]}}"'
        assert set(_run(["bash", "-c", typed], work).split()) == wanted, line


@pytest.mark.needs("fish")
def test_fish_completes_commands(tmp_path: Path) -> None:
    work = newcomer(tmp_path)
    file = SHARE / "fish/vendor_completions.d/weightmark.fish"
    shown = _run(["fish", "-c", f"source {file}; complete -C 'weightmark ver'"], work)
    assert [line.split()[0] for line in shown.splitlines()] == ["verify"]


@pytest.mark.needs("zsh")
def test_zsh_reads_its_completion_and_gets_answers(tmp_path: Path) -> None:
    work = newcomer(tmp_path)
    file = SHARE / "zsh/site-functions/_weightmark"
    assert file.read_text().startswith("#compdef weightmark\n")
    load = f"fpath=({file.parent} $fpath); autoload -Uz compinit; compinit -u -D; whence -w _weightmark"
    assert "function" in _run(["zsh", "-f", "-c", load], work)
    said = _run(
        ["weightmark"], work, COMP_WORDS="weightmark ver", COMP_CWORD="1", _WEIGHTMARK_COMPLETE="zsh_complete"
    )  # fmt: skip
    assert said.splitlines()[:2] == ["plain", "verify"]


@pytest.mark.parametrize("script", ["manual", "reference", "comparison"])
def test_what_is_generated_is_up_to_date(script: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / f"tools/{script}.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "80"},
    )
    assert done.returncode == 0, done.stdout + done.stderr

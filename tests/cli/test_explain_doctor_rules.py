"""The commands that explain weightmark itself."""

import ast
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.cli.published import fitting
from tests.cli.running import RunCli
from weightmark.attestations.chain.model import GapKind
from weightmark.attestations.gate.decision import Verdict
from weightmark.cli import explanations
from weightmark.cli.explanations import CHECKS
from weightmark.cli.reasons import REASONS, reason_of
from weightmark.cli.verdict_words import VERDICT_WORDS
from weightmark.errors import error_catalogue
from weightmark.scanners.rules import catalogue


def _answer(ran: subprocess.CompletedProcess[str]) -> dict[str, object]:
    document = fitting(ran.stdout)
    assert document["exit"] == ran.returncode
    return document


@pytest.mark.parametrize("code", [*catalogue(), *error_catalogue()])
def test_every_code_is_explained(run_cli: RunCli, code: str) -> None:
    text = run_cli("explain", code)
    assert text.returncode == 0
    assert text.stdout.startswith(f"{code}: ")
    assert _answer(run_cli("explain", code, "-f", "json"))["code"] == code


def test_every_rule_says_why_it_is_dangerous(run_cli: RunCli) -> None:
    assert {rule[:4] for rule in catalogue()} <= set(explanations._FAMILIES)
    text = run_cli("explain", "PKL001").stdout
    for label in ("severity", "why", "help", "reference"):
        assert f"\n{label}: " in text


@pytest.mark.parametrize("code", error_catalogue())
def test_every_error_says_more_than_its_title(run_cli: RunCli, code: str) -> None:
    lines = run_cli("explain", code).stdout.splitlines()
    assert len(" ".join(lines[3:])) > 100, lines


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_is_explained(run_cli: RunCli, name: str) -> None:
    assert run_cli("explain", name).stdout.startswith(f"{name}: ")
    assert run_cli("explain", *name.split()).stdout == run_cli("explain", name).stdout
    assert _answer(run_cli("explain", name, "-f", "json"))["kind"] == "check"


def test_no_check_is_printed_that_explain_does_not_know() -> None:
    root = Path(__file__).parents[2]
    named, codes = set(), set()
    for file in [*(root / "attestations").rglob("*.py"), *(root / "weightmark/cli").rglob("*.py")]:
        for name, code in _checks(ast.parse(file.read_text(encoding="utf-8"))):
            named |= name
            codes |= code
    assert {"signature", "scan", "ledger", "description", "membership", "weights"} <= named
    assert named <= set(CHECKS)
    assert {"described-otherwise", "products-differ", "too-deep"} <= codes
    unknown = {one for one in codes if one not in error_catalogue() and not reason_of(one)}
    assert not unknown


def test_every_kind_of_gap_is_explained() -> None:
    assert not [kind for kind in GapKind if kind not in REASONS and kind not in error_catalogue()]


@pytest.mark.parametrize("code", [*REASONS, "scan-missing", "test-too-few", "sbom-undated"])
def test_every_reason_is_explained(run_cli: RunCli, code: str) -> None:
    said = _answer(run_cli("explain", code, "-f", "json"))
    assert said["code"] == code
    assert said["kind"] == ("error" if code in error_catalogue() else "reason")


@pytest.mark.parametrize("word", [*VERDICT_WORDS, "would-deny", "unsigned", "gate-scan-claim"])
def test_the_words_that_the_gate_prints_are_explained(run_cli: RunCli, word: str) -> None:
    for words in (word.split(), [word.upper()]):
        assert run_cli("explain", *words).stdout.startswith(f"{word}: ")


def test_every_verdict_is_explained() -> None:
    assert {one.value for one in Verdict} <= set(VERDICT_WORDS)


def test_nothing_is_explained_twice() -> None:
    assert not set(CHECKS) & {*REASONS, *error_catalogue()}
    assert not set(VERDICT_WORDS) & {*CHECKS, *REASONS, *error_catalogue()}


def test_the_names_of_checks_are_sorted() -> None:
    assert list(CHECKS) == sorted(CHECKS)
    assert list(REASONS) == sorted(REASONS)


def test_rules_takes_the_beginning_of_a_name(run_cli: RunCli) -> None:
    lines = run_cli("rules", "pkl").stdout.splitlines()
    assert lines
    assert all(line.startswith("PKL") for line in lines)
    assert run_cli("rules", "nothing").returncode == 2


def _checks(tree: ast.Module) -> Iterator[tuple[set[str], set[str]]]:
    """Yield the names and codes that each check of a module can have, as far as they stand in it."""
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or _called(call) not in _NAME_AT:
            continue
        at = _NAME_AT[_called(call)]
        codes = [one.value for one in call.keywords if one.arg == "code"] + call.args[at + 6 :]
        names = call.args[at : at + 1]
        yield _words(names, constants), _words(codes, constants)


_NAME_AT = {"Check": 0, "from_error": 0, "CheckLine": 1}


def _words(found: Sequence[ast.expr], constants: Mapping[str, ast.expr]) -> set[str]:
    words: set[str] = set()
    for one in found:
        value = constants.get(one.id, one) if isinstance(one, ast.Name) else one
        if isinstance(value, ast.IfExp):
            words |= _words([value.body, value.orelse], constants)
        elif isinstance(value, ast.Constant) and value.value:
            words.add(str(value.value))
    return words


def _called(call: ast.Call) -> str:
    target = call.func
    return target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")


def test_a_rule_is_found_in_lower_case(run_cli: RunCli) -> None:
    rule = next(iter(catalogue()))
    assert run_cli("explain", rule.lower()).stdout == run_cli("explain", rule).stdout


def test_an_unknown_code_is_2_with_a_suggestion(run_cli: RunCli) -> None:
    ran = run_cli("explain", "temperd")
    assert ran.returncode == 2
    assert (
        ran.stderr
        == "error[usage]: no rule, error code or check `temperd`\nhint: did you mean `tampered`?\n"
    )
    assert "`weightmark rules`" in run_cli("explain", "zzzzzzz").stderr


def test_rules_lists_every_rule_once_in_order(run_cli: RunCli) -> None:
    ids = [line.split()[0] for line in run_cli("rules").stdout.splitlines()]
    assert ids == sorted(catalogue())
    assert _answer(run_cli("rules", "-f", "json"))["schema"] == "weightmark/rules/v1"


def test_help_of_what_is_no_group_or_unknown_is_2(run_cli: RunCli) -> None:
    assert run_cli("help", "doctor", "x").returncode == 2
    assert "did you mean `doctor`?" in run_cli("help", "docter").stderr

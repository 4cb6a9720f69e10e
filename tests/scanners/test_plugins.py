"""Plugins can add what they see, and can take nothing away."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from weightmark.errors import CallError
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.engines import engines_named, examine
from weightmark.scanners.engines.own import OwnEngine
from weightmark.scanners.findings import FileScan, Finding, Outcome, Severity
from weightmark.scanners.plugins import Plugin

EVIL = b"cos\nsystem\n(S'echo x'\ntR."


class _Saying:
    """A plugin that answers what it was made with."""

    def __init__(self, answer: Callable[[str], Any]) -> None:
        self._answer = answer

    def scan(self, path: str, view: ByteView) -> Any:  # noqa: ARG002 - the signature of an engine
        return self._answer(path)


def _plugin(answer: Callable[[str], Any]) -> Plugin:
    return Plugin("acme", lambda: _Saying(answer))


def _scan(plugin: Plugin, data: bytes = EVIL, name: str = "m.pkl") -> FileScan:
    return examine(name, MemoryView(data), (OwnEngine(), plugin))


def _finding(**changes: Any) -> Finding:
    fields: dict[str, Any] = {
        "rule": "ACM001",
        "severity": Severity.LOW,
        "message": "m",
        "path": "p",
    }
    return Finding(**{**fields, **changes})


def _clean(path: str) -> FileScan:
    return FileScan(path, (), Outcome.CLEAN, (), ())


def test_a_plugin_that_calls_everything_clean_hides_nothing() -> None:
    found = _scan(_plugin(_clean))
    assert found.outcome is Outcome.FINDINGS
    assert [finding.rule for finding in found.findings] == ["PKL001"]


def test_what_it_finds_is_marked_with_its_name_and_the_right_file() -> None:
    lying = _finding(engine="weightmark", path="elsewhere")
    found = _scan(
        _plugin(lambda _: FileScan("x", (), Outcome.FINDINGS, (lying,), ("p",))), b"\x80\x04}."
    )
    (finding,) = found.findings
    assert (finding.engine, finding.path) == ("acme", "m.pkl")
    assert found.problems == ("acme: p",)
    assert found.outcome is Outcome.FINDINGS


def _raise(error: BaseException) -> Callable[[str], Any]:
    def raising(_: str) -> Any:
        raise error

    return raising


@pytest.mark.parametrize(
    "answer",
    [
        _raise(ValueError("x")),
        _raise(SystemExit(0)),
        _raise(RecursionError()),
        _raise(KeyboardInterrupt()),
        _raise(GeneratorExit()),
        _raise(BaseException("x")),
        lambda _: None,
        lambda _: True,
        lambda path: FileScan(path, (), Outcome.FINDINGS, (_finding(rule="PKL001"),), ()),
        lambda path: FileScan(path, (), Outcome.FINDINGS, (_finding(rule="x"),), ()),
        lambda path: FileScan(path, (), Outcome.FINDINGS, (_finding(severity=9),), ()),
        lambda path: FileScan(path, (), Outcome.FINDINGS, (_finding(offset=-1),), ()),
        lambda path: FileScan(path, (), Outcome.FINDINGS, ("x",), ()),  # type: ignore[arg-type] # wrong on purpose
        lambda path: FileScan(path, (), "clean", (), ()),  # type: ignore[arg-type] # wrong on purpose
        lambda path: FileScan(path, (), Outcome.CLEAN, None, ()),  # type: ignore[arg-type] # wrong on purpose
    ],
)
def test_one_that_misbehaves_could_not_check(answer: Callable[[str], Any]) -> None:
    found = _scan(_plugin(answer), b"\x80\x04}.")
    assert found.outcome is Outcome.UNCHECKED
    assert "acme" in found.problems[0]


def test_one_that_hangs_could_not_check_and_is_not_asked_again() -> None:
    asked: list[str] = []
    released = Event()

    def hang(path: str) -> None:
        asked.append(path)
        released.wait(60)

    plugin = Plugin("acme", lambda: _Saying(hang), seconds=0.05)
    try:
        first, second = (_scan(plugin, b"\x80\x04}.", name) for name in ("a", "b"))
    finally:
        released.set()
    assert first.outcome is second.outcome is Outcome.UNCHECKED
    assert "limit `seconds`" in first.problems[0]
    assert "did not come back" in second.problems[0]
    assert asked == ["a"]


def test_a_finding_of_our_own_stays_beside_a_plugin_that_hangs() -> None:
    released = Event()
    plugin = Plugin("acme", lambda: _Saying(lambda _: released.wait(60)), seconds=0.05)
    try:
        found = _scan(plugin)
    finally:
        released.set()
    assert [finding.rule for finding in found.findings] == ["PKL001"]
    assert any("acme" in problem for problem in found.problems)


def test_a_thread_of_the_pool_can_ask_a_plugin_as_well() -> None:
    with ThreadPoolExecutor(2) as pool:
        scans = list(pool.map(lambda name: _scan(_plugin(_clean), b"\x80\x04}.", name), "abcd"))
    assert {found.outcome for found in scans} == {Outcome.CLEAN}


class _Unwritable(BaseException):
    def __str__(self) -> str:
        raise KeyboardInterrupt


def test_an_error_that_cannot_be_written_could_not_check() -> None:
    found = _scan(_plugin(_raise(_Unwritable())), b"\x80\x04}.")
    assert found.outcome is Outcome.UNCHECKED


def test_one_that_cannot_be_imported_could_not_check() -> None:
    found = _scan(Plugin("acme", lambda: __import__("no_such_module")), b"\x80\x04}.")
    assert found.outcome is Outcome.UNCHECKED


def test_one_that_does_not_look_at_a_model_could_not_check_it() -> None:
    silent = _plugin(lambda path: FileScan(path, (), Outcome.UNSUPPORTED, (), ()))
    assert _scan(silent, b"\x80\x04}.").outcome is Outcome.UNCHECKED
    assert _scan(silent, b"words\n", "m").outcome is Outcome.UNSUPPORTED


def test_an_installed_plugin_is_found_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "acme_scanner-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-scanner\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[weightmark.scanners]\nacme = acme_scanner:Scanner\n")
    (tmp_path / "acme_scanner.py").write_text(
        "from weightmark.scanners.findings import FileScan, Outcome\n"
        "class Scanner:\n"
        "    def scan(self, path, view):\n"
        "        return FileScan(path, (), Outcome.CLEAN, (), ())\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    (engine,) = engines_named(("acme",))
    assert "acme_scanner" not in sys.modules, "a plugin is imported before it is asked"
    assert engine.scan("m", MemoryView(b"x")).outcome is Outcome.CLEAN
    sys.modules.pop("acme_scanner")


def test_an_unknown_engine_is_a_wrong_call() -> None:
    with pytest.raises(CallError, match="no engine `nobody`"):
        engines_named(("nobody",))


def test_findings_of_our_own_scanners_count_only_when_they_were_asked() -> None:
    found = examine("m.pkl", MemoryView(EVIL), (_plugin(_clean),))
    assert found.outcome is Outcome.CLEAN
    assert not found.findings

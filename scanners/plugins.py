"""Plugins: scanners of other packages, found by the entry point group `weightmark.scanners`.

A plugin is an object with a `name` and `scan(path, view) -> FileScan`, or a class that makes one. It
can add findings and problems and can take none away. One that raises, exits, interrupts, does not
answer in time or answers something else is a problem of the file that it looked at. Each question is
asked in a thread of its own, so that a real interruption by the user, which reaches the main thread,
stays one.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import field, replace
from threading import Event, Thread
from typing import Any

from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.findings import FileScan, Finding, Outcome, Severity
from weightmark.scanners.limits import Limits
from weightmark.scanners.rules.catalogue import catalogue
from weightmark.values import dataclass

__all__ = ["GROUP", "Plugin", "installed_plugins"]

GROUP = "weightmark.scanners"
"""the entry point group"""
_RULE = re.compile(r"[A-Z]{3}[0-9]{3}")
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Plugin:
    """One plugin, not loaded before it is asked."""

    name: str
    """the name of its entry point"""
    load: Callable[[], Any]
    """imports it"""
    seconds: float = Limits.default().seconds
    """how long it may take for one file"""
    _stuck: Event = field(default_factory=Event, repr=False, compare=False)
    """whether it never came back from an earlier file"""

    def scan(self, path: str, view: ByteView) -> FileScan:
        """Ask the plugin; see `Engine.scan`. Whatever it does wrong becomes a problem.

        One that did not come back in time is not asked again: its thread cannot be ended.
        """
        if self._stuck.is_set():
            return self._failed(path, "it did not come back from an earlier file")
        answers: list[FileScan] = []
        asking = Thread(target=lambda: answers.append(self._ask(path, view)), daemon=True)
        asking.start()
        asking.join(self.seconds)
        if not asking.is_alive() and answers:
            return answers[0]
        self._stuck.set()
        return self._failed(path, f"it took more than {self.seconds:g} seconds (limit `seconds`)")

    def _ask(self, path: str, view: ByteView) -> FileScan:
        try:
            loaded = self.load()
            made = loaded() if isinstance(loaded, type) else loaded
            return self._checked(path, made.scan(path, view))
        except BaseException as error:  # noqa: BLE001 - another project's code may raise anything
            return self._failed(path, _reason(error))

    def _checked(self, path: str, answer: object) -> FileScan:
        """Return the answer under our own name for it, or a problem where it breaks the rules."""
        if not isinstance(answer, FileScan) or not isinstance(answer.outcome, Outcome):
            return self._failed(path, f"it answered {type(answer).__name__}")
        findings = []
        for finding in answer.findings:
            if not _is_sound(finding):
                return self._failed(path, "a finding of it is not well formed")
            findings.append(replace(finding, path=path, engine=self.name))
        problems = tuple(f"{self.name}: {str(text)[:_LONGEST]}" for text in answer.problems)
        return replace(answer, path=path, findings=tuple(findings), problems=problems)

    def _failed(self, path: str, why: str) -> FileScan:
        text = f"the plugin `{self.name}` failed: {why}"[: 2 * _LONGEST]
        return FileScan(path, (), Outcome.UNCHECKED, (), (text,))


def installed_plugins(seconds: float = Limits.default().seconds) -> Iterator[Plugin]:
    """Yield what is installed, by name; nothing is imported yet, and the first of a name counts.

    Each may take `seconds` for one file.
    """
    from importlib.metadata import entry_points

    seen = set()
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        if entry.name not in seen:
            seen.add(entry.name)
            yield Plugin(entry.name, entry.load, seconds)


def _reason(error: BaseException) -> str:
    """Return the kind of an error and its text, if writing it does not fail as well."""
    try:
        return f"{type(error).__name__}: {error}"
    except BaseException:  # noqa: BLE001 - as above
        return type(error).__name__


def _is_sound(finding: object) -> bool:
    """Tell a finding with an id of its own, not one of ours, and fields of the right kinds."""
    if not isinstance(finding, Finding) or not isinstance(finding.severity, Severity):
        return False
    texts = (finding.rule, finding.message, finding.member, finding.detail, finding.help)
    offset = finding.offset
    if not all(isinstance(text, str) for text in texts):
        return False
    if offset is not None and (type(offset) is not int or offset < 0):
        return False
    return _RULE.fullmatch(finding.rule) is not None and finding.rule not in catalogue()

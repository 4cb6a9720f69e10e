"""Plugins: scanners of other packages, found by the entry point group `weightmark.scanners`.

A plugin is an object with a `name` and `scan(path, view) -> FileScan`, or a class that makes one. It
can add findings and problems and can take none away. One that raises, exits or answers something
else is a problem of the file that it looked at.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.findings import FileScan, Finding, Outcome, Severity
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

    def scan(self, path: str, view: ByteView) -> FileScan:
        """Ask the plugin; see `Engine.scan`. Whatever it does wrong becomes a problem."""
        try:
            loaded = self.load()
            made = loaded() if isinstance(loaded, type) else loaded
            return self._checked(path, made.scan(path, view))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - another project's code may raise anything
            return self._failed(path, f"{type(error).__name__}: {error}")

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


def installed_plugins() -> Iterator[Plugin]:
    """Yield what is installed, by name; nothing is imported yet, and the first of a name counts."""
    from importlib.metadata import entry_points

    seen = set()
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        if entry.name not in seen:
            seen.add(entry.name)
            yield Plugin(entry.name, entry.load)


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

"""A baseline: findings that somebody accepts, each with a reason and an end.

An entry holds for one artifact, by its identity, and for one finding in one file of it. Once the
content changes, or the day comes, the finding counts again. What lies outside of the identity
(signatures, `.git`) can't be accepted, and neither can what could not be checked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Self

from weightmark.errors import SettingsError, read_failure
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.sidecars import OUTSIDE, RESERVED_NAMES
from weightmark.scanners.findings import Finding, ScanReport
from weightmark.scanners.limits import MEBIBYTE
from weightmark.toml import TomlError, parse_toml
from weightmark.values import dataclass

__all__ = ["Acceptance", "Accepted", "Baseline", "Judged"]

_VERSION = 1
_LARGEST = 8 * MEBIBYTE
_LONGEST_REASON = 500
_FIELDS = frozenset({"identity", "path", "member", "rule", "fingerprint", "reason", "expires"})
_PREFIXES = {"identity": "wm1:", "fingerprint": "sha256:"}
_HEX_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One entry of a baseline."""

    identity: str
    """the artifact, `wm1:<hex>`"""
    path: str
    """the file inside it; `.` for an artifact that is a single file"""
    member: str
    """path inside containers, joined by `!`; empty for the file itself"""
    rule: str
    """rule id"""
    fingerprint: str
    """`sha256:<hex>` of what was found"""
    reason: str
    """why it is accepted"""
    expires: date
    """the last day on which it is accepted, in UTC"""

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What it stands for."""
        return (self.identity, self.path, self.member, self.rule, self.fingerprint)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A finding that a baseline accepts."""

    finding: Finding
    """the finding"""
    acceptance: Acceptance
    """the entry that accepts it"""


@dataclass(frozen=True, slots=True)
class Judged:
    """A report, parted by a baseline."""

    report: ScanReport
    """what counts"""
    accepted: tuple[Accepted, ...]
    """what was accepted, sorted by place"""
    notes: tuple[str, ...]
    """entries for this artifact that accept nothing, and why"""


@dataclass(frozen=True, slots=True)
class Baseline:
    """Everything that somebody accepts."""

    entries: tuple[Acceptance, ...] = ()
    """in the order of the file"""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a baseline file; raises `SettingsError` for a wrong one, `ReadError`."""
        try:
            with path.open("rb") as file:
                data = file.read(_LARGEST + 1)
        except OSError as error:
            raise read_failure(path, error) from error
        if len(data) > _LARGEST:
            raise SettingsError(f"the baseline `{path}` is over {_LARGEST} bytes")
        return cls.parse(data, name=str(path))

    @classmethod
    def parse(cls, data: bytes, *, name: str) -> Self:
        """Read the TOML of a baseline strictly; `name` stands in errors. Raises `SettingsError`."""
        try:
            document = parse_toml(data)
        except TomlError as error:
            raise SettingsError(f"the baseline `{name}` is not TOML", why=str(error)) from error
        if set(document) - {"version", "accept"} or document.get("version") != _VERSION:
            raise SettingsError(
                f"the baseline `{name}` is none of version {_VERSION}",
                fix="write it with `weightmark scan PATH --write-baseline FILE`",
            )
        rows = document.get("accept", [])
        if not isinstance(rows, list):
            raise SettingsError(f"`accept` of the baseline `{name}` is no list of tables")
        return cls(tuple(_entry(row, f"`{name}`, entry {n}") for n, row in enumerate(rows, 1)))

    def to_toml(self) -> str:
        """Return the file, entries in their order."""
        tables = [_table(entry) for entry in self.entries]
        return "\n".join([f"version = {_VERSION}\n", *tables])

    def extended(
        self, report: ScanReport, artifact: Artifact, identity: str, reason: str, expires: date
    ) -> Self:
        """Return a baseline that accepts everything in `report` that can be accepted, too."""
        known = {entry.key: entry for entry in self.entries}
        for finding in report.findings:
            path = _covered_path(finding, artifact)
            if path is None or not identity or not _is_writable(path, finding.member):
                continue
            entry = Acceptance(
                identity,
                path,
                finding.member,
                finding.rule,
                finding.fingerprint,
                reason,
                expires,
            )
            known[entry.key] = entry
        return replace(self, entries=tuple(known.values()))

    def judge(
        self, report: ScanReport, artifact: Artifact, identity: str, *, today: date
    ) -> Judged:
        """Part a report into what counts and what is accepted on the day `today`, in UTC."""
        mine = {entry.key: entry for entry in self.entries if identity == entry.identity}
        valid = {key: entry for key, entry in mine.items() if entry.expires >= today}
        accepted: list[Accepted] = []
        files = []
        for file in report.files:
            counting = []
            for finding in file.findings:
                entry = valid.get(_key(finding, artifact, identity))
                if entry is None:
                    counting.append(finding)
                else:
                    accepted.append(Accepted(finding, entry))
            files.append(replace(file, findings=tuple(counting)))
        accepted.sort(key=lambda one: one.finding.sort_key)
        notes = _notes(mine.values(), {one.acceptance.key for one in accepted}, today)
        return Judged(ScanReport.of(files), tuple(accepted), notes)


def _notes(
    entries: Iterable[Acceptance], used: set[tuple[str, str, str, str, str]], today: date
) -> tuple[str, ...]:
    notes = []
    for entry in entries:
        where = f"{entry.rule} in `{entry.path}`"
        if entry.expires < today:
            notes.append(f"the baseline accepted {where} until {entry.expires}")
        elif entry.key not in used:
            notes.append(f"the baseline accepts {where}, which was not found")
    return tuple(notes)


def _key(finding: Finding, artifact: Artifact, identity: str) -> tuple[str, str, str, str, str]:
    path = _covered_path(finding, artifact)
    return (identity, path or "", finding.member, finding.rule, finding.fingerprint)


def _covered_path(finding: Finding, artifact: Artifact) -> str | None:
    """Return the path that the identity binds; None for what lies outside of it."""
    if artifact.single:
        return "."
    outside = finding.path in RESERVED_NAMES or finding.path in OUTSIDE
    if outside or finding.path.startswith(tuple(f"{folder}/" for folder in OUTSIDE)):
        return None
    return finding.path


def _entry(row: object, where: str) -> Acceptance:
    if not isinstance(row, Mapping) or set(row) != _FIELDS:
        raise SettingsError(
            f"{where}: not exactly {', '.join(f'`{name}`' for name in sorted(_FIELDS))}"
        )
    for name in _FIELDS - {"expires"}:
        if not isinstance(row[name], str):
            raise SettingsError(f"{where}: `{name}` is no text")
    for name, prefix in _PREFIXES.items():
        if not _is_digest(row[name], prefix):
            raise SettingsError(f"{where}: `{name}` is no `{prefix}` and {_HEX_DIGITS} hex digits")
    if type(row["expires"]) is not date:
        raise SettingsError(f"{where}: `expires` is no date", fix="write it as 2027-01-31")
    if not row["reason"].strip() or len(row["reason"]) > _LONGEST_REASON:
        raise SettingsError(f"{where}: `reason` is empty or over {_LONGEST_REASON} characters")
    return Acceptance(**row)


def _is_digest(text: str, prefix: str) -> bool:
    digits = text.removeprefix(prefix)
    known = text.startswith(prefix) and len(digits) == _HEX_DIGITS
    return known and set(digits) <= set("0123456789abcdef")


def _is_writable(*texts: str) -> bool:
    """Tell whether TOML can hold the texts: it knows no lone surrogates."""
    return not any(0xD800 <= ord(letter) < 0xE000 for text in texts for letter in text)  # noqa: PLR2004 - surrogates


def _table(entry: Acceptance) -> str:
    fields: dict[str, Any] = {
        "identity": entry.identity,
        "path": entry.path,
        "member": entry.member,
        "rule": entry.rule,
        "fingerprint": entry.fingerprint,
        "reason": entry.reason,
    }
    lines = [f"{name} = {_toml_text(value)}" for name, value in fields.items()]
    return "\n".join(["[[accept]]", *lines, f"expires = {entry.expires.isoformat()}", ""])


def _toml_text(text: str) -> str:
    """Return a basic string of TOML, ASCII only."""
    parts = []
    for letter in text:
        point = ord(letter)
        if letter in '"\\':
            parts.append(f"\\{letter}")
        elif letter.isascii() and letter.isprintable():
            parts.append(letter)
        else:
            parts.append(f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}")  # noqa: PLR2004 - TOML's two escapes
    return f'"{"".join(parts)}"'

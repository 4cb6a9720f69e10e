"""The seam between a scan and the readers of single formats."""

from collections.abc import Callable
from typing import Protocol

from weightmark.errors import UncheckedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.findings import Finding, Severity
from weightmark.scanners.limits import Budget, Limits
from weightmark.scanners.rules.catalogue import catalogue
from weightmark.scanners.wire.protobuf import Probe, probe
from weightmark.values import dataclass

__all__ = ["Dialect", "Examination", "FormatReader", "Place"]


HEAD = 512
"""bytes of a place's head; a tar archive shows itself at byte 257"""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Who reads the pickles here, as far as that changes what they may say."""

    torch: bool = False
    """persistent ids are tensor storages"""
    torch_tar: bool = False
    """persistent ids are tensors by number, or classes with their source"""
    torchscript: bool = False
    """names below `__torch__` are classes of the archive's own code, never imported"""


@dataclass(frozen=True, slots=True)
class Place:
    """Bytes to look at, and where they stand."""

    view: ByteView
    """the bytes"""
    member: str = ""
    """path inside containers, joined by `!`; empty for the file itself"""
    depth: int = 0
    """how many containers stand around it"""
    head: bytes = b""
    """the first bytes, for magic numbers"""
    dialect: Dialect = Dialect()
    """who would read a pickle that stands here"""

    @classmethod
    def file(cls, view: ByteView) -> "Place":
        """Return the place of a whole file."""
        return cls(view, head=view.read_at(0, HEAD))

    def inside(self, name: str, view: ByteView) -> "Place":
        """Return the place of the member `name` of this container; reads its first bytes."""
        member = f"{self.member}!{name}" if self.member else name
        return Place(view, member, self.depth + 1, view.read_at(0, HEAD), self.dialect)


class Examination:
    """Collects what is said about one file; readers report into it."""

    def __init__(
        self, path: str, limits: Limits, look: Callable[[Place, "Examination"], bool]
    ) -> None:
        """Start empty; `look` examines one place and tells whether a reader knew it."""
        self.path = path
        self.limits = limits
        self.budget = Budget(limits)
        self.formats: list[str] = []
        self.problems: list[str] = []
        self.unknown_members = 0
        self.storages: dict[str, dict[str, tuple[str, int]]] = {}
        self._look = look
        self._probed: Probe | None = None
        self._findings: dict[tuple[str, str, str], Finding] = {}
        self._per_rule: dict[str, int] = {}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found, sorted by place."""
        if not self._findings:
            return ()
        return tuple(sorted(self._findings.values(), key=lambda finding: finding.sort_key))

    def find(
        self,
        rule: str,
        place: Place,
        *,
        offset: int | None = None,
        detail: str = "",
        severity: Severity | None = None,
    ) -> None:
        """Add a finding; one that says the same about the same member is kept once.

        An `offset` behind the end, where a hostile file claims to begin, is left out.
        """
        key = (rule, place.member, detail)
        if key in self._findings:
            return
        entry = catalogue()[rule]
        count = self._per_rule[rule] = self._per_rule.get(rule, 0) + 1
        if count > self.limits.findings:
            if entry.severity > Severity.INFO:
                self.problem(
                    f"more than {self.limits.findings} findings of {rule} (limit `findings`)"
                )
            return
        self._findings[key] = Finding(
            rule=rule,
            severity=entry.severity if severity is None else severity,
            message=entry.title,
            path=self.path,
            member=place.member,
            offset=offset if offset is None or offset <= place.view.size else None,
            detail=detail,
            help=entry.help,
        )

    def problem(self, text: str, place: Place | None = None) -> None:
        """Add a reason why something could not be checked."""
        if place is not None and place.member:
            text = f"`{place.member}`: {text}"
        if text not in self.problems and len(self.problems) < self.limits.findings:
            self.problems.append(text)

    def also_read_as(self, name: str, place: Place) -> None:
        """Note a format that the whole file can be read as."""
        if not place.member and name not in self.formats:
            self.formats.append(name)

    def probe(self, place: Place) -> Probe:
        """Read a place as a protobuf message, one level deep: once for all formats that ask."""
        if self._probed is None or self._probed.view is not place.view:
            self._probed = probe(place.view)
        return self._probed

    def look(self, place: Place) -> bool:
        """Examine a place with every reader that fits; False if it holds what none can check."""
        if place.depth > self.limits.depth:
            text = f"containers are nested deeper than {self.limits.depth} levels (limit `depth`)"
            self.problem(text, place)
            return True
        try:
            return self._look(place, self)
        except UncheckedError as error:
            self.problem(error.what, place)
            return True


class FormatReader(Protocol):
    """Reads one format."""

    @property
    def name(self) -> str:
        """The word for the format in reports."""
        ...

    def read(self, place: Place, examination: Examination) -> bool:
        """Report into `examination`, or return False and report nothing: another format.

        Raises `UncheckedError` when the bytes are of the format and cannot be checked.
        """
        ...

"""What a pickle imports, and what was found about it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Self

from weightmark.scanners.allow.names import Grade, Permission, permission
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.pickles.broken import BreakError
from weightmark.scanners.pickles.checks import is_no_text
from weightmark.scanners.pickles.persistent_ids import STORAGE_MODULES
from weightmark.scanners.pickles.values import Global, Unknown, Value, show

__all__ = ["REFUSED", "Imports"]

REFUSED = frozenset({Grade.UNKNOWN, Grade.DANGEROUS})
"""grades of what no list holds"""
_HANDED_OVER = frozenset({"array-and-state", "function-first", "nested-bytes", "rebuild", "state"})
_NO_PERMISSION = Permission(Grade.UNKNOWN)
_QUIET = Permission(Grade.SAFE, call="any", new=True, build=True)
_MOST_NOTED = 100_000
_COMPUTED = frozenset({"PKL006", "PKL007", "PKL011"})


class Imports:
    """Keeps the names of one pickle and its findings, and reports them into an examination."""

    __slots__ = (
        "_counts",
        "_dialect",
        "_examination",
        "_findings",
        "_globals",
        "_noted",
        "_place",
        "_second",
        "_twins",
        "acted",
    )

    def __init__(
        self, place: Place, examination: Examination, twins: Mapping[int, Global] | None = None
    ) -> None:
        """Keep them for `place`. `twins` make it another loader's reading of the same bytes.

        They are what the first reading imports at each offset. Where that is an allowed name, the
        module that stands before it in this one comes from the memo by accident: the name counts.
        """
        self._place = place
        self._examination = examination
        self._dialect = place.dialect
        self._globals: dict[tuple[str, str], Global] = {}
        self._findings: dict[tuple[str, str], int] = {}
        self._counts: dict[str, int] = {}
        self._noted: dict[int, Global] | None = None
        self._second = twins is not None
        self._twins: Mapping[int, Global] = twins or {}
        self.acted = False

    @property
    def globals(self) -> tuple[Global, ...]:
        """Everything imported so far."""
        return tuple(self._globals.values())

    def imported(self, offset: int, module: str, name: str) -> Global:
        """Take note of an import and return its value."""
        found = self._globals.get((module, name))
        if found is None:
            found = self._globals[module, name] = self._new_global(offset, module, name)
        if self._noted is not None and len(self._noted) < _MOST_NOTED:
            self._noted[offset] = found
        return found

    def _new_global(self, offset: int, module: str, name: str) -> Global:
        found = Global(module, name, self._permission(module, name), offset)
        twin = self._twins.get(offset)
        if twin is not None and twin.name == name and found.permission.grade is Grade.UNKNOWN:
            found.permission = twin.permission
        if _reaches(name) and found.permission.grade in REFUSED:
            self._find("PKL005", offset, show(found), found)
        return found

    def computed_import(self, offset: int, module: Value, name: Value) -> Unknown:
        """Take note of an import whose name is no constant text.

        Raises `BreakError` in another loader's reading where a name is certainly no text: what the
        first reading means by its memo, that loader stops at.
        """
        if self._second and (is_no_text(module) or is_no_text(name)):
            raise BreakError("a name to import is no text")
        self.acted = True
        self._find("PKL006", offset, f"import of {show(name)} from {show(module)}")
        return Unknown("import of a computed name")

    def extension(self, offset: int, code: int) -> Unknown:
        """Take note of a code of the extension registry."""
        self.acted = True
        self._find("PKL011", offset, f"extension code {code}")
        return Unknown(f"extension {code}")

    def reaches_danger(self) -> bool:
        """Tell whether a name on the denylist was imported."""
        return any(found.permission.grade is Grade.DANGEROUS for found in self.globals)

    def computes(self) -> bool:
        """Tell whether a name was computed, or something computed was called."""
        return not _COMPUTED.isdisjoint(self._counts)

    @contextmanager
    def noting_imports(self) -> Iterator[Mapping[int, Global]]:
        """Note where in the file something is imported meanwhile."""
        noted: dict[int, Global] = {}
        self._noted = noted
        try:
            yield noted
        finally:
            self._noted = None

    def second_reading(self, imports: Mapping[int, Global]) -> Self:
        """Return one for another loader's reading, with what the first imports at each offset."""
        return type(self)(self._place, self._examination, imports)

    def report(self) -> None:
        """Report what was found, and the imports that no other finding has named."""
        stored = "PKL017" if self._builds_objects() else "PKL004"
        for found in self._globals.values():
            if found.permission.call in _HANDED_OVER and not found.called:
                self._find("PKL016", found.offset, f"{show(found)}, handed over uncalled", found)
            if found.reported:
                continue
            match found.permission.grade:
                case Grade.DANGEROUS:
                    self._find("PKL003", found.offset, show(found), found)
                case Grade.UNKNOWN:
                    rule = "PKL004" if found.module == "__main__" else stored
                    self._find(rule, found.offset, show(found), found)
                case Grade.KNOWN:
                    self._find("PKL014", found.offset, show(found), found)
                case Grade.SAFE:
                    pass
        for (rule, detail), offset in self._findings.items():
            self._examination.find(rule, self._place, offset=offset, detail=detail)

    def _builds_objects(self) -> bool:
        """Tell whether a library object is made that may call what is stored in it."""
        known = (found.permission for found in self._globals.values())
        return any(p.grade is Grade.KNOWN and (p.new or p.call) for p in known)

    def _permission(self, module: str, name: str) -> Permission:
        if self._dialect.torchscript and _is_torchscript(module, name):
            return _QUIET
        if module in STORAGE_MODULES and name.endswith("Storage") and not _reaches(name):
            return permission(module, name)
        found = permission(module, name)
        return _NO_PERMISSION if _reaches(name) and found.grade is Grade.UNKNOWN else found

    def _find(self, rule: str, offset: int, detail: str, named: Global | None = None) -> None:
        if named is not None:
            named.reported = True
        count = self._counts[rule] = self._counts.get(rule, 0) + 1
        if count <= self._examination.limits.findings + 1:
            self._findings.setdefault((rule, detail), offset)


def _reaches(name: str) -> bool:
    return "." in name or (name.startswith("__") and name.endswith("__"))


def _is_torchscript(module: str, name: str) -> bool:
    parts = module.split(".")
    return parts[0] == "__torch__" and all(part.isidentifier() for part in [*parts, name])

"""Every name that an advisory says scanners missed, reached in every way, in every container."""

import pickletools

import pytest

from tests.attacks.pickle_advisories import GADGETS, WAYS, WRAPPERS, cases, ways
from tests.attacks.scan_builders import scan
from weightmark.errors import Exit
from weightmark.scanners.scan import Outcome, ScanReport, Severity

ALL = [pytest.param(data, id=f"{advisory}-{way}") for advisory, way, data in cases()]


@pytest.mark.parametrize("data", ALL)
def test_advisory_is_reported_however_the_name_is_reached(data: bytes) -> None:
    found = scan(data)
    assert found.outcome is Outcome.FINDINGS
    assert ScanReport.of([found]).exit(Severity.HIGH) is Exit.BAD, found


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("advisory", GADGETS)
def test_advisory_is_reported_whatever_stands_around_it(advisory: str, wrapper: str) -> None:
    for _, data in ways(*GADGETS[advisory]):
        found = scan(WRAPPERS[wrapper](data))
        assert ScanReport.of([found]).exit(Severity.HIGH) is Exit.BAD, found


@pytest.mark.parametrize("advisory", GADGETS)
def test_a_name_that_is_only_imported_is_never_clean(advisory: str) -> None:
    module, name = GADGETS[advisory]
    assert scan(f"c{module}\n{name}\n.".encode()).outcome is Outcome.FINDINGS


def test_the_generator_makes_real_pickles() -> None:
    """All but the broken ones are read to their end by Python's own disassembler."""
    assert len(ALL) == len(GADGETS) * len(WAYS) > 400
    for way, data in ways("os", "system"):
        if way != "broken afterwards":
            assert any(op.name == "STOP" for op, _, _ in pickletools.genops(data)), way

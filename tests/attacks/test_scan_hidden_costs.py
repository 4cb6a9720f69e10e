"""Each test fills memory or keeps a loader busy for ever with calls that are allowed for plain data."""

import pytest

from tests.attacks.scan_builders import scan, stack_global, text, worst
from weightmark.scanners.scan import Outcome, Severity

P4 = b"\x80\x04"


def call(module: str, name: str, *arguments: bytes) -> bytes:
    return stack_global(module, name) + b"(" + b"".join(arguments) + b"tR"


def number(value: int) -> bytes:
    return b"\x8a\x08" + value.to_bytes(8, "little", signed=True)


def new(module: str, name: str, key: str, value: bytes) -> bytes:
    return stack_global(module, name) + b")\x81}" + text(key) + value + b"sb"


HUGE = call("builtins", "range", number(10**12))
LOOP = r"(\d+(?:,\d+)*)+$"
COSTS = {
    "range in a torch size": call("torch", "Size", HUGE),
    "range in a list": call("builtins", "list", HUGE),
    "range in a partial factory": call(
        "collections",
        "defaultdict",
        call("functools", "partial", stack_global("builtins", "list"), HUGE),
    ),
    "range as the data of a list": new("collections", "UserList", "data", HUGE),
    "range downward": call("builtins", "range", number(10**12), number(0), number(-1)),
    "range without steps": call("builtins", "range", number(0), number(9), number(0)),
    "range of a computed number": call(
        "builtins", "range", call("builtins", "int", number(10**12))
    ),
    "digits in loops": call("re", "_compile", text(LOOP), number(32)),
    "alternatives that overlap": call("re", "_compile", text("(a|aa)+$"), number(32)),
    "many that may be empty": call("re", "_compile", text("(?:a?){40}a{40}"), number(32)),
    "loops one after the other": call("re", "_compile", text("a*a*a*a*a*a*b"), number(32)),
    "loops in a state": new(
        "sklearn.svm._classes", "SVC", "pattern", call("re", "_compile", text(LOOP), number(32))
    ),
    "zeros": call("builtins", "bytes", number(10**12)),
    "zeros by a factory": call(
        "collections",
        "defaultdict",
        call("functools", "partial", stack_global("builtins", "bytes"), number(10**12)),
    ),
    "digits of a fraction": call("fractions", "Fraction", text("1e999999999")),
    "number of a decimal": call("builtins", "int", call("decimal", "Decimal", text("1e999999999"))),
    "addresses of a network": call(
        "builtins", "list", call("ipaddress", "IPv4Network", text("0.0.0.0/0"))
    ),
}
HONEST = {
    "range": call("builtins", "range", number(0), number(60_000_000)),
    "range with steps": call("builtins", "range", number(10**12), number(0), number(-(10**6))),
    "empty range": call("builtins", "range", number(0)),
    "range in a torch size": call("torch", "Size", call("builtins", "range", number(3))),
    "pattern": call("re", "_compile", text(r"\d{1,3}(,\d{3})*"), number(32)),
}


@pytest.mark.parametrize("name", COSTS)
def test_a_call_that_costs_without_end_is_found(name: str) -> None:
    assert worst(P4 + COSTS[name] + b".") >= Severity.HIGH


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_twin_is_quiet(name: str) -> None:
    assert scan(P4 + HONEST[name] + b".").outcome is Outcome.CLEAN

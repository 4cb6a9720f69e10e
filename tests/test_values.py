"""The house's dataclasses behave as the library's own do, and only their making differs."""

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark import values

Decorate = Callable[..., Any]

_FLAGS = [
    {"frozen": True, "slots": True},
    {"frozen": True},
    {"slots": True},
    {},
    {"frozen": True, "slots": True, "eq": False},
]


def _case(dataclass: Decorate, **flags: bool) -> Any:
    @dataclass(**flags)
    class Case:
        """A case."""

        first: int
        second: str = "x"
        third: list[int] = dataclasses.field(default_factory=list, repr=False)
        fourth: int = dataclasses.field(default=0, compare=False)
        fifth: int = dataclasses.field(default=7, kw_only=True)
        sixth: tuple[int, ...] = dataclasses.field(init=False, default=(1,))

    return Case


def _pair(flags: dict[str, bool]) -> tuple[Any, Any]:
    library: Decorate = dataclasses.dataclass
    return _case(values.dataclass, **flags), _case(library, **flags)


@pytest.mark.parametrize("flags", _FLAGS, ids=str)
@given(st.integers(), st.text(), st.lists(st.integers(), max_size=2), st.integers())
def test_instances_look_the_same(
    flags: dict[str, bool], first: int, second: str, third: list[int], fifth: int
) -> None:
    ours, theirs = (made(first, second, third, fifth=fifth) for made in _pair(flags))
    # the qualified name ends in the same local class
    assert repr(ours).split(".")[-1] == repr(theirs).split(".")[-1]
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    assert dataclasses.replace(ours, first=3).first == dataclasses.replace(theirs, first=3).first


@pytest.mark.parametrize("flags", _FLAGS, ids=str)
@given(st.integers(0, 1), st.integers(0, 1), st.integers(0, 1), st.integers(0, 1))
def test_equality_is_the_same(flags: dict[str, bool], a: int, b: int, c: int, d: int) -> None:
    answers = []
    for made in _pair(flags):
        one, other = made(a, fourth=c, fifth=0), made(b, fourth=d, fifth=0)
        answers.append((one == other, one == "other", made.__hash__ is None))
    assert answers[0] == answers[1]


def test_a_frozen_value_hashes_by_what_is_compared() -> None:
    @values.dataclass(frozen=True, slots=True)
    class Point:
        """A point."""

        x: int
        note: str = dataclasses.field(default="", compare=False)

    assert {Point(1, "a"), Point(1, "b"), Point(2)} == {Point(1), Point(2)}


@pytest.mark.parametrize("flags", _FLAGS, ids=str)
def test_setting_and_deleting_are_refused_alike(flags: dict[str, bool]) -> None:
    changes: list[Callable[[object], None]] = [
        lambda one: setattr(one, "first", 2),
        lambda one: delattr(one, "second"),
        lambda one: setattr(one, "unknown", 2),
    ]
    for change in changes:
        outcomes = []
        for made in _pair(flags):
            try:
                change(made(1))
                outcomes.append("")
            except (AttributeError, TypeError) as error:
                outcomes.append("frozen" if flags.get("frozen") else type(error).__name__)
        assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("flags", _FLAGS, ids=str)
def test_calls_are_refused_alike(flags: dict[str, bool]) -> None:
    for arguments, named in (
        ((), {}),
        ((1, "", [], 0, 7), {}),
        ((1,), {"sixth": ()}),
        ((1,), {"no": 1}),
    ):
        for made in _pair(flags):
            with pytest.raises(TypeError):
                made(*arguments, **named)


def test_each_instance_has_its_own_default_list() -> None:
    made = _pair({"frozen": True, "slots": True})[0]
    assert made(1).third is not made(1).third


@pytest.mark.parametrize("flags", _FLAGS, ids=str)
def test_copies_are_whole(flags: dict[str, bool]) -> None:
    for made in _pair(flags):
        one = made(1, third=[2])
        again = copy.deepcopy(one)
        assert dataclasses.asdict(again) == dataclasses.asdict(one)
        assert again.third is not one.third


def test_what_a_class_defines_itself_is_kept() -> None:
    @values.dataclass(frozen=True, slots=True)
    class Named:
        """A name that is compared without case."""

        name: str

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Named) and self.name.lower() == other.name.lower()

        def __hash__(self) -> int:
            return hash(self.name.lower())

        def __repr__(self) -> str:
            return "hidden"

    assert Named("A") == Named("a")
    assert len({Named("A"), Named("a")}) == 1
    assert repr(Named("A")) == "hidden"


def test_a_value_checks_itself_after_it_was_made() -> None:
    @values.dataclass(frozen=True, slots=True)
    class Even:
        """An even number."""

        number: int

        def __post_init__(self) -> None:
            if self.number % 2:
                raise ValueError("odd")

    assert Even(2).number == 2
    with pytest.raises(ValueError, match="odd"):
        Even(1)


def test_a_derived_value_has_all_fields() -> None:
    @values.dataclass(frozen=True, slots=True)
    class Base:
        """A base."""

        x: int

    @values.dataclass(frozen=True, slots=True)
    class Derived(Base):
        """A derived one."""

        y: int = 2

    assert repr(Derived(1)).endswith("Derived(x=1, y=2)")
    assert Derived(1) != Base(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Derived(1).y = 3  # type: ignore[misc]  # the refusal is what is tested


def test_a_seal_is_spent_when_the_value_is_made_and_carried_over_by_no_replace() -> None:
    seal = object()

    @values.dataclass(frozen=True, slots=True)
    class Sealed:
        """A value that only this test makes."""

        content: str
        seal: object = dataclasses.field(repr=False, compare=False)

        def __post_init__(self) -> None:
            if self.seal is not seal:
                raise TypeError("made elsewhere")

    made = Sealed("signed", seal)
    assert made.seal is None
    assert copy.copy(made) == made
    with pytest.raises(TypeError, match="made elsewhere"):
        dataclasses.replace(made, content="other")


@pytest.mark.parametrize("flags", _FLAGS, ids=str)
def test_the_first_values_are_as_the_hundredth(flags: dict[str, bool]) -> None:
    ours, theirs = _pair(flags)
    for number in range(100):
        pair = [made(number, "y", fourth=2, fifth=number) for made in (ours, theirs)]
        assert dataclasses.asdict(pair[0]) == dataclasses.asdict(pair[1])
        with pytest.raises(TypeError):
            ours(number, first=number)


def test_a_class_below_another_that_makes_it_first_keeps_its_own_fields() -> None:
    @values.dataclass(frozen=True)
    class Above:
        """A value."""

        first: int

    @values.dataclass(frozen=True)
    class Below(Above):
        """A value with more to it."""

        second: int = 0

        def __init__(self, number: int) -> None:
            Above.__init__(self, number)
            object.__setattr__(self, "second", number + 1)

    assert (Below(1).first, Below(1).second) == (1, 2)


def test_a_value_that_refuses_itself_says_why_at_every_call() -> None:
    @values.dataclass(frozen=True, slots=True)
    class Even:
        """An even number."""

        number: int

        def __post_init__(self) -> None:
            if self.number % 2:
                raise ValueError(str(self.number))

    for number in range(1, 60, 2):
        with pytest.raises(ValueError, match=str(number)):
            Even(number)
    assert Even(2).number == 2


def test_a_seal_is_spent_from_the_first_value_on() -> None:
    seal = object()

    @values.dataclass(frozen=True)
    class Proven:
        """A value that only its module makes."""

        name: str
        seal: object = dataclasses.field(repr=False, compare=False)

        def __post_init__(self) -> None:
            if self.seal is not seal:
                raise TypeError("not made here")

    for _ in range(40):
        assert Proven("a", seal).seal is None
        with pytest.raises(TypeError):
            dataclasses.replace(Proven("a", seal), name="b")
        with pytest.raises(TypeError):
            Proven("a", None)

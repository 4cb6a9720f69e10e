"""Parsers meet damaged bytes: they keep their promise or say why not, and never crash.

`make fuzz` runs the same targets for longer.
"""

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutations import KINDS, Edit, damaged
from tests.fuzz.seeds import FOUND, SEEDS
from tests.fuzz.targets import TARGETS
from weightmark.errors import WeightmarkError

_EXAMPLES = 250

edits = st.lists(
    st.builds(
        Edit,
        st.sampled_from(KINDS),
        st.integers(0, 1 << 16),
        st.integers(1, 64),
        st.integers(0, 1 << 16),
    ),
    max_size=4,
)


def test_every_target_has_sound_examples() -> None:
    assert set(SEEDS) == set(TARGETS)
    assert set(FOUND) <= set(TARGETS)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_sound_examples_are_accepted(name: str) -> None:
    for seed in SEEDS[name]:
        TARGETS[name](seed)


@pytest.mark.parametrize("name", sorted(FOUND))
def test_what_once_broke_a_parser_no_longer_does(name: str) -> None:
    for data in FOUND[name]:
        with contextlib.suppress(WeightmarkError):
            TARGETS[name](data)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_damage_never_breaks_a_parser(name: str) -> None:
    seeds = SEEDS[name]

    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(
        st.one_of(st.builds(damaged, st.sampled_from(seeds), edits, st.just(seeds)), st.binary())
    )
    def run(data: bytes) -> None:
        with contextlib.suppress(WeightmarkError):
            TARGETS[name](data)

    run()

"""Counts over time: nothing is lost in them but what is older than the picture, whatever the log's clock said."""

from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.pages.reading import read
from weightmark.attestations.pages.index.page_index import Day
from weightmark.attestations.pages.timeline import Timeline

SERIES = ("release", "denied", "revoke")
FIRST, LAST = -719162, 2932896
"""0001-01-01 and 9999-12-31 in days since 1970"""
DAYS = st.lists(
    st.builds(Day, st.integers(FIRST, LAST), st.sampled_from(SERIES), st.integers(1, 10**6)),
    max_size=50,
).map(lambda days: sorted(days, key=lambda one: one.day))


@given(DAYS)
def test_bars_are_few_equal_and_without_gaps(days: list[Day]) -> None:
    found = Timeline.of(days, SERIES)
    assert len(found.bars) <= 60
    gaps = {
        (after.first - before.first).days
        for before, after in zip(found.bars[1:], found.bars[2:], strict=False)
    }
    assert gaps <= {found.days}


@given(DAYS)
def test_every_count_of_the_shown_time_is_in_a_bar(days: list[Day]) -> None:
    found = Timeline.of(days, SERIES)
    oldest = days[-1].day // found.days - 59 if days else 0
    for at, series in enumerate(SERIES):
        counted = sum(
            one.count for one in days if one.series == series and one.day // found.days >= oldest
        )
        assert found.totals[at] == counted


@given(DAYS)
def test_a_picture_is_shapes_and_numbers_only(days: list[Day]) -> None:
    found = Timeline.of(days, SERIES)
    for at in range(len(SERIES)):
        page = read(found.picture(at).encode())
        assert {one.tag for one in page.elements} <= {"svg", "rect", "title", "text"}
        assert page.elements[0].attributes["aria-hidden"] == "true"


def test_a_log_without_anything_has_no_bars() -> None:
    assert Timeline.of((), SERIES).bars == ()

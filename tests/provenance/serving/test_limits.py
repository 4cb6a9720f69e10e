"""How much one client, and all of them, may ask."""

import pytest

from weightmark.provenance.serving.limits import ByteBudget, OverBudgetError, RateLimit


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_address_that_asks_too_often_waits_and_others_do_not() -> None:
    clock = Clock()
    limit = RateLimit(10, clock)
    assert [limit.take("a") for _ in range(20)] == [0.0] * 20
    assert limit.take("a") == pytest.approx(0.1)
    assert limit.take("b") == 0
    clock.now += 0.1
    assert limit.take("a") == 0
    assert limit.take("a") > 0


def test_waiting_does_not_save_up_more_than_two_seconds() -> None:
    clock = Clock()
    limit = RateLimit(2, clock)
    limit.take("a")
    clock.now += 1_000_000
    assert [limit.take("a") for _ in range(4)] == [0.0] * 4
    assert limit.take("a") > 0


def test_a_slow_rate_still_lets_one_through() -> None:
    clock = Clock()
    limit = RateLimit(0.1, clock)
    assert limit.take("a") == 0
    assert limit.take("a") == pytest.approx(10)


def test_a_million_addresses_take_no_memory() -> None:
    limit = RateLimit(10, Clock())
    for number in range(20_000):
        limit.take(str(number))
    assert len(limit._buckets) == 10_000


def test_no_bound_is_no_bound() -> None:
    limit = RateLimit(0, Clock())
    assert not any(limit.take("a") for _ in range(1000))


def test_bodies_share_a_budget_and_give_it_back() -> None:
    budget = ByteBudget(100)
    with budget.reserve() as one:
        one(60)
        with budget.reserve() as other:
            other(40)
            with pytest.raises(OverBudgetError):
                other(1)
        with budget.reserve() as third:
            third(40)
    with budget.reserve() as whole:
        whole(100)


def test_a_body_that_breaks_off_gives_its_budget_back() -> None:
    budget = ByteBudget(10)

    def break_off() -> None:
        with budget.reserve() as take:
            take(10)
            raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        break_off()
    with budget.reserve() as take:
        take(10)


def test_a_batch_takes_as_many_as_it_has() -> None:
    limit = RateLimit(2, Clock())
    assert limit.take("a", 3) == 0
    assert limit.take("a", 2) == pytest.approx(0.5)
    assert limit.take("b", 100) == 0
    assert limit.take("b") > 0

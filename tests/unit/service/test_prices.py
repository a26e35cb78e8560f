"""Prices are exact, and what is charged stays between what was quoted at least and at most."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spark_avatar.errors import ConfigurationError
from spark_avatar.media.video import frame_count
from spark_avatar.service.prices import Price, PriceList, plain


def money(largest: str) -> st.SearchStrategy[Decimal]:
    return st.decimals(0, largest, places=6, allow_nan=False, allow_infinity=False)


lengths = st.floats(0.2, 600)
rates = st.sampled_from([Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(60)])


@st.composite
def prices(draw):
    return Price(
        per_second=draw(money("10")),
        per_compute_unit=draw(money("1")),
        units_per_second=draw(st.decimals("0.1", 1000, places=2)),
        tolerance=draw(st.decimals(0, 2, places=2)),
        minimum=draw(money("5")),
        discount=draw(st.decimals(0, 1, places=3)),
    )


@given(prices(), lengths, rates, st.integers(0, 10_000))
def test_what_is_charged_lies_between_the_lowest_and_the_highest(price, seconds, rate, units):
    video = frame_count(seconds, rate) / rate
    assume(units <= price.units_per_second * Decimal(repr(seconds)) * (1 + price.tolerance))
    charged = price.charge(float(video), units)
    assert price.lowest(seconds) <= charged <= price.highest(seconds)
    assert price.lowest(seconds) <= price.expected(seconds) <= price.highest(seconds)


@given(prices(), lengths, lengths, st.integers(0, 100), st.integers(0, 100))
def test_more_never_costs_less(price, seconds, more_seconds, units, more_units):
    assert price.charge(seconds, units) <= price.charge(seconds + more_seconds, units + more_units)
    assert price.charge(seconds, units) >= price.minimum.quantize(Decimal("0.0001"))


@given(prices(), lengths, st.integers(0, 10_000))
def test_an_amount_reads_back_as_it_was(price, seconds, units):
    charged = price.charge(seconds, units)
    assert Decimal(plain(charged)) == charged
    whole, _, fraction = plain(charged).partition(".")
    assert whole.isdecimal()
    assert len(fraction) == 4


@pytest.mark.parametrize(
    ("per_second", "seconds", "cost"),
    [
        ("0", 12.5, "0.0000"),
        ("0.1", 0.1, "0.0100"),
        ("0.00357", 10, "0.0357"),
        ("0.0001", 0.5, "0.0001"),
        ("1E-7", 1000, "0.0001"),
        ("1234567.89", 1000, "1234567890.0000"),
    ],
)
def test_prices_are_exact_plain_decimals(per_second, seconds, cost):
    price = Price(Decimal(per_second))
    assert plain(price.charge(seconds)) == cost
    assert Decimal(plain(price.per_second)) == Decimal(per_second)
    assert "E" not in plain(price.per_second)


def test_the_parts_of_a_price_add_up():
    price = Price(
        per_second=Decimal("0.004"),
        per_compute_unit=Decimal("0.0005"),
        units_per_second=Decimal(4),
        minimum=Decimal("0.01"),
        discount=Decimal("0.5"),
    )
    assert price.charge(10, 40) == Decimal("0.0300")
    assert price.charge(1, 4) == Decimal("0.0100"), "the minimum comes after the discount"
    assert price.expected(10) == Decimal("0.0300")
    # 10.1 s at 0.004, and 4 units a second, a quarter more of them, at 0.0005; half of it
    assert price.highest(10) == Decimal("0.0328")
    assert price.lowest(10) == Decimal("0.0198")


def test_only_what_costs_nothing_at_all_is_free():
    assert Price().free
    assert Price(per_second=Decimal(1), discount=Decimal(0)).free
    assert not Price(minimum=Decimal("0.01")).free
    assert not Price(per_compute_unit=Decimal("0.01"), units_per_second=Decimal(1)).free
    assert Price().highest(600) == 0


def test_a_model_has_its_own_price_or_everybodys():
    listed = PriceList.of(Decimal("0.007"), {"dear": {"per_second": Decimal("0.07"), "discount": Decimal("0.85")}})
    assert listed.of_model("dear") == Price(per_second=Decimal("0.07"), discount=Decimal("0.85"))
    assert listed.of_model("other") == Price(per_second=Decimal("0.007"))


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"per_minute": Decimal(1)}, "per_minute"),
        ({"per_second": Decimal(-1)}, "per_second"),
        ({"per_second": Decimal("NaN")}, "per_second"),
        ({"discount": Decimal("1.2")}, "discount"),
        ({"per_compute_unit": Decimal(1)}, "units_per_second"),
    ],
)
def test_a_price_that_nobody_can_mean_is_refused(members, words):
    with pytest.raises(ConfigurationError, match=words):
        PriceList.of(Decimal(0), {"model": members})

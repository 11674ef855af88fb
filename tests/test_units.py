"""Text to number and back: every trap of design.md section 4 and of traps 8 and 15, then properties."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.core import units
from planner.core.units import UnitError, number, parse

CAD = (("CAD", Fraction("0.71")),)


@pytest.mark.parametrize(
    ("text", "canonical", "value"),
    [
        ("30 GW", "MW", 30_000),
        ("30GW", "MW", 30_000),
        (" 1_000 kW ", "MW", 1),
        (".5 MW", "MW", 0.5),
        ("+3 MW", "MW", 3),
        ("1e3 MW", "MW", 1000),
        ("30\u00a0GW", "MW", 30_000),  # a no-break space out of a web page
        ("38 billion USD", "USD", 38e9),
        ("1.4 trillion USD", "USD", 1.4e12),
        ("2 million USD/MW/year", "USD/MW/year", 2e6),
        ("8766 USD/MW/year", "USD/MW/hour", 1),
        ("2.85 USD/gpu/hour", "USD/gpu/hour", 2.85),
        ("2.85 USD/gpu-hour", "USD/gpu/hour", 2.85),
        ("12000 rack/quarter", "rack/hour", 12000 / 2191.5),
        ("1 year", "quarter", 4),
        ("1 year", "month", 12),
        ("1 month", "hour", 730.5),
        ("3 months", "month", 3),
        ("8 %/year", "1/year", 0.08),
        ("30 Mt", "t", 30e6),
        ("1 kt", "t", 1000),
        ("1 tonne", "t", 1),
        ("400 g/kWh", "t/MWh", 0.4),
        ("65 USD/MWh", "USD/MWh", 65),
        ("790 million TPP", "TPP", 790e6),
        ("132 kW/rack", "MW/rack", 0.132),
        ("8 TB/s/gpu", "TB/s/gpu", 8),
        ("60 %", "", 0.6),
        ("0.6", "", 0.6),
        ("1.2 L/kWh", "L/kWh", 1.2),
    ],
)
def test_quantities(text: str, canonical: str, value: float) -> None:
    assert parse(text, canonical) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "canonical", "says"),
    [
        ("100 mW", "MW", "did you mean `MW`"),
        ("100 mWh", "MWh", "did you mean `MWh`"),
        ("1 MT", "t", "did you mean `Mt`"),
        ("1 ton", "t", "tonne"),
        ("1 tons", "t", "tonne"),
        ("1 KW", "MW", "did you mean `kW`"),
        ("1 $", "USD", "write `USD`"),
        ("$1", "USD", "number first"),
        ("5 chip", "gpu", "counted in `gpu`"),
        ("1,5 GW", "MW", "point for decimals"),
        ("0,5 MW", "MW", "point for decimals"),
        ("1.000.000 USD", "USD", "point for decimals"),
        ("30 000 MW", "MW", "thousands separators"),
        ("9**9**9", "MW", "number first"),
        ("9**9**9 MW", "MW", "is not a quantity"),
        ("__import__('os')", "MW", "number first"),
        ("", "MW", "is empty"),
        ("   ", "MW", "is empty"),
        ("nan MW", "MW", "number first"),
        ("inf MW", "MW", "number first"),
        ("NaN", "", "number first"),
        ("1e400 MW", "MW", "out of range"),
        ("1e-400 MW", "MW", "out of range"),
        ("1e99999 MW", "MW", "is not a quantity"),
        ("9" * 400 + " MW", "MW", "is not a quantity"),
        ("٣ MW", "MW", "number first"),  # digits of another script
        ("３０ MW", "MW", "number first"),
        ("30", "MW", "no unit"),
        (30, "MW", "no unit"),
        (0.5, "MW", "no unit"),
        (True, "MW", "got true"),
        (None, "MW", "got nothing"),
        ([], "MW", "got a list"),
        ({}, "MW", "got a table"),
        ("30 GWh", "MW", "not in MW"),
        ("30 knots", "MW", "not a unit"),
        ("30 quarters", "month/gpu", "not in month/gpu"),
        ("3 MW MW", "MW", "not a unit"),
        ("3 MW*h", "MWh", "is not a quantity"),
        ("3 MW^2", "MW", "is not a quantity"),
        ("3 /MW", "MW", "not a unit"),
        ("3 MW/", "MW", "not a unit"),
        ("8 %", "1/year", "not in 1/year"),
        ("3 MW", "", "not a plain number or a percentage"),
        ("3 EUR", "USD", "say what it is worth"),
        ("3 GW million", "MW", "not a unit"),
    ],
)
def test_traps(text: object, canonical: str, says: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse(text, canonical)
    assert says in f"{caught.value.what} | {caught.value.fix}"
    assert caught.value.fix, "every message says how to mend it"


def test_the_message_shows_an_example_of_the_field() -> None:
    with pytest.raises(UnitError) as caught:
        parse("30 USD", "MW", example="30 GW")
    assert "30 GW" in caught.value.fix


def test_bases_of_power_do_not_mix() -> None:
    assert parse("3 GW_IT", "MW", basis="IT") == 3000
    assert parse("3 GW_facility", "MW", basis="facility") == 3000
    assert parse("3 GW", "MW", basis="IT") == parse("3 GW", "MW", basis="facility")
    assert parse("130 kW_IT/rack", "MW/rack", basis="IT") == pytest.approx(0.13)
    for basis, other in (("IT", "facility"), ("facility", "IT")):
        with pytest.raises(UnitError, match=f"{other} power and this field wants {basis} power"):
            parse(f"3 GW_{other}", "MW", basis=basis)


def test_currencies_convert_only_by_given_rates() -> None:
    assert parse("100 CAD", "USD", CAD) == 71
    assert parse("1 CAD/gpu/hour", "USD/gpu/hour", CAD) == 0.71
    assert parse("71 gpu/CAD", "gpu/USD", CAD) == 100
    with pytest.raises(UnitError, match="`CAD` is not a unit"):
        parse("100 CAD", "USD")


def test_years_quarters_and_months_are_those_of_energy() -> None:
    assert units.unit("year").factor / units.unit("quarter").factor == 4
    assert units.unit("year").factor / units.unit("hour").factor == 8766


def test_numbers() -> None:
    assert number(0.6) == number("60 %") == number("0.6") == 0.6
    assert number(3) == 3.0
    for bad in (float("nan"), float("inf"), 1e31, True, None, "", "a", "60 MW", "1,5", [1]):
        with pytest.raises(UnitError) as caught:
            number(bad)
        assert caught.value.fix


def test_every_word_has_a_factor_and_a_hint_exists_for_every_refusal() -> None:
    for word in units.WORDS:
        assert units.unit(word).factor > 0
    assert not set(units.REFUSED) & set(units.WORDS)


decimals = st.decimals(min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False, places=6)


@given(decimals)
def test_the_scale_of_the_unit_changes_nothing(value: object) -> None:
    mw = Fraction(str(value))
    texts = [f"{float(mw):.17g} MW"] if float(mw) == mw else []
    written = f"{value:f}"
    kw, gw = format_exact(mw * 1000), format_exact(mw / 1000)
    found = {parse(text, "MW") for text in (*texts, f"{written} MW", f"{kw} kW", f"{gw} GW")}
    assert len(found) == 1


def format_exact(value: Fraction) -> str:
    """A fraction with a finite decimal expansion, written out."""
    whole, rest = divmod(value, 1)
    return f"{whole}.{int(rest * 10**12):012d}" if (rest * 10**12).denominator == 1 else str(float(value))


@given(st.floats(min_value=1e-20, max_value=1e20), st.sampled_from(["MW", "USD/gpu/hour", "t/MWh", "rack/hour", "1/year"]))
def test_a_printed_number_reads_back(value: float, canonical: str) -> None:
    written = f"{value!r} {canonical}"
    assert parse(written, canonical) == value


@given(st.text(max_size=40), st.sampled_from(["MW", "USD/MWh", "", "1/year"]))
def test_any_text_is_a_number_or_a_unit_error(text: str, canonical: str) -> None:
    try:
        assert abs(parse(text, canonical)) <= 1e30
    except UnitError as error:
        assert error.what


@given(st.text(alphabet="0123456789.,eE+-_ kMGW/%USDhyear*()'", max_size=30))
def test_near_misses_are_a_number_or_a_unit_error(text: str) -> None:
    try:
        parse(text, "MW", CAD)
    except UnitError as error:
        assert error.what
        assert error.fix


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_record_has_fifteen_digits(value: float) -> None:
    kept = units.record(value)
    assert units.record(kept) == kept
    assert kept == pytest.approx(value, rel=1e-14)

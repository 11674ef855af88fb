# ruff: noqa: E501 - a case of a table stays on one line
"""Periods, values over time, discounting: against a count of single days."""

from __future__ import annotations

import math
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.core import calendar as horizon
from planner.core.calendar import (
    MONTHS,
    Period,
    Series,
    add_months,
    capital_recovery,
    mean_discount,
    overlap_days,
    periods,
    steps,
)

STEPS = sorted(MONTHS)
days = st.dates(date(2023, 1, 1), date(2029, 12, 31))


@pytest.mark.parametrize(
    ("step", "labels"),
    [
        ("month", ["2026-02", "2026-03", "2026-04", "2026-05", "2026-06", "2026-07"]),
        ("quarter", ["2026-Q1", "2026-Q2", "2026-Q3"]),
        ("half", ["2026-H1", "2026-H2"]),
        ("year", ["2026"]),
    ],
)
def test_periods_cut_by_odd_days(step: str, labels: list[str]) -> None:
    found = periods(date(2026, 2, 17), date(2026, 7, 4), step)
    assert [p.label for p in found] == labels
    assert (found[0].first, found[-1].last) == (date(2026, 2, 17), date(2026, 7, 4))
    assert sum(p.days for p in found) == 138


def test_a_single_day_is_a_period() -> None:
    (only,) = periods(date(2028, 2, 29), date(2028, 2, 29), "quarter")
    assert (only.label, only.days, only.hours, only.year) == ("2028-Q1", 1, 24.0, 2028)


def test_an_end_before_the_start_makes_no_period() -> None:
    assert periods(date(2026, 1, 2), date(2026, 1, 1), "month") == ()


@given(days, st.integers(0, 1500), st.sampled_from(STEPS))
def test_periods_tile_the_horizon(start: date, length: int, step: str) -> None:
    end = start + timedelta(length)
    found = periods(start, end, step)
    assert [p.index for p in found] == list(range(len(found)))
    assert found[0].first == start
    assert found[-1].last == end
    for p, q in zip(found, found[1:], strict=False):
        assert q.first == p.last + timedelta(1)
    for p in found:
        months = MONTHS[step]
        assert p.first.year == p.last.year
        assert (p.first.month - 1) // months == (p.last.month - 1) // months
    assert len({p.label for p in found}) == len(found)
    assert horizon.years_of(found) == tuple(range(start.year, end.year + 1))


values = st.floats(-1e6, 1e6)
points = st.lists(st.tuples(days, values), min_size=1, max_size=6, unique_by=lambda point: point[0])


def on_day(series: list[tuple[date, float]], day: date) -> float | None:
    """The step value of a day, the slow way."""
    return max(((d, v) for d, v in series if d <= day), default=(day, None), key=lambda p: p[0])[1]


def at_noon(series: list[tuple[date, float]], day: date) -> float | None:
    """The value of a line at noon of a day, the slow way."""
    known, at = sorted(series), (day - date(2020, 1, 1)).days + 0.5
    places = [((d - date(2020, 1, 1)).days, v) for d, v in known]
    if at < places[0][0]:
        return None
    for (x0, y0), (x1, y1) in zip(places, places[1:], strict=False):
        if x0 <= at <= x1:
            return y0 + (y1 - y0) * (at - x0) / (x1 - x0)
    return places[-1][1]


@given(points, days, st.integers(0, 400), st.booleans(), values)
def test_means_and_extremes_day_by_day(
    known: list[tuple[date, float]], first: date, length: int, linear: bool, before: float
) -> None:
    last = first + timedelta(length)
    period = Period(0, "", first, last)
    series = Series(steps(known).points, linear)
    value = at_noon if linear else on_day
    daily = [value(known, first + timedelta(i)) for i in range(length + 1)]
    there = [v for v in daily if v is not None]
    mean = sum(before if v is None else v for v in daily) / len(daily)
    assert series.mean(period, before) == pytest.approx(mean, rel=1e-9, abs=1e-6)
    close = {"rel": 1e-9, "abs": 1e-6}
    assert series.lowest(period) == (pytest.approx(min(there), **close) if there else None)
    assert series.highest(period) == (pytest.approx(max(there), **close) if there else None)
    assert series.covers(period) == (len(there) == len(daily))


def test_a_constant_holds_always() -> None:
    series, period = Series.constant(3.0), Period(0, "", date(2026, 1, 1), date(2026, 3, 31))
    assert series.is_constant
    assert (series.mean(period), series.lowest(period), series.highest(period), series.covers(period)) == (3, 3, 3, True)
    assert not steps([(date(2026, 1, 1), 3.0)]).is_constant


def test_a_line_counts_at_noon_and_is_held_after_its_end() -> None:
    line = Series(((date(2026, 1, 1), 0.0), (date(2026, 1, 11), 10.0)), linear=True)
    day = Period(0, "", date(2026, 1, 1), date(2026, 1, 1))
    assert line.mean(day) == 0.5
    assert line.mean(Period(0, "", date(2026, 1, 1), date(2026, 1, 10))) == 5.0  # the mean of the line itself
    assert line.mean(Period(0, "", date(2025, 12, 31), date(2025, 12, 31)), before=7.0) == 7.0
    assert line.mean(Period(0, "", date(2026, 1, 11), date(2027, 1, 1))) == 10.0


@given(days, st.integers(1, 400), st.floats(0.0, 0.5))
def test_the_mean_discount_is_the_integral(first: date, length: int, rate: float) -> None:
    origin = date(2024, 1, 1)
    period = Period(0, "", first, first + timedelta(length - 1))
    n = 400
    begin, width = (first - origin).days / 365.25, length / 365.25
    numeric = sum((1 + rate) ** -(begin + width * (i + 0.5) / n) for i in range(n)) / n
    assert mean_discount(period, origin, rate) == pytest.approx(numeric, rel=1e-6)


@pytest.mark.parametrize("rate", [0.0, 5e-324, 1e-300, 1e-12])
def test_hardly_any_discount(rate: float) -> None:
    period = Period(0, "", date(2026, 1, 1), date(2026, 12, 31))
    assert mean_discount(period, date(2026, 1, 1), rate) == pytest.approx(1.0)
    assert capital_recovery(rate, 5) == pytest.approx(0.2)


@given(st.floats(0.001, 0.5), st.floats(0.5, 40))
def test_the_annuity_pays_the_capital_back(rate: float, lifetime: float) -> None:
    """CRF times the integral of (1+r)^-t over the lifetime is 1."""
    force = math.log1p(rate)
    assert capital_recovery(rate, lifetime) * (1 - (1 + rate) ** -lifetime) / force == pytest.approx(1.0)
    assert capital_recovery(0.08, 5) == pytest.approx(0.2409404, rel=1e-4)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2027, 12, 31), 2, date(2028, 2, 29)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2026, 3, 15), 24, date(2028, 3, 15)),
        (date(2026, 1, 15), -1, date(2025, 12, 15)),
        (date(2026, 1, 1), 0, date(2026, 1, 1)),
        (date(2026, 1, 1), 1.5, date(2026, 2, 16)),
        (date(2026, 12, 1), 11, date(2027, 11, 1)),
        (date(2026, 11, 30), 1, date(2026, 12, 30)),
        (date(2026, 1, 1), 12 * 9000, date.max),
        (date(2026, 1, 1), 1e30, date.max),
        (date(2026, 1, 1), -12 * 9000, date.min),
    ],
)
def test_add_months(day: date, months: float, expected: date) -> None:
    assert add_months(day, months) == expected


@given(days, st.integers(-200, 200))
def test_add_months_keeps_the_day_where_there_is_one(day: date, months: int) -> None:
    moved = add_months(day, months)
    assert (moved.year * 12 + moved.month) - (day.year * 12 + day.month) == months
    assert moved.day == day.day or (moved + timedelta(1)).day == 1


@given(days, st.integers(0, 300), st.none() | days, st.none() | days)
def test_overlap_is_a_count_of_days(first: date, length: int, begin: date | None, end: date | None) -> None:
    period = Period(0, "", first, first + timedelta(length))
    inside = [d for d in (first + timedelta(i) for i in range(length + 1)) if (not begin or d >= begin) and (not end or d <= end)]
    assert overlap_days(begin, end, period) == len(inside)

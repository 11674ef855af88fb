"""What a rack costs in a period, and what money is worth at its time. Million USD, as in the linear programme.

Rent and capital are paid for every rack held (on-demand: used).
"""

from __future__ import annotations

from datetime import date

from planner.core.calendar import HOURS_PER_YEAR, ONE_DAY, Period, capital_recovery, years_between
from planner.data.options import Position

MILLION = 1e6


def rent(position: Position, period: Period) -> float:
    """G · price · h_t: rent of one rack over the period [million USD/rack]; G · price · months where it bills calendar months."""
    offer = position.offer
    each = offer.price * period.hours if offer.monthly is None else offer.monthly * period.months
    return position.accelerator.chips_per_rack * each / MILLION


def capital_charge(position: Position, period: Period, rate: float) -> float:
    """capex · CRF · h_t / 8766: the annuity of one rack over the period [million USD/rack]."""
    if not position.offer.capex:
        return 0.0
    lifetime = position.offer.lifetime or position.accelerator.lifetime or 1.0
    return position.offer.capex * capital_recovery(rate, lifetime) * period.hours / HOURS_PER_YEAR / MILLION


def discount_at_end(last: date, origin: date, rate: float) -> float:
    """(1+r)^−τ at the end of a day, τ in years of 365.25 days from the first day of the horizon."""
    return float((1 + rate) ** -years_between(origin, last + ONE_DAY))

# ruff: noqa: E501 - a case of a table stays on one line
"""Field types: what each takes, what it says of the rest, and the schema it tells an editor."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from planner.core.calendar import Series
from planner.inputs import scenario
from planner.inputs.fields import DayField, Limit, LimitField, NamesField, Number, Plain, Quantity, SeriesField
from planner.inputs.tables import AmountField

POWER = Quantity("MW", basis="facility", example="30 GW")
LIMIT = LimitField(POWER, "USD/MW/year")
FIXED = LimitField(Quantity("USD", example="60 billion USD"), "USD/USD", varying=False)
DAY = date(2026, 1, 1)


def read(kind: Plain, value: object) -> Any:
    return TypeAdapter(Annotated[Any, kind]).validate_python(value)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (POWER, "3 GW", 3000.0),
        (Quantity("USD/MWh", low=None), "-5 USD/MWh", -5.0),
        (Number(0, 1), "60 %", 0.6),
        (Number(), 3, 3.0),
        (DayField(), "2026-01-01", DAY),
        (DayField(), DAY, DAY),
        (NamesField(), "a; b;", ("a", "b")),
        (NamesField(), ["a", " b "], ("a", "b")),
        (SeriesField(POWER), "3 GW", Series.constant(3000.0)),
        (SeriesField(POWER), [{"from": DAY, "value": "3 GW"}], Series(((DAY, 3000.0),))),
        (LIMIT, "3 GW", Limit(Series.constant(3000.0))),
        (LIMIT, {"max": "3 GW", "at": "2 million USD/MW/year"}, Limit(Series.constant(3000.0), 2e6)),
        (LIMIT, {"max": [{"from": DAY, "value": "3 GW"}], "at": "2 USD/MW/year"}, Limit(Series(((DAY, 3000.0),)), 2.0)),
        (FIXED, {"max": "3 USD", "at": "1 USD/USD"}, Limit(Series.constant(3.0), 1.0)),
        (FIXED, {"max": "3 USD", "at": "2"}, Limit(Series.constant(3.0), 2.0)),
    ],
)
def test_values(kind: Plain, value: object, expected: object) -> None:
    assert read(kind, value) == expected


def test_a_line_sorts_its_points() -> None:
    points = [{"at": date(2027, 1, 1), "value": "2 MW"}, {"at": DAY, "value": "1 MW"}]
    line = read(LIMIT, {"interpolate": "linear", "points": points}).series
    assert line == Series(((DAY, 1.0), (date(2027, 1, 1), 2.0)), linear=True)


@pytest.mark.parametrize(
    ("text", "of", "value"), [("790 million TPP", "tpp", 790e6), ("35000 gpu", "gpu", 35000), ("7 %", "share", 0.07)]
)
def test_amounts(text: str, of: str, value: float) -> None:
    amount = read(AmountField(), text)
    assert (amount.of, amount.value) == (of, pytest.approx(value))


@pytest.mark.parametrize(
    ("kind", "value", "path", "says"),
    [
        (POWER, "-1 MW", (), "-1 MW is below 0"),
        (Quantity("gpu", strict=True), "0 gpu", (), "0 gpu is not above 0"),
        (Number(0, 1), 1.5, (), "1.5 is above 1"),
        (Number(0, 1), "nan", (), "is not a quantity"),
        (Number(1, 5, hint="measure it"), 0.5, (), "0.5 is below 1 | measure it"),
        (DayField(), datetime(2026, 1, 1), (), "not a time"),
        (DayField(), "2026-02-30", (), "is not a day"),
        (DayField(), 2026, (), "is not a day"),
        (DayField(), "٢٠٢٦-٠١-٠١", (), "is not a day"),
        (NamesField(), [], (), "the list is empty"),
        (NamesField(), ";", (), "the list is empty"),
        (NamesField(), ["a", "a "], (), "stands twice"),
        (NamesField(), ["a", 3], (), "a list of names"),
        (NamesField(), 3, (), "a list of names"),
        (SeriesField(POWER), [], (), "the series is empty"),
        (SeriesField(POWER), [{"from": DAY, "value": "3"}], (0, "value"), "has no unit"),
        (SeriesField(POWER), [{"from": "x", "value": "3 MW"}], (0, "from"), "is not a day"),
        (SeriesField(POWER), [{"from": DAY, "value": "3 MW"}] * 2, (1, "from"), "two values from 2026-01-01"),
        (SeriesField(POWER), ["3 MW"], (0,), "is not readable"),
        (SeriesField(POWER), {"points": []}, (), "is not a series"),
        (SeriesField(POWER), {"interpolate": "cubic", "points": []}, (), "is not a series"),
        (SeriesField(POWER), {"interpolate": "linear", "points": [1]}, ("points",), "two points or more"),
        (
            SeriesField(POWER),
            {"interpolate": "linear", "points": [{"at": DAY, "value": "1"}, 3]},
            ("points", 0, "value"),
            "has no unit",
        ),
        (LIMIT, {}, (), "a soft limit has two keys"),
        (LIMIT, {"max": "1 MW"}, (), "a soft limit has two keys"),
        (LIMIT, {"max": "1", "at": "1 USD/MW/year"}, ("max",), "has no unit"),
        (LIMIT, {"max": "1 MW", "at": "1 USD"}, ("at",), "not in USD/MW/year"),
        (FIXED, ["1 USD"], (), "one value, not a series"),
        (FIXED, {"max": ["1 USD"], "at": "1 USD/USD"}, ("max",), "one value, not a series"),
        (FIXED, {"interpolate": "linear", "points": []}, (), "one value, not a series"),
        (AmountField(), "7 GW", (), "is not an amount"),
        (AmountField(), "-7 gpu", (), "is not an amount"),
        (AmountField(), "107 %", (), "is not an amount"),
    ],
)
def test_refusals_name_the_part_and_a_way_out(kind: Plain, value: object, path: tuple[str | int, ...], says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read(kind, value)
    (problem,) = caught.value.errors()
    ctx = problem["ctx"]
    assert says in f"{ctx['what']} | {ctx['fix']}"
    assert ctx["path"] == path
    assert ctx["fix"]


def test_the_schema_knows_every_table_and_refuses_unknown_keys() -> None:
    schema = scenario.json_schema()
    assert schema["additionalProperties"] is False
    assert {"site", "offer", "workload", "limits", "horizon"} <= set(schema["properties"])
    site = schema["properties"]["site"]["items"]
    assert "pue" in site["properties"]
    assert site["additionalProperties"] is False
    whole = [one for one in schema["anyOf"] if one != {"required": ["extends"]}]  # what an extending scenario may leave out
    assert whole == [{"required": ["schema", "horizon", "workload"]}] and "required" not in schema

"""Field types of the records: quantities that carry their unit, shares, days, lists, values over time.

Each type takes what a TOML value or a CSV cell (with the unit of its header appended) holds and returns a plain float, date or
tuple in canonical units; it also tells the JSON Schema what a user may write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, PrivateAttr, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from planner.core import units
from planner.core.calendar import HOURS_PER_YEAR, Series, steps
from planner.core.errors import Location

Currencies = tuple[tuple[str, Fraction], ...]


@dataclass(frozen=True)
class Origin:
    """Where a row comes from: its place, its source and how far to trust it."""

    where: Location = Location()
    source: str = ""
    confidence: str = "assumed"
    note: str = ""
    written: tuple[tuple[str, str, str, Location], ...] = ()  # column, value, unit, place of every cell as written
    inline: bool = False


NOWHERE = Origin()


class Record(BaseModel):
    """A frozen row or table of the inputs; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
    _origin: Origin = PrivateAttr(default_factory=lambda: NOWHERE)  # a factory: a default would be copied for every row

    @property
    def origin(self) -> Origin:
        return self._origin

    @property
    def where(self) -> Location:
        return self._origin.where


def fault(what: str, fix: str = "", path: tuple[str | int, ...] = ()) -> PydanticCustomError:
    """A validation error that carries its own way to mend it, and the path from the field to the value at fault."""
    return PydanticCustomError("planner", "{what}", {"what": what, "fix": fix, "path": path})


@contextmanager
def inside(*path: str | int) -> Iterator[None]:
    """Faults of a part of a value, told with the path to that part."""
    try:
        yield
    except units.UnitError as error:
        raise fault(error.what, error.fix, path) from None
    except PydanticCustomError as error:
        ctx = error.context or {}
        raise fault(ctx["what"], ctx["fix"], (*path, *ctx["path"])) from None


class Plain:
    """A field type read by one function of the written value; its JSON Schema is given."""

    def schema(self) -> dict[str, Any]:
        raise NotImplementedError

    def read(self, value: object, currencies: Currencies) -> Any:
        raise NotImplementedError

    def _validate(self, value: object, info: ValidationInfo) -> Any:
        currencies = (info.context or {}).get("currencies", ())
        try:
            return self.read(value, currencies)
        except units.UnitError as error:
            raise fault(error.what, error.fix) from None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._validate)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return self.schema()


@dataclass(frozen=True)
class Usual:
    """Where values of a column lie as far as anyone has seen, as one would write it: beyond, a slip of units is likelier.

    It stands beside the unit on the field of the record and nowhere else; `checks.bands` warns of what lies outside.
    """

    low: str
    high: str
    why: str  # what lies at the ends, in a few words

    def within(self, value: float, unit: str) -> bool:
        """Whether a value of `unit` lies in the band. Zero stands for none; of prices below zero the size counts."""
        low, high = _ends(self, unit)
        return not value or low * (1 - 1e-9) <= abs(value) <= high * (1 + 1e-9)


@cache
def _ends(usual: Usual, unit: str) -> tuple[float, float]:
    return units.parse(usual.low, unit), units.parse(usual.high, unit)


@dataclass(frozen=True)
class Quantity(Plain):
    """A number of `unit`, written with a unit of that dimension; not below `low` (and not at it where `strict`)."""

    unit: str
    basis: str = ""
    example: str = ""
    low: float | None = 0.0
    strict: bool = False
    usual: Usual | None = None

    def schema(self) -> dict[str, Any]:
        example = self.example or f"100 {self.unit}"
        return {"type": "string", "pattern": units.QUANTITY_PATTERN, "description": self.unit, "examples": [example]}

    def read(self, value: object, currencies: Currencies) -> float:
        number = units.parse(value, self.unit, currencies, self.basis, self.example)
        return bounded(number, value, self.low, None, self.strict)

    def takes(self, unit: str, currencies: Currencies) -> None:
        """UnitError if a column of such quantities cannot have that unit in its header."""
        units.parse(f"1 {unit}", self.unit, currencies, self.basis, self.example)


@dataclass(frozen=True)
class Rate(Quantity):
    """A rate per year that compounds: what is written per quarter or month earns on what it earned."""

    unit: str = "1/year"

    def read(self, value: object, currencies: Currencies) -> float:
        return bounded(units.compounded(value, currencies, self.example or "8 %/year"), value, self.low, None, self.strict)


class Rent(float):
    """USD per gpu and hour. `monthly` is the USD per gpu and calendar month where the price was written per month, quarter, half
    or year: it bills calendar months, each the same whatever its days. None where it bills hours."""

    monthly: float | None = None


@dataclass(frozen=True)
class RentField(Quantity):
    """A price per gpu and span of time; a month has 730.5 hours only where prices are shown beside each other."""

    unit: str = "USD/gpu/hour"

    def read(self, value: object, currencies: Currencies) -> Rent:
        rent = Rent(super().read(value, currencies))
        if {word.removesuffix("s") for word in units.spans(value)} & {"month", "quarter", "half", "year"}:
            rent.monthly = units.record(rent * HOURS_PER_YEAR / 12)
        return rent


@dataclass(frozen=True)
class YearlyCost:
    """What is paid per MW and year: an amount, or a share of the capex."""

    usd: float = 0.0  # per MW and year
    share: float = 0.0  # of capex, per year


@dataclass(frozen=True)
class YearlyCostField(Quantity):
    """`25 USD/kW/year`, or `1.8 %/year` of the capex, the form of public cost tables."""

    unit: str = "USD/MW/year"
    example: str = "25 USD/kW/year"

    def schema(self) -> dict[str, Any]:
        return super().schema() | {"examples": [self.example, "1.8 %/year"]}

    def read(self, value: object, currencies: Currencies) -> Any:
        if self._is_share(value, currencies):
            return YearlyCost(share=bounded(units.parse(value, "1/year"), value, 0.0, None, False))
        return YearlyCost(usd=super().read(value, currencies))

    def takes(self, unit: str, currencies: Currencies) -> None:
        if not self._is_share(f"1 {unit}", currencies):
            super().takes(unit, currencies)

    def _is_share(self, value: object, currencies: Currencies) -> bool:
        """Whether it is a share per time; what is neither is told as an amount that cannot be read."""
        try:
            units.parse(value, "1/year", currencies)
        except units.UnitError:
            return False
        return True


@dataclass(frozen=True)
class Number(Plain):
    """A dimensionless number, plain or as a percentage; `hint` says what it means to one who wrote an impossible value."""

    low: float | None = 0.0
    high: float | None = None
    strict: bool = False
    hint: str = ""

    def schema(self) -> dict[str, Any]:
        limits = {"exclusiveMinimum" if self.strict else "minimum": self.low, "maximum": self.high}
        plain = {"type": "number"} | {key: limit for key, limit in limits.items() if limit is not None}
        return {"anyOf": [plain, {"type": "string", "pattern": r"^\s*[0-9.]+\s*%?\s*$"}]}

    def read(self, value: object, currencies: Currencies) -> float:
        return bounded(units.number(value), value, self.low, self.high, self.strict, self.hint)


def bounded(number: float, written: object, low: float | None, high: float | None, strict: bool, hint: str = "") -> float:
    if low is not None and (number < low or (strict and number == low)):
        bound = f"above {low:g}" if strict else f"of {low:g} or more"
        raise fault(f"{str(written).strip()} is {'not above' if strict else 'below'} {low:g}", hint or f"give a value {bound}")
    if high is not None and number > high:
        raise fault(f"{str(written).strip()} is above {high:g}", hint or f"give a value of at most {high:g}")
    return number


@dataclass(frozen=True)
class DayField(Plain):
    """A day in ISO form."""

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date", "examples": ["2027-01-01"]}

    def read(self, value: object, currencies: Currencies) -> date:
        if isinstance(value, datetime):
            raise fault("a day is wanted here, not a time", "e.g. 2027-01-01")
        if isinstance(value, date):
            return value
        try:
            if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.strip()):
                return date.fromisoformat(value.strip())
        except ValueError as error:
            raise fault(f"`{value}` is not a day: {error}", "e.g. 2027-01-01") from None
        raise fault(f"`{value}` is not a day", _as_iso(str(value)))


def _as_iso(text: str) -> str:
    """How to write a day that stands in another form."""
    match = re.fullmatch(r"\s*(\d{1,2})([/.])(\d{1,2})[/.](\d{4})\s*", text)
    if match:
        first, mark, second, year = int(match[1]), match[2], int(match[3]), int(match[4])
        month, day = (first, second) if mark == "/" and first <= 12 else (second, first)
        order = "month/day/year" if (month, mark) == (first, "/") else f"day{mark}month{mark}year"
        try:
            return f"write year-month-day: {date(year, month, day)} if this is {order}"
        except ValueError:
            pass
    return "write year-month-day, e.g. 2027-01-01"


@dataclass(frozen=True)
class NamesField(Plain):
    """Names: a TOML list of text, or one cell with `;` between them."""

    unique: bool = True
    empty: bool = False  # whether a list of none says something

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string"}, "minItems": int(not self.empty), "uniqueItems": True}

    def read(self, value: object, currencies: Currencies) -> tuple[str, ...]:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(";") if part.strip()]
        elif isinstance(value, list):
            value = [item.strip() if isinstance(item, str) else item for item in value]
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise fault("a list of names is wanted here", 'e.g. ["azure", "aws"]')
        if not value and not self.empty:
            raise fault("the list is empty", "name at least one, or leave the key out")
        if len(set(value)) != len(value):
            raise fault("a name stands twice in the list", "keep it once")
        return tuple(value)


@dataclass(frozen=True)
class CellsField(Plain):
    """Months or hours: `12;1-2`, single numbers and ranges with `;` between them; blank means all."""

    first: int
    last: int

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "integer"], "examples": ["0-5;22-23" if self.first == 0 else "12;1-2"]}

    def read(self, value: object, currencies: Currencies) -> frozenset[int]:
        found: set[int] = set()
        for part in str(value).split(";"):
            match = re.fullmatch(r"\s*(\d{1,2})\s*(?:-\s*(\d{1,2})\s*)?", part)
            if not match:
                raise fault(f"`{value}` is not a list of numbers and ranges", f"e.g. {self.schema()['examples'][0]}")
            begin, end = int(match[1]), int(match[2] or match[1])
            if not self.first <= begin <= end <= self.last:
                raise fault(
                    f"`{part.strip()}` does not lie in {self.first} to {self.last}",
                    "ranges run upwards; write 12;1-2 for a winter",
                )
            if found & set(range(begin, end + 1)):
                raise fault(f"`{value}` names a number twice", "name each once")
            found |= set(range(begin, end + 1))
        return frozenset(found)


@dataclass(frozen=True)
class SeriesField(Plain):
    """A value over time: one value, a list of steps `{ from, value }`, or `{ interpolate = "linear", points = [...] }`."""

    item: Quantity | Number
    linear: bool = True

    def schema(self) -> dict[str, Any]:
        one, day = self.item.schema(), DayField().schema()
        step = {"type": "object", "properties": {"from": day, "value": one}, "required": ["from", "value"]}
        point = {"type": "object", "properties": {"at": day, "value": one}, "required": ["at", "value"]}
        forms: list[dict[str, Any]] = [one, {"type": "array", "items": step | {"additionalProperties": False}, "minItems": 1}]
        if self.linear:
            points = {"type": "array", "items": point | {"additionalProperties": False}, "minItems": 2}
            properties = {"interpolate": {"const": "linear"}, "points": points}
            forms.append({"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False})
        return {"anyOf": forms}

    def read(self, value: object, currencies: Currencies) -> Series:
        if isinstance(value, dict):
            return self._line(value, currencies)
        if isinstance(value, list):
            return steps(self._points(value, "from", currencies))
        return Series.constant(self.item.read(value, currencies))

    def _line(self, value: dict[str, object], currencies: Currencies) -> Series:
        points = value.get("points")
        if not self.linear or value.get("interpolate") != "linear" or set(value) != {"interpolate", "points"}:
            raise fault(
                "this table is not a series", 'write { interpolate = "linear", points = [ { at = 2026-01-01, value = "…" }, … ] }'
            )
        if not isinstance(points, list) or len(points) < 2:
            raise fault("a line needs two points or more", "for a single value write just the value", ("points",))
        with inside("points"):
            return Series(steps(self._points(points, "at", currencies)).points, linear=True)

    def _points(self, items: list[object], day_key: str, currencies: Currencies) -> list[tuple[date | None, float]]:
        if not items:
            raise fault("the series is empty", f'e.g. [ {{ {day_key} = 2026-01-01, value = "…" }} ]')
        found: dict[date | None, float] = {}
        for i, item in enumerate(items):
            if not isinstance(item, dict) or set(item) != {day_key, "value"}:
                raise fault(
                    "a point of the series is not readable", f'each point is {{ {day_key} = 2026-01-01, value = "…" }}', (i,)
                )
            with inside(i, day_key):
                day = DayField().read(item[day_key], currencies)
            if day in found:
                raise fault(f"the series has two values from {day}", "keep one of them", (i, day_key))
            with inside(i, "value"):
                found[day] = self.item.read(item["value"], currencies)
        return list(found.items())


@dataclass(frozen=True)
class Limit:
    """A limit over time; `price` (USD per canonical unit, and per year where it is a rate) makes it soft."""

    series: Series
    price: float | None = None


@dataclass(frozen=True)
class LimitField(Plain):
    """A limit: a value over time, or `{ max = value, at = price }` to price it instead."""

    item: Quantity | Number
    price_unit: str
    varying: bool = True
    side = "max"

    def schema(self) -> dict[str, Any]:
        series, price = SeriesField(self.item).schema(), Quantity(self.price_unit).schema()
        series = series if self.varying else {"anyOf": [self.item.schema()]}
        soft = {"type": "object", "properties": {self.side: series, "at": price}, "required": [self.side, "at"]}
        return {"anyOf": [*series["anyOf"], soft | {"additionalProperties": False}]}

    def read(self, value: object, currencies: Currencies) -> Limit:
        soft = isinstance(value, dict) and not {"interpolate", "points"} & set(value)
        if not soft:
            return Limit(self._series(value, currencies))
        assert isinstance(value, dict)
        if set(value) != {self.side, "at"}:
            fix = (
                f'write {{ {self.side} = "{self._example()}", at = "1000 {self.price_unit}" }}, or just the limit without a price'
            )
            raise fault(f"a soft limit has two keys, `{self.side}` and `at` (its price)", fix)
        with inside("at"):
            price = Quantity(self.price_unit).read(value["at"], currencies)
        with inside(self.side):
            return Limit(self._series(value[self.side], currencies), price)

    def _series(self, value: object, currencies: Currencies) -> Series:
        if not self.varying and isinstance(value, (list, dict)):
            raise fault("this limit is one value, not a series", f'e.g. "{self._example()}"')
        return SeriesField(self.item).read(value, currencies)

    def _example(self) -> str:
        return self.item.example if isinstance(self.item, Quantity) else "2.5 %"


Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_:+-]*$", max_length=80, description="a name without spaces or dots")]
Text = Annotated[str, Field(max_length=4000)]
Day = Annotated[date, DayField()]
Names = Annotated[tuple[str, ...], NamesField()]
Share = Annotated[float, Number(0, 1)]
Ratio = Annotated[float, Number(0)]

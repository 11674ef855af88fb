"""What the user asks: horizon, money, workloads, limits, policy, objective; frozen records, one per section."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from planner.core.calendar import Series
from planner.core.units import WORDS
from planner.inputs.fields import (
    Day,
    Id,
    Limit,
    LimitField,
    Names,
    NamesField,
    Number,
    Quantity,
    Rate,
    Record,
    SeriesField,
    Share,
    Text,
    Usual,
    fault,
)
from planner.inputs.tables import DOMAIN, MEMORY, TABLES, Country, ordered

FLEET = Usual("0.1 MW", "5000 GW", "a room of racks to all power of the largest country")
FacilityPower = Annotated[Limit, LimitField(Quantity("MW", basis="facility", example="30 GW", usual=FLEET), "USD/MW/year")]
EMITTED = Usual("0.1 t", "40 Gt", "one server to the whole world")
BUDGET = Usual("1000 USD", "100 trillion USD", "one server for a week to the product of the world")
DEMAND = Usual("0.01 h100e", "1 billion h100e", "a part of one chip to a hundred times all there are")
ROUTE = Usual("0.000001 USD/h100e/hour", "1000 USD/h100e/hour", "an h100e is rented for 0.1 to 15")
WORTH = Usual("0.001 USD/h100e/hour", "1000 USD/h100e/hour", "an h100e is rented for 0.1 to 15")
CURRENCY = Usual("0.00001 USD", "10 USD", "the weakest currencies to the strongest")
YEARLY = Usual("0.1 %/year", "60 %/year", "public money to venture capital")
Money = Annotated[Limit, LimitField(Quantity("USD", example="60 billion USD", usual=BUDGET), "USD/USD", varying=False)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code of three letters")]
Year = Annotated[str, Field(pattern=r"^\d{4}$", description="a calendar year")]


Chosen = Annotated[tuple[str, ...], NamesField(empty=True)]


class Horizon(Record):
    """First and last day of the plan and the length of its periods."""

    start: Day
    end: Day
    step: Literal["month", "quarter", "half", "year"] = "quarter"

    @model_validator(mode="after")
    def _consistent(self) -> Horizon:
        ordered(self.start, self.end, "start and end")
        if not 1990 <= self.start.year <= self.end.year <= 2200:
            raise fault(
                f"the horizon {self.start.year} to {self.end.year} lies outside 1990 to 2200", "check the years of start and end"
            )
        return self


class MoneyRules(Record):
    """Discount rate, and what other currencies are worth."""

    discount_rate: Annotated[float, Rate(example="8 %/year", usual=YEARLY)] = 0.0
    rates: dict[Currency, Annotated[float, Quantity("USD", strict=True, example="0.71 USD", usual=CURRENCY)]] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _consistent(self) -> MoneyRules:
        for code in self.rates:
            if code in WORDS:
                raise fault(
                    f"`{code}` is a unit already, it cannot be a currency",
                    "name another currency by its ISO code, e.g. CAD",
                    ("rates", code),
                )
        return self


class Select(Record):
    """Which rows of the profiles take part, by id; default all (accelerators of a table graded `assumed` only when named).

    Rows without an id are named by what they are of: fleet by site or offer, supply by accelerator or vendor, site_power by site,
    countries by code, slices by set. What is left out is left out everywhere; `fleet = []` plans without one.
    """

    providers: Names | None = None
    accelerators: Names | None = None
    sites: Names | None = None
    site_power: Names | None = None
    grids: Names | None = None
    countries: Names | None = None
    offers: Names | None = None
    contracts: Chosen | None = None
    fleet: Chosen | None = None
    supply: Chosen | None = None
    export_classes: Names | None = None
    export_rules: Chosen | None = None
    licences: Chosen | None = None
    slices: Names | None = None
    shapes: Names | None = None
    power_sources: Chosen | None = None


class Workload(Record):
    """A demand for compute over time, of one kind."""

    id: Id
    kind: Id
    demand: Annotated[Series, SeriesField(Quantity("h100e", example="1.5 million h100e", usual=DEMAND))]
    unserved: Annotated[float, Quantity("USD/h100e/hour", example="10 USD/h100e/hour", usual=WORTH)] | None = None
    countries: Names | None = None
    providers: Names | None = None
    sites: Names | None = None
    accelerators: Names | None = None
    min_scale_up_domain: Annotated[float, Quantity("gpu", example="72 gpu", usual=DOMAIN)] | None = None
    min_memory: Annotated[float, Quantity("GB/gpu", example="180 GB/gpu", usual=MEMORY)] | None = None
    critical: Share = 0.0
    demand_shape: Id | None = None
    flexible: Literal["no", "day", "period"] = "no"


class Route(Record):
    """Serving a workload from somewhere costs more, or is not allowed."""

    workload: Id
    site: Id | None = None
    provider: Id | None = None
    country: Country | None = None
    cost: Annotated[float, Quantity("USD/h100e/hour", low=None, example="0.02 USD/h100e/hour", usual=ROUTE)] = 0.0
    allowed: bool = True


class ProviderShare(Record):
    """A share of one provider in the plan, per period."""

    provider: Id
    of: Literal["compute", "power", "spend"] = "compute"
    kind: Id | None = Field(
        None, description="the kind of work whose compute is shared; without it the limit holds for each kind"
    )
    max: Share | None = None
    min: Share | None = None
    from_: Day | None = Field(None, alias="from")
    to: Day | None = None

    @model_validator(mode="after")
    def _consistent(self) -> ProviderShare:
        ordered(self.from_, self.to, "from and to")
        if self.kind is not None and self.of != "compute":
            raise fault(f"a share of {self.of} has no kind", 'drop it, or write of = "compute"', ("kind",))
        if self.max is None and self.min is None:
            raise fault("a share limit without max or min limits nothing", 'e.g. max = "60 %"')
        if self.max is not None and self.min is not None and self.min > self.max:
            raise fault("min is above max", "swap them")
        return self


class Limits(Record):
    """Limits over the whole plan; those with a price (`at`) are soft."""

    fleet_power: FacilityPower | None = None
    national_share: dict[Country, Annotated[Limit, LimitField(Number(0, 1), "USD/MW/year")]] = Field(default_factory=dict)
    country_power: dict[Country, FacilityPower] = Field(default_factory=dict)
    provider_power: dict[Id, FacilityPower] = Field(default_factory=dict)
    budget: dict[Year, Money] = Field(default_factory=dict)
    budget_total: Money | None = None
    budget_basis: Literal["annuity", "cash"] = "annuity"
    carbon: dict[Year, Annotated[Limit, LimitField(Quantity("t", example="30 Mt", usual=EMITTED), "USD/t", varying=False)]] = (
        Field(default_factory=dict)
    )
    provider_share: tuple[ProviderShare, ...] = ()


class Resilience(Record):
    """After losing any one of these, the critical share of every workload is still met."""

    lose: Literal["provider", "site", "country"]


class Enabled(Record):
    """An export rule that is switched on, with dates that replace its own."""

    id: Id
    from_: Day | None = Field(None, alias="from")
    to: Day | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Enabled:
        ordered(self.from_, self.to, "from and to")
        return self


def _enabled(value: object) -> object:
    return {"id": value} if isinstance(value, str) else value


class ExportControl(Record):
    """Whose export rules count, and which."""

    tenant: Id | None = None
    status: Names = ("in_force",)
    enable: tuple[Annotated[Enabled, BeforeValidator(_enabled)], ...] = ()
    disable: tuple[Id, ...] = ()


TieBreak = Literal["cost", "spend", "peak_power", "energy", "carbon", "unserved", "largest_share", "spread", "moves"]


class Objective(Record):
    """What is best, and what decides among plans that are equally good, in this order."""

    minimize: Literal["cost", "peak_power", "energy", "carbon", "unserved"] | None = None
    maximize: Literal["demand_scale"] | None = None
    then: tuple[TieBreak, ...] = ("spread", "carbon", "moves")

    @model_validator(mode="after")
    def _consistent(self) -> Objective:
        if self.minimize and self.maximize:
            raise fault("an objective is to minimize or to maximize", "keep one of the two")
        return self

    @property
    def name(self) -> str:
        return self.maximize or self.minimize or "cost"


class Energy(Record):
    """The slices of the year that the plan resolves, and whether racks may exceed a site's power and be throttled."""

    slices: Id | None = None
    oversubscribe: bool = False


class Solve(Record):
    """How to solve."""

    availability: Annotated[float, Number(0, 1, strict=True)] = 1.0
    whole_racks: bool = False
    time_limit: Annotated[float, Quantity("s", strict=True, example="600 s")] | None = None
    gap: Annotated[float, Number(0, 1)] = 1e-4
    solver: Text = "HiGHS"


class Assumption(Record):
    """Why a number of this file is what it is."""

    key: Text
    why: Text


def _whole(value: object) -> object:
    """`true` and 1.0 equal 1 in Python; here they are no version of the format."""
    return value if type(value) is int else str(value)


class Scenario(Record):
    """A scenario without its inline rows."""

    schema_: Annotated[Literal[1], BeforeValidator(_whole)] = Field(alias="schema")
    name: Text = ""
    extends: Text | None = None
    profiles: tuple[str, ...] = ("reference",)
    horizon: Horizon
    money: MoneyRules = MoneyRules()
    select: Select = Select()
    workload: tuple[Workload, ...] = Field(min_length=1)
    route: tuple[Route, ...] = ()
    limits: Limits = Limits()
    resilience: Resilience | None = None
    export_control: ExportControl = ExportControl()
    objective: Objective = Objective()
    energy: Energy | None = None
    solve: Solve = Solve()
    assumption: tuple[Assumption, ...] = ()


def json_schema() -> dict[str, Any]:
    """JSON Schema of a scenario file, inline rows included, for editors.

    What a scenario must say may stand in the one that it extends, of a section or a row too: only one that extends
    none is held to it.
    """
    schema = whole_schema()
    whole = {"required": schema.pop("required")}
    for section in schema["$defs"].values():
        section.pop("required", None)
    return schema | {"anyOf": [{"required": ["extends"]}, whole]}


def whole_schema() -> dict[str, Any]:
    """The schema of a scenario with all that it extends: its keys, and which of them it must have."""
    rows: dict[str, Any] = {}
    for table in TABLES.values():
        row = table.record.model_json_schema(by_alias=True)
        properties = row["properties"] | {
            "source": {"type": "string"},
            "confidence": {"type": "string"},
            "note": {"type": "string"},
        }
        properties.pop("throughput", None)
        shape: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        if table.name == "accelerators":
            shape["patternProperties"] = {"^throughput_": Quantity("h100e/gpu").schema()}
        rows[table.singular] = {"type": "array", "items": shape, "description": (table.record.__doc__ or "").strip()}
    schema = Scenario.model_json_schema(by_alias=True)
    schema["properties"] |= rows
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Planner scenario"} | schema

"""The profile tables: what is true whatever one plans. One record class per table, one field per column.

A record is frozen and holds canonical units: MW, MWh, h, USD, t, gpu, rack, h100e, TPP, GB, TB/s, L, month, year.
Every row knows its place, source and confidence (`record.origin`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from planner.core.calendar import DAYS_PER_YEAR
from planner.inputs.fields import (
    CellsField,
    Currencies,
    Day,
    Id,
    Names,
    Number,
    Plain,
    Quantity,
    Ratio,
    Record,
    Rent,
    RentField,
    Share,
    Text,
    Usual,
    YearlyCost,
    YearlyCostField,
    fault,
)
from planner.inputs.ranges import Range

CONFIDENCE = ("disclosed", "reported", "estimated", "assumed")
WATER = Usual("0.001 L/kWh", "20 L/kWh", "dry cooling to several times the thirstiest tower")
MARKET = Usual("1 MW", "5000 GW", "a feeder to the largest country")
RENT = Usual("0.1 USD/gpu/hour", "60 USD/gpu/hour", "the oldest cards on long terms to the newest on demand, three times over")
TERM = Usual("0.01 year", "30 year", "a few days to the lease of a building")
POWER = Usual("0.1 MW", "50 GW", "a room of racks to several of the largest campuses")
PERFORMANCE = Usual("100 TPP", "1 million TPP", "the weakest chip that a rule knows to ten times the strongest announced")
BANDWIDTH = Usual("0.1 TB/s/gpu", "200 TB/s/gpu", "graphics memory to ten times the stacks announced")
MEMORY = Usual("4 GB/gpu", "4000 GB/gpu", "the smallest cards to ten times the largest announced")
DOMAIN = Usual("1 gpu", "100000 gpu", "a chip alone to ten times the largest fabric announced")
LIFETIME = Usual("1 year", "20 year", "hardware is written off over three to eight years")
ACCELERATOR_CHIPS_PER_RACK = Usual("1 gpu/rack", "2000 gpu/rack", "a server with one chip to a row sold as one rack")
ACCELERATOR_RACK_POWER = Usual("1 kW/rack", "2 MW/rack", "one small server to twice the densest rack announced")
SITE_DELAY = Usual("0.03 month", "120 month", "a day to ten years")
SITE_BUILD_RATE = Usual("1 MW/quarter", "20 GW/quarter", "a hall a year to ten times the fastest campus")
GRID_PRICE = Usual("1 USD/MWh", "1000 USD/MWh", "wholesale prices of whole markets are 20 to 300")
GRID_CARBON = Usual("1 g/kWh", "2000 g/kWh", "hydropower is 10, the dirtiest lignite 1200")
OFFER_CAPEX = Usual("10000 USD/rack", "100 million USD/rack", "one server to ten times the dearest rack")
OFFER_MAX = Usual("1 gpu", "10 million gpu", "one chip to all that is made in a year")
CONTRACT_VALUE = Usual("100000 USD", "2 trillion USD", "a lease of one server to several times the largest contract")
FLEET_RACKS = Usual("0.01 rack", "1 million rack", "a share of a rack to all racks there are")
SUPPLY_RATE = Usual("0.1 rack/quarter", "1 million rack/quarter", "a rack now and then to ten times all that is made")
SUPPLY_TOTAL = Usual("0.1 MW", "500 GW", "a room of racks to all chips of many years")
LICENCE_QUANTITY = Usual("1 gpu", "10 million gpu", "one chip to all that is made in a year")
POWER_SOURCE_LEAD_TIME = Usual("0.02 year", "25 year", "a week to the slowest reactor")
POWER_SOURCE_CAPEX = Usual("20 USD/kW", "40000 USD/kW", "solar is 1000, the dearest reactor 15000")
POWER_SOURCE_LIFETIME = Usual("2 year", "100 year", "batteries last 10 to 20, reactors 60")
POWER_SOURCE_FIXED_OM = Usual("0.5 USD/kW/year", "5000 USD/kW/year", "solar is 15, a leased fuel cell 500")
POWER_SOURCE_VARIABLE_COST = Usual("0.1 USD/MWh", "2000 USD/MWh", "wear of a battery to diesel flown in")
POWER_SOURCE_FUEL_PRICE = Usual("0.2 USD/MMBTU", "100 USD/MMBTU", "flared gas to the dearest month of 2022")
POWER_SOURCE_HEAT_RATE = Usual("3.412 MMBTU/MWh", "30 MMBTU/MWh", "all of the heat made power is 3.412, the poorest engine 15")
POWER_SOURCE_CARBON = Usual("1 g/kWh", "3000 g/kWh", "the dirtiest plant emits 1500")
POWER_SOURCE_DURATION = Usual("0.25 hour", "1000 hour", "flywheels to seasonal stores")
Power = Annotated[float, Quantity("MW", basis="facility", example="500 MW", usual=POWER)]
THROUGHPUT = Quantity(
    "h100e/gpu", example="2.8 h100e/gpu", usual=Usual("0.01 h100e/gpu", "300 h100e/gpu", "an H100 is 1, the oldest cards 0.05")
)
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166 code of two letters")]
Pue = Annotated[
    float, Number(1, 5, hint="PUE is facility power over IT power, never below 1: give the measured ratio, e.g. 1.28")
]


def ordered(first: date | None, last: date | None, names: str) -> None:
    if first and last and last < first:
        begin, _, end = names.partition(" and ")
        fix = f"the last day is inclusive: give one that is not before {begin}, or swap the two"
        raise fault(f"{end} {last} is before {begin} {first}", fix, (end,))


class Accelerator(Record):
    """A rack-scale system. Several rows of one id with different `from` change its throughput over time."""

    id: Id
    name: Text = ""
    vendor: Text = ""
    chip: Text = ""
    from_: Day | None = Field(None, alias="from")
    chips_per_rack: Annotated[
        float,
        Quantity(
            "gpu/rack",
            strict=True,
            example="72 gpu/rack",
            usual=ACCELERATOR_CHIPS_PER_RACK,
        ),
    ]
    rack_power: Annotated[
        float,
        Quantity(
            "MW/rack",
            basis="IT",
            strict=True,
            example="132 kW/rack",
            usual=ACCELERATOR_RACK_POWER,
        ),
    ]
    average_load: Share = 1.0
    idle_load: Share = Field(1.0, description="share of the load drawn by a rack that is online and idle")
    throughput: dict[Id, Annotated[float, THROUGHPUT]] = Field(
        default_factory=dict, description="h100e per gpu, by kind of workload"
    )
    memory: Annotated[float, Quantity("GB/gpu", usual=MEMORY)] | None = None
    memory_bandwidth: Annotated[float, Quantity("TB/s/gpu", usual=BANDWIDTH)] | None = None
    scale_up_domain: Annotated[float, Quantity("gpu", usual=DOMAIN)] | None = None
    tpp: Annotated[float, Quantity("TPP", usual=PERFORMANCE)] | None = None
    performance_density: Ratio | None = None
    available_from: Day | None = None
    lifetime: Annotated[float, Quantity("year", strict=True, usual=LIFETIME)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _gather_throughput(cls, data: Any) -> Any:
        """Columns `throughput_<kind>` become one table."""
        if not isinstance(data, dict):
            return data
        if "throughput" in data:
            raise fault(
                "there is no column `throughput`",
                'say for which kind of work, e.g. throughput_training = "2.8 h100e/gpu"',
                ("throughput",),
            )
        kinds = {key: data[key] for key in data if isinstance(key, str) and key.startswith("throughput_")}
        rest = {key: value for key, value in data.items() if key not in kinds}
        return rest | {"throughput": {key.removeprefix("throughput_"): value for key, value in kinds.items()}}


class Provider(Record):
    """A cloud."""

    id: Id
    name: Text = ""
    headquarters: Country | None = None


class Site(Record):
    """A campus of one provider in one country on one grid; or a cloud region, which is a site without site_power."""

    id: Id
    name: Text = ""
    provider: Id
    operator: Id | None = None
    country: Country
    grid: Id
    pue: Pue
    pue_energy: Pue | None = Field(None, description="yearly mean PUE for energy and carbon (default: pue)")
    available: Share = 1.0
    delay: Annotated[float, Quantity("month", example="3 month", usual=SITE_DELAY)] = 0.0
    wue: Annotated[float, Quantity("L/kWh", usual=WATER)] | None = None
    latitude: Annotated[float, Number(-90, 90)] | None = None
    longitude: Annotated[float, Number(-180, 180)] | None = None
    build_rate: (
        Annotated[
            float,
            Quantity(
                "MW/hour",
                basis="facility",
                example="300 MW/quarter",
                usual=SITE_BUILD_RATE,
            ),
        ]
        | None
    ) = None

    @property
    def run_by(self) -> str:
        return self.operator or self.provider

    @property
    def energy_pue(self) -> float:
        return self.pue if self.pue_energy is None else self.pue_energy


class SitePower(Record):
    """Facility power available at a site from a day on."""

    site: Id
    from_: Day = Field(alias="from")
    power: Power


class Grid(Record):
    """A power market: price, carbon and headroom, each from a day on."""

    id: Id
    name: Text = ""
    country: Country
    from_: Day | None = Field(None, alias="from")
    price: (
        Annotated[
            float,
            Quantity(
                "USD/MWh",
                low=None,
                example="65 USD/MWh",
                usual=GRID_PRICE,
            ),
        ]
        | None
    ) = None
    carbon: (
        Annotated[
            float,
            Quantity("t/MWh", example="400 g/kWh", usual=GRID_CARBON),
        ]
        | None
    ) = None
    headroom: Annotated[float, Quantity("MW", basis="facility", example="500 MW", usual=MARKET)] | None = None
    price_shape: Id | None = None
    carbon_shape: Id | None = None


class Country_(Record):
    """A country: its export-control groups and installed generation, each from a day on."""

    iso2: Country
    name: Text = ""
    from_: Day | None = Field(None, alias="from")
    groups: Names = ()
    capacity: Annotated[float, Quantity("MW", example="1338 GW", usual=MARKET)] | None = None


class Offer(Record):
    """The price at which a provider gives an accelerator, at one site, in one country or at all of its sites."""

    id: Id
    provider: Id
    accelerator: Id
    site: Id | None = None
    country: Country | None = None
    contract: Id | None = None
    from_: Day | None = Field(None, alias="from")
    to: Day | None = None
    price: Annotated[Rent, RentField(example="2.85 USD/gpu/hour", usual=RENT)] = Rent(0.0)
    billing: Literal["reserved", "on_demand"] = "reserved"
    energy: Literal["included", "metered"] = "included"
    capex: Annotated[
        float,
        Quantity(
            "USD/rack",
            example="3.5 million USD/rack",
            usual=OFFER_CAPEX,
        ),
    ] = 0.0
    lifetime: Annotated[float, Quantity("year", strict=True, usual=LIFETIME)] | None = None
    term: Annotated[float, Quantity("year", strict=True, usual=TERM)] | None = None
    max: (
        Annotated[
            float,
            Quantity("gpu", example="16000 gpu", usual=OFFER_MAX),
        ]
        | None
    ) = None

    @model_validator(mode="after")
    def _consistent(self) -> Offer:
        ordered(self.from_, self.to, "from and to")
        if self.term is not None and round(self.term * DAYS_PER_YEAR) < 1:
            raise fault("a term of less than a day leases nothing", "give a day or more, e.g. 3 year", ("term",))
        if self.billing == "on_demand" and (self.term or self.capex):
            raise fault("an on-demand offer has neither term nor capex", 'leave them out, or write billing = "reserved"')
        return self

    @property
    def monthly(self) -> float | None:
        """USD per gpu and calendar month, of a price that bills those; None where it bills hours."""
        return self.price.monthly if isinstance(self.price, Rent) else None


class Contract(Record):
    """A commitment to a provider over a period; `sites` and `accelerators` narrow its scope."""

    id: Id
    provider: Id
    sites: Names = ()
    accelerators: Names = ()
    start: Day
    end: Day | None = None
    overlaps: Text = ""
    value: (
        Annotated[
            float,
            Quantity(
                "USD",
                example="38 billion USD",
                usual=CONTRACT_VALUE,
            ),
        ]
        | None
    ) = None
    take_or_pay: Share = 0.0
    settle: Literal["year", "term"] = "year"
    max_power: Annotated[float, Quantity("MW", basis="facility", example="4.5 GW", usual=POWER)] | None = None
    min_power: Annotated[float, Quantity("MW", basis="facility", example="1 GW", usual=POWER)] | None = None
    renew: bool = Field(False, description="the right to max_power goes on after the end; money does not")

    @model_validator(mode="after")
    def _consistent(self) -> Contract:
        ordered(self.start, self.end, "start and end")
        if self.take_or_pay and self.value is None:
            raise fault("take_or_pay is a share of a value that is missing", 'add value = "… USD"')
        return self


class Fleet(Record):
    """Racks of an offer that already run at a site."""

    site: Id
    offer: Id
    racks: Annotated[
        float,
        Quantity("rack", example="1400 rack", usual=FLEET_RACKS),
    ]
    from_: Day | None = Field(None, alias="from")
    to: Day | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Fleet:
        ordered(self.from_, self.to, "from and to")
        return self


class Supply(Record):
    """Deliveries of an accelerator, or of all accelerators of a vendor, over all providers."""

    accelerator: Id | None = None
    vendor: Text | None = None
    from_: Day = Field(alias="from")
    rate: (
        Annotated[
            float,
            Quantity(
                "rack/hour",
                example="12000 rack/quarter",
                usual=SUPPLY_RATE,
            ),
        ]
        | None
    ) = None
    total: (
        Annotated[
            float,
            Quantity("MW", basis="IT", example="6 GW", usual=SUPPLY_TOTAL),
        ]
        | None
    ) = None
    overlaps: Text = ""

    @model_validator(mode="after")
    def _consistent(self) -> Supply:
        if (self.accelerator is None) == (self.vendor is None):
            raise fault("a supply row is of one accelerator or of one vendor", "fill exactly one of the two columns")
        if self.rate is None and self.total is None:
            raise fault("a supply row limits nothing", "give rate, total or both")
        return self


class ExportClass(Record):
    """One alternative of a class of chips: all of its conditions hold (min inclusive, max exclusive)."""

    id: Id
    min_tpp: Annotated[float, Quantity("TPP", usual=PERFORMANCE)] | None = None
    max_tpp: Annotated[float, Quantity("TPP", usual=PERFORMANCE)] | None = None
    min_performance_density: Ratio | None = None
    max_performance_density: Ratio | None = None
    min_memory_bandwidth: Annotated[float, Quantity("TB/s/gpu", usual=BANDWIDTH)] | None = None
    max_memory_bandwidth: Annotated[float, Quantity("TB/s/gpu", usual=BANDWIDTH)] | None = None
    chips: Names = ()


@dataclass(frozen=True)
class Amount:
    """What a cap or share allows: `value` in TPP, gpu, or as a share."""

    value: float
    of: str  # tpp | gpu | share


class AmountField(Plain):
    """`790 million TPP`, `35000 gpu` or `7 %`."""

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "examples": ["790 million TPP", "35000 gpu", "7 %"]}

    def read(self, value: object, currencies: Currencies) -> Amount:
        for unit, of in (("TPP", "tpp"), ("gpu", "gpu")):
            try:
                return Amount(Quantity(unit).read(value, currencies), of)
            except ValueError:
                continue
        try:
            return Amount(Number(0, 1).read(value, currencies), "share")
        except ValueError:
            raise fault(f"`{value}` is not an amount", 'e.g. "790 million TPP", "35000 gpu" or "7 %"') from None


class ExportRule(Record):
    """Who may put which class of chip where; the lowest rank in force on a day wins."""

    id: Id
    status: Id
    rank: Annotated[float, Number(1, 5)]
    class_: Id = Field(alias="class")
    destination: Text
    party: Id | None = None
    effect: Literal["prohibit", "licence", "permit", "cap", "max_share", "min_share"]
    amount: Annotated[Amount, AmountField()] | None = None
    effective_from: Day | None = None
    effective_to: Day | None = None

    @model_validator(mode="after")
    def _consistent(self) -> ExportRule:
        ordered(self.effective_from, self.effective_to, "effective_from and effective_to")
        wanted = {"cap": ("tpp", "gpu"), "max_share": ("share",), "min_share": ("share",)}.get(self.effect)
        if wanted and (self.amount is None or self.amount.of not in wanted):
            example = {"cap": "790 million TPP", "max_share": "7 %", "min_share": "50 %"}[self.effect]
            raise fault(f"effect {self.effect} needs an amount", f'e.g. "{example}"')
        return self


class Licence(Record):
    """A quantity that may be shipped where a licence is needed."""

    id: Id
    destination: Text
    provider: Id | None = None
    quantity: Annotated[
        float,
        Quantity("gpu", example="35000 gpu", usual=LICENCE_QUANTITY),
    ]
    of: Id | None = None
    from_: Day | None = Field(None, alias="from")
    to: Day | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Licence:
        ordered(self.from_, self.to, "from and to")
        return self


class Slice(Record):
    """A part of the year: some months and some hours of the day. Every cell of 12 × 24 lies in exactly one slice of a set."""

    set_: Id = Field(alias="set")
    id: Id
    months: Annotated[frozenset[int], CellsField(1, 12)] = frozenset(range(1, 13))
    hours: Annotated[frozenset[int], CellsField(0, 23)] = frozenset(range(24))


class Shape(Record):
    """A value for some months and hours; rows of one id cover each cell of 12 × 24 once. A shape multiplies as it is."""

    id: Id
    months: Annotated[frozenset[int], CellsField(1, 12)] = frozenset(range(1, 13))
    hours: Annotated[frozenset[int], CellsField(0, 23)] = frozenset(range(24))
    value: Annotated[float, Number(None)]


FIRM = ("gas", "fuel_cell", "nuclear")


class PowerSource(Record):
    """Power beside the grid connection of a site, or bought over a grid: what is there, what can be built, what it costs."""

    id: Id
    kind: Literal["grid", "ppa", "solar", "wind", "gas", "fuel_cell", "nuclear", "battery"]
    site: Id | None = None
    grid: Id | None = None
    from_: Day | None = Field(None, alias="from")
    to: Day | None = None
    capacity: Power = 0.0
    max_build: Power = 0.0
    lead_time: Annotated[float, Quantity("year", example="1.5 year", usual=POWER_SOURCE_LEAD_TIME)] = 0.0
    capex: Annotated[
        float,
        Quantity("USD/MW", example="2400 USD/kW", usual=POWER_SOURCE_CAPEX),
    ] = 0.0
    lifetime: (
        Annotated[
            float,
            Quantity("year", strict=True, example="20 year", usual=POWER_SOURCE_LIFETIME),
        ]
        | None
    ) = None
    fixed_om: Annotated[YearlyCost, YearlyCostField(usual=POWER_SOURCE_FIXED_OM)] = Field(default_factory=YearlyCost)
    variable_cost: Annotated[
        float,
        Quantity("USD/MWh", example="35 USD/MWh", usual=POWER_SOURCE_VARIABLE_COST),
    ] = 0.0
    fuel_price: (
        Annotated[
            float,
            Quantity(
                "USD/MMBTU",
                example="3.5 USD/MMBTU",
                usual=POWER_SOURCE_FUEL_PRICE,
            ),
        ]
        | None
    ) = None
    heat_rate: (
        Annotated[
            float,
            Quantity(
                "MMBTU/MWh",
                strict=True,
                example="7500 Btu/kWh",
                usual=POWER_SOURCE_HEAT_RATE,
            ),
        ]
        | None
    ) = None
    carbon: Annotated[float, Quantity("t/MWh", example="490 g/kWh", usual=POWER_SOURCE_CARBON)] = 0.0
    water: Annotated[float, Quantity("L/kWh", example="0.8 L/kWh", usual=WATER)] = 0.0
    shape: Id | None = None
    min_take: Share = 0.0
    duration: (
        Annotated[
            float,
            Quantity("hour", strict=True, example="4 hour", usual=POWER_SOURCE_DURATION),
        ]
        | None
    ) = None
    efficiency: Annotated[float, Number(0, 1, strict=True)] | None = None
    firm: Share | None = None

    @model_validator(mode="after")
    def _consistent(self) -> PowerSource:
        ordered(self.from_, self.to, "from and to")
        if (self.site is None) == (self.grid is None):
            raise fault("a power source stands at a site or on a grid", "fill exactly one of the two columns")
        if self.kind == "battery" and (self.duration is None or self.efficiency is None or self.site is None):
            raise fault(
                "a battery needs duration and efficiency, and stands at a site", 'e.g. duration = "4 hour", efficiency = 0.86'
            )
        if self.kind != "battery" and (self.duration is not None or self.efficiency is not None):
            raise fault(f"duration and efficiency are of batteries, not of {self.kind}", "leave them out")
        if self.max_build and self.capex and self.lifetime is None:
            raise fault("capex is paid over a lifetime that is missing", 'add lifetime, e.g. "20 year"')
        if self.fixed_om.share and not self.capex:
            raise fault("fixed_om is a share of the capex, and there is none", 'add capex, e.g. "1000 USD/kW"', ("fixed_om",))
        if (self.fuel_price is None) != (self.heat_rate is None):
            raise fault("fuel costs its fuel_price times its heat_rate, and one of them is missing", "give both, or neither")
        if not self.capacity and not self.max_build:
            raise fault("has neither capacity nor max_build", "give one of them, or drop the row")
        return self

    @property
    def firmness(self) -> float:
        """The share of its capacity that counts at rated load."""
        return self.firm if self.firm is not None else float(self.kind in FIRM)


@dataclass(frozen=True)
class Table:
    """A profile table: its record, its name in a scenario (`[[site]]`), and the columns that make the key of a row."""

    name: str
    record: type[Record]
    singular: str
    key: tuple[str, ...]
    grouped: bool = False  # rows of one id are replaced together

    def columns(self) -> list[str]:
        names = [field.alias or name for name, field in self.record.model_fields.items()]
        return ["throughput_*" if name == "throughput" else name for name in names]


TABLES = {
    table.name: table
    for table in (
        Table("accelerators", Accelerator, "accelerator", ("id", "from")),
        Table("providers", Provider, "provider", ("id",)),
        Table("sites", Site, "site", ("id",)),
        Table("site_power", SitePower, "site_power", ("site", "from")),
        Table("grids", Grid, "grid", ("id", "from")),
        Table("countries", Country_, "country", ("iso2", "from")),
        Table("offers", Offer, "offer", ("id", "from")),
        Table("contracts", Contract, "contract", ("id",)),
        Table("fleet", Fleet, "fleet", ("site", "offer", "from")),
        Table("supply", Supply, "supply", ("accelerator", "vendor", "from")),
        Table("export_classes", ExportClass, "export_class", ("id",), grouped=True),
        Table("export_rules", ExportRule, "export_rule", ("id",)),
        Table("licences", Licence, "licence", ("id",)),
        Table("slices", Slice, "slice", ("set", "id")),
        Table("shapes", Shape, "shape", ("id",), grouped=True),
        Table("power_sources", PowerSource, "power_source", ("id",)),
        Table("ranges", Range, "range", ("table", "row", "column", "from")),
    )
}

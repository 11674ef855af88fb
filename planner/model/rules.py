"""What a rule is: one record for each, and every table, message and question about rows reads it there.

A row of the programme is keyed by its rule and the parts that the record names, so that nobody has to know which place holds the
site or the period. `Program.add` refuses a rule without a record and a key of another length. To add a rule: write its record
here and the function that states it in formulation.py (or energy.py, measures.py); what explains plans and conflicts follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Key = tuple[Any, ...]
Kind = Literal["need", "limit", "promise", "law", "structure"]
TIMES = ("period", "slice", "slot", "day", "year")  # parts of a key that say when; the others say what
MILLION = 1e6


@dataclass(frozen=True)
class Rule:
    """A rule of the formulation.

    kind: what somebody needs (demand), a limit that the user set, a promise that costs money where it is not kept, law, which a
    planner cannot move, or structure: what holds the programme together, and is no number of anybody's.
    """

    name: str
    numbers: tuple[str, ...]  # in docs/formulation.md
    key: tuple[str, ...]  # names of the parts of its key, see `rows`
    kind: Kind
    unit: str  # of the tables
    label: str  # in words, {} for its subject
    scale: float = 1.0  # how many of the unit one unit of the row is
    floor: bool = False  # room is below the bound, not above it
    share: bool = False  # the bound is a coefficient of the row, not its right side
    tabled: bool = True  # a row of constraints.csv
    moves: bool = True  # `explain` may ask what more of it saves, and `solve` ranks it among what binds
    number_of: str = ""  # the rule whose number stands in its rows: what it rests on and how it is locked is told there
    by_slice: bool = False  # its bound differs from slice to slice and passes on what a capacity is worth: no price row by row
    rests: tuple[str, ...] = ()  # numbers behind the right side, as sources.csv names them; `*` is what may come between
    total: str = ""  # the number for the whole horizon, where that is another one
    locks: tuple[str, ...] = ()  # keys under which a user locks it, where these are not the first of `rests`
    terms: str = ""  # what coefficients of racks are made of: see sensitivity/behind.py
    counts_fleet: bool = False  # its terms are of racks held, so that those that already run stand on its right side
    there: bool = False  # of structure: the right side is what is there already (racks, sources) and nothing else

    @property
    def number(self) -> str:
        """The rule under which somebody set the bound: the power of a site stands in rows of several rules."""
        return self.number_of or self.name

    @property
    def shown(self) -> bool:
        """Whether its rows stand in constraints.csv."""
        return self.tabled and self.gives_way

    @property
    def gives_way(self) -> bool:
        """Whether its bound is somebody's number, which can be moved and locked where nothing fits."""
        return self.kind != "structure"

    @property
    def law(self) -> bool:
        return self.kind == "law"

    def parts(self, key: Key) -> dict[str, Any]:
        """The parts of the key of a row by name."""
        return dict(zip(self.key, key[1:], strict=True))

    def told(self, subject: str) -> str:
        """The rule of a subject in words: power of site abilene."""
        return self.label.format(subject).strip()


def _sliced(what: str) -> tuple[str, ...]:
    return (what, "period", "slice")


POWER_OF_SITE = ("site_power.{site}.*power", "site.{site}.available", "site.{site}.delay")
LOCK_SITE = ("site.{site}.power", "site_power.{site}.power")
CAPACITY = ("power_source.{power_source}.capacity",)
HARD_CEILINGS = (  # of (5), which a loss does not lift
    ("fleet_power", "fleet", "power of the whole fleet"),
    ("provider_power", "provider", "power cap of {}"),
    ("country_power", "country", "power cap of {}"),
    ("national_share", "country", "share of the capacity of {}"),
    ("grid_headroom", "grid", "headroom of grid {}"),
    ("contract_max_power", "contracts", "power ceiling of {}"),
)
RECORDS = (
    # 1 stock and shipments
    Rule("stock", ("1a", "1b"), ("position", "period"), "structure", "rack", "racks of {} that stay to the end of their term"),
    Rule("shipment", ("1c",), ("group", "period"), "structure", "rack", "racks of {} shipped in", there=True),
    Rule("shipment_stays", ("1d",), ("group", "period"), "structure", "rack", "racks of {} shipped in so far"),
    # 2 capacity
    Rule("online", ("2a",), ("position", "period"), "structure", "rack", "racks of {} that are held", counts_fleet=True,
         there=True),
    Rule("use", ("2b",), _sliced("class"), "structure", "rack", "racks of {} that are online"),
    Rule("run", ("E1",), ("position", "period", "slice"), "structure", "rack", "racks of {} that are online"),
    # 3 demand
    Rule("demand", ("3",), ("workload", "period", "slot"), "need", "h100e", "demand of {}", moves=False,
         rests=("workload.{workload}.demand",), terms="compute"),
    # 4, 5 power
    Rule("site_power", ("4a",), ("site", "period"), "limit", "MW", "power of site {}", rests=POWER_OF_SITE, locks=LOCK_SITE,
         terms="facility power"),
    Rule("site_power_slice", ("E2",), _sliced("site"), "limit", "MW", "power of site {}", number_of="site_power",
         terms="facility power"),
    Rule("build_rate", ("4b",), ("site", "period"), "limit", "MW", "build rate of site {}", rests=("site.{site}.build_rate",),
         terms="facility power"),
    Rule("fleet_power", ("5",), _sliced("fleet"), "limit", "MW", "power of the whole fleet", rests=("limits.fleet_power",),
         terms="facility power"),
    Rule("provider_power", ("5",), _sliced("provider"), "limit", "MW", "power cap of {}",
         rests=("limits.provider_power.{provider}",), terms="facility power"),
    Rule("country_power", ("5",), _sliced("country"), "limit", "MW", "power cap of {}",
         rests=("limits.country_power.{country}",), terms="facility power"),
    Rule("national_share", ("5",), _sliced("country"), "limit", "MW", "share of the capacity of {}",
         rests=("limits.national_share.{country}", "country.{country}.*capacity"), terms="facility power"),
    Rule("grid_headroom", ("5",), _sliced("grid"), "limit", "MW", "headroom of grid {}", rests=("grid.{grid}.*headroom",),
         terms="facility power"),
    Rule("contract_max_power", ("5",), _sliced("contracts"), "limit", "MW", "power ceiling of {}",
         rests=("contract.{contract}.max_power",), terms="facility power"),
    Rule("contract_min_power", ("5",), _sliced("contracts"), "limit", "MW", "power floor of {}", floor=True,
         rests=("contract.{contract}.min_power",), terms="facility power"),
    # 6 supply
    Rule("supply", ("6a",), ("supply", "period"), "limit", "rack", "delivery rate of {}", rests=("supply.{supply}.*rate",)),
    Rule("supply_total", ("6b",), ("supply", "period"), "limit", "MW", "total supply of {}", rests=("supply.{supply}.*total",),
         terms="rack power"),
    Rule("offer_max", ("6c",), ("offer", "period"), "limit", "gpu", "maximum of offer {}", rests=("offer.{offer}.*max",),
         terms="gpus", counts_fleet=True),
    # 7 export control
    Rule("export_blocked", ("7a",), ("site", "accelerator", "period"), "law", "rack", "export ban: {}", moves=False),
    Rule("export_cap", ("7b",), ("export_rule", "period"), "law", "million TPP", "export cap {}",
         rests=("export_rule.{export_rule}.amount",)),
    Rule("export_max_share", ("7c",), ("export_rule", "period"), "law", "million TPP", "export share {}",
         rests=("export_rule.{export_rule}.amount",)),
    Rule("export_min_share", ("7d",), ("export_rule", "period"), "law", "million TPP", "export share {}", floor=True,
         rests=("export_rule.{export_rule}.amount",)),
    Rule("licence", ("7e",), ("licence",), "law", "gpu", "export licence {}", rests=("licence.{licence}.quantity",)),
    Rule("licence_need", ("7f",), ("site", "accelerator", "period"), "law", "gpu", "export licence need of {}", moves=False),
    # 8, 9 money
    Rule("budget", ("8a",), ("year",), "limit", "USD", "budget", MILLION, rests=("limits.budget.{year}",),
         total="limits.budget_total", terms="spend", counts_fleet=True),
    Rule("first_paid", ("8b",), ("position", "period"), "structure", "rack", "racks of {} paid for in cash", there=True),
    Rule("take_or_pay", ("9a",), ("contract", "year"), "promise", "USD", "take-or-pay of {}", MILLION, floor=True, moves=False,
         rests=("contract.{contract}.take_or_pay", "contract.{contract}.value")),
    Rule("allotment", ("9b",), ("pool",), "structure", "USD", "spend that counts for contracts ({})", MILLION, terms="rent",
         counts_fleet=True, there=True),
    Rule("allotment_share", ("9c",), ("pool", "commitment"), "structure", "USD", "spend that counts for contracts ({})", MILLION,
         terms="rent", counts_fleet=True, there=True),
    # 10 concentration
    Rule("provider_share_max", ("10",), ("provider", "of", "period"), "limit", "share", "largest share of {}", share=True,
         counts_fleet=True, rests=("limits.provider_share",)),
    Rule("provider_share_min", ("10'",), ("provider", "of", "period"), "limit", "share", "least share of {}", floor=True,
         share=True, counts_fleet=True, rests=("limits.provider_share",)),
    # 11 resilience
    Rule("standby", ("11a",), ("lost", "position", "period"), "structure", "rack", "racks left by the loss of {}",
         counts_fleet=True, there=True),
    Rule("standby_power", ("11b",), ("loss", "site", "period"), "limit", "MW", "power of site {} after a loss", tabled=False,
         moves=False, number_of="site_power", terms="facility power"),
    *(
        Rule(f"standby_{name}", ("11e",), ("loss", *_sliced(what)), "limit", "MW", f"{label} after a loss", tabled=False,
             moves=False, number_of=name, terms="facility power")
        for name, what, label in HARD_CEILINGS
    ),
    Rule("standby_import", ("11f",), ("loss", "site", "period"), "structure", "MW", "what its grid brings to {} after a loss",
         terms="facility power", rests=CAPACITY, there=True),
    Rule("rescue", ("11c",), ("lost", "class", "period", "slice"), "structure", "rack", "racks at work after the loss of {}"),
    Rule("resilience", ("11d",), ("loss", "workload", "period", "slot"), "need", "h100e", "what must survive the loss of {}",
         floor=True, moves=False, rests=("workload.{workload}.critical", "workload.{workload}.demand"), terms="compute"),
    # 12 carbon
    Rule("carbon", ("12",), ("year",), "limit", "t", "carbon cap", rests=("limits.carbon.{year}",), terms="carbon"),
    # 0 what is measured
    Rule("peak", ("0b",), ("period", "slice"), "structure", "MW", "the peak of power", terms="facility power"),
    Rule("shortage", ("0d",), ("workload", "period"), "structure", "h100e", "shortage of {} as that of its like"),
    Rule("largest", ("0c",), ("provider",), "structure", "million h100e·h", "the largest share, if that of {}"),
    # energy
    Rule("energy_balance", ("E3",), _sliced("site"), "structure", "MW", "energy balance of site {}", terms="load"),
    Rule("grid_connection", ("E4",), _sliced("site"), "limit", "MW", "grid connection of site {}", number_of="site_power"),
    Rule("generation", ("E5",), _sliced("power_source"), "limit", "MW", "power of source {}", moves=False, by_slice=True,
         rests=CAPACITY),
    Rule("purchase", ("E6",), _sliced("power_source"), "limit", "MW", "power to be bought from {}", moves=False, by_slice=True,
         rests=CAPACITY),
    Rule("charge", ("E7a",), _sliced("power_source"), "structure", "MW", "charging of {}", rests=CAPACITY, there=True),
    Rule("battery_day", ("E7b",), ("power_source", "period", "day"), "structure", "MWh", "what {} gives back of a day"),
    Rule("battery_duration", ("E7c",), ("power_source", "period", "day"), "structure", "MWh", "what {} holds of a day",
         rests=CAPACITY, there=True),
    Rule("max_build", ("E8",), ("power_source",), "limit", "MW", "what may be built of {}",
         rests=("power_source.{power_source}.max_build",)),
    Rule("paid", ("E9a",), ("power_source", "period"), "structure", "GWh", "energy of {} that is paid for"),
    Rule("min_take", ("E9b",), ("power_source", "period"), "structure", "GWh", "energy of {} that is paid for anyway",
         rests=CAPACITY, there=True),
)  # fmt: skip
RULES: Mapping[str, Rule] = {rule.name: rule for rule in RECORDS}


@dataclass(frozen=True)
class Row:
    """A row of the programme, decoded: its rule and the parts of its key by name."""

    rule: Rule
    parts: Mapping[str, Any]

    def __getitem__(self, part: str) -> Any:
        return self.parts[part]

    @property
    def number(self) -> Row:
        """The row that the number was set for: the power of a site in a period, whichever rule it stands in."""
        rule = RULES[self.rule.number] if self.rule.number_of else self.rule
        return self if rule is self.rule else Row(rule, {part: self.parts[part] for part in rule.key})

    @property
    def bound(self) -> Key:
        """The key of its number: one for all slices of a period, where it does not differ between them."""
        row = self.number
        return row.rule.name, *(row[part] for part in row.rule.key if part != "slice" or row.rule.by_slice)


def decode(key: Key, rules: Mapping[str, Rule] = RULES) -> Row:
    """The row of a key. ValueError for a rule that has no record, and for a key that is not as long as its record says."""
    name, *rest = key
    rule = rules.get(name)
    if rule is None:
        raise ValueError(f"no rule `{name}`: write its record in planner/model/rules.py")
    if len(rest) != len(rule.key):
        raise ValueError(f"a row of {name} is keyed by {', '.join(rule.key)}, not by {rest}")
    return Row(rule, rule.parts(key))


def rule_name(rule: str, subject: str) -> str:
    """A rule and its subject in words: power of site abilene."""
    return RULES[rule].told(subject) if rule in RULES else f"{rule} {subject}".strip()

"""Random small worlds as scenario text, for tests that hold two formulations against each other.

`world(seed)` is the whole scenario: no profiles, every row inline, a few sites, offers and periods, and each rule of the model
with some probability. Numbers have few digits so that a failure can be read. Most worlds have a plan, some have none.
`energy_world(seed)` is a smaller one with slices, shapes and power sources. `python -m tests.worlds 17` prints a world,
`python -m tests.worlds energy 17` one with energy.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from planner.core.calendar import MONTHS, add_months
from planner.inputs.assembly import Inputs, assemble
from planner.inputs.load import read

ONE_DAY = timedelta(days=1)
KINDS = ("training", "inference")
COUNTRIES = ("US", "DE", "AE", "JP")
GROUPS = {"US": ["A:1", "tier1"], "DE": ["A:1", "tier1", "GDPR"], "AE": ["D:4", "tier2"], "JP": ["A:5", "tier1"]}


@dataclass(frozen=True)
class Raw:
    """TOML as it stands."""

    text: str


Value = str | int | float | date | Sequence[str] | Raw
Row = dict[str, Value]


@dataclass
class World:
    """A world that is being made: its dice, its rows by table, its sections."""

    rng: Random
    rows: dict[str, list[Row]] = field(default_factory=dict)
    limits: Row = field(default_factory=dict)
    objective: str = "cost"
    start: date = date.min
    end: date = date.min
    step: str = "quarter"
    powered: set[str] = field(default_factory=set)
    tiny: bool = False

    def most(self, count: int, tiny: int) -> int:
        """How many there may be."""
        return min(count, tiny) if self.tiny else count

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def add(self, table: str, **cells: Value | None) -> Row:
        row: Row = {name.rstrip("_"): value for name, value in cells.items() if value is not None}
        self.rows.setdefault(table, []).append(row)
        return row

    def all(self, table: str) -> list[Row]:
        return self.rows.get(table, [])

    def ids(self, table: str) -> list[str]:
        return list(dict.fromkeys(str(row["id"]) for row in self.all(table)))

    def day(self, early: float = 0.0, late: float = 1.0) -> date:
        """A day between two shares of the horizon; often the first of a month."""
        length = (self.end - self.start).days
        found = self.start + timedelta(days=self.rng.randint(round(early * length), round(late * length)))
        return found.replace(day=1) if self.chance(0.4) else found

    def number(self, low: float, high: float, digits: int = 1) -> str:
        return f"{round(self.rng.uniform(low, high), digits):g}"

    def some(self, names: Iterable[str], keep: str | None = None) -> list[str]:
        """A part of the names that is not empty and holds `keep`."""
        found = [name for name in names if name == keep or self.chance(0.5)]
        return found or [self.rng.choice(list(names))]

    def steps(self, low: float, high: float, unit: str, digits: int = 1) -> Raw:
        """One value, steps or a line, as TOML."""
        values = [f'"{self.number(low, high, digits)} {unit}"' for _ in range(3)]
        form = self.rng.random()
        first, later = self.day(-0.1, 0.2), self.day(0.4, 0.9)
        if form < 0.6 or later <= first:
            return Raw(values[0])
        if form < 0.8:
            return Raw(f"[ {{ from = {first}, value = {values[0]} }}, {{ from = {later}, value = {values[1]} }} ]")
        points = f"{{ at = {first}, value = {values[0]} }}, {{ at = {later}, value = {values[1]} }}"
        return Raw(f'{{ interpolate = "linear", points = [ {points} ] }}')

    def limit(self, low: float, high: float, unit: str, price: str) -> Raw:
        """A limit over time, soft four times in ten."""
        text = self.steps(low, high, unit).text
        return Raw(f'{{ max = {text}, at = "{price}" }}' if self.chance(0.4) else text)


def world(seed: int) -> str:
    """The scenario of a seed as TOML text."""
    w = World(Random(seed))
    horizon(w)
    w.objective = w.rng.choice(("peak_power", "energy", "carbon", "unserved", "demand_scale")) if w.chance(0.4) else "cost"
    places(w)
    accelerators(w)
    contracts(w)
    offers(w)
    fleet(w)
    supply(w)
    workloads(w)
    routes(w)
    power_limits(w)
    money_limits(w)
    provider_shares(w)
    export = export_control(w)
    return "\n".join([*head(w, seed), *export, *tail(w)]) + "\n"


def energy_world(seed: int) -> str:
    """The scenario of a seed with an [energy] section, as TOML text: slices, shapes, flexible workloads, power sources."""
    w = World(Random(f"energy {seed}"), tiny=True)
    horizon(w)
    w.objective = w.rng.choice(("peak_power", "energy", "carbon", "unserved", "demand_scale")) if w.chance(0.3) else "cost"
    places(w)
    accelerators(w)
    contracts(w)
    offers(w)
    energy = slices(w)
    shapes(w)
    power_sources(w)
    fleet(w)
    if w.chance(0.5):
        supply(w)
    workloads(w)
    flexibility(w)
    routes(w)
    power_limits(w)
    money_limits(w)
    provider_shares(w)
    export = export_control(w) if w.chance(0.3) else []
    return "\n".join([*head(w, seed), *energy, *export, *tail(w)]) + "\n"


def horizon(w: World) -> None:
    """2 to 6 periods, cut at odd days half of the time; at most three years."""
    w.step = w.rng.choice(("month", "quarter", "quarter", "half", "year"))
    months = MONTHS[w.step]
    count = w.rng.randint(2, w.most({"month": 6, "quarter": 6, "half": 5, "year": 3}[w.step], 3))
    begin = date(w.rng.choice((2026, 2027)), 1 + months * w.rng.randrange(12 // months), 1)
    w.start = begin + timedelta(days=w.rng.randint(1, 27)) if w.chance(0.5) else begin
    w.end = add_months(begin, months * count) - ONE_DAY
    if w.chance(0.5):
        w.end -= timedelta(days=w.rng.randint(1, 27))


def places(w: World) -> None:
    """Providers, countries, grids, sites and their power; a site without power is a cloud region."""
    for i in range(w.rng.randint(1, w.most(3, 2))):
        w.add("provider", id=f"p{i}")
    countries = w.rng.sample(COUNTRIES, w.rng.randint(1, w.most(3, 2)))
    for c in countries:
        w.add("country", iso2=c, groups=GROUPS[c], capacity=f"{w.number(0.2, 1)} GW")
        if w.chance(0.2):
            w.add("country", iso2=c, from_=w.day(0.2), groups=["A:1", "tier2"], capacity=f"{w.number(0.3, 1)} GW")
    free = w.chance(0.05)  # power that is given away at times
    for c in countries:
        headroom = f"{w.number(0.3, 3)} MW" if w.chance(0.2) else None
        w.add(
            "grid",
            id=f"g{c}",
            country=c,
            price=f"{w.number(20, 120, 0)} USD/MWh",
            carbon=f"{w.number(50, 700, 0)} g/kWh",
            headroom=headroom,
        )
        if w.chance(0.3):
            low = -10 if free else 20
            w.add(
                "grid",
                id=f"g{c}",
                country=c,
                from_=w.day(),
                price=f"{w.number(low, 150, 0)} USD/MWh",
                carbon=f"{w.number(0, 500, 0)} g/kWh",
            )
    for i in range(w.rng.randint(1, w.most(4, 3))):
        provider, country = w.rng.choice(w.ids("provider")), w.rng.choice(countries)
        row = w.add(
            "site", id=f"s{i}", provider=provider, country=country, grid=f"g{country}", pue=round(w.rng.uniform(1, 1.5), 2)
        )
        if w.chance(0.3):
            row["pue_energy"] = 1.1
        if w.chance(0.2):
            row["operator"] = w.rng.choice(["op", *w.ids("provider")])
        if w.chance(0.25):
            row["available"] = w.rng.choice((0.5, 0.8, "75 %", 0) if i else (0.5, 0.8))
        if w.chance(0.2):
            row["delay"] = f"{w.rng.choice((1, 2.5, 4))} month"
        if w.chance(0.2):
            row["build_rate"] = f"{w.number(0.1, 1)} MW/quarter"
        if i == 0 or w.chance(0.8):
            site_power(w, f"s{i}")


def site_power(w: World, site: str) -> None:
    w.powered.add(site)
    first = w.start - timedelta(days=w.rng.randint(0, 200)) if w.chance(0.8) else w.day(0, 0.4)
    w.add("site_power", site=site, from_=first, power=f"{w.number(0.3, 3)} MW")
    if w.chance(0.4) and (later := w.day(0.3)) > first:
        w.add("site_power", site=site, from_=later, power=f"{w.number(0.5, 5)} MW")


def accelerators(w: World) -> None:
    """Machines; the first serves every kind of workload, so that nothing is asked of nobody."""
    for i in range(w.rng.randint(1, w.most(3, 2))):
        chips = w.rng.choice((4, 8, 16, 72))
        cells: Row = {
            "id": f"a{i}",
            "vendor": w.rng.choice(("red", "blue")),
            "chip": f"c{i}",
            "chips_per_rack": f"{chips} gpu/rack",
            "rack_power": f"{round(chips * w.rng.uniform(0.8, 1.9))} kW/rack",
            "memory": f"{w.rng.choice((80, 192, 288))} GB/gpu",
            "memory_bandwidth": f"{w.rng.choice((2, 4, 8))} TB/s/gpu",
            "scale_up_domain": f"{chips} gpu",
            "tpp": f"{w.rng.choice((5000, 16000, 36000, 60000))} TPP",
            "performance_density": w.rng.choice((6, 20, 40)),
            "lifetime": f"{w.rng.choice((3, 5, 6))} year",
        }
        if w.chance(0.5):
            cells["average_load"] = w.rng.choice((0.7, 0.8))
        if w.chance(0.15) and i:
            cells["available_from"] = w.day(0.1, 0.6)
        speeds = {kind: round(w.rng.uniform(0.4, 3), 1) for kind in KINDS if i == 0 or w.chance(0.8)}
        w.rows.setdefault("accelerator", []).append(
            cells | {f"throughput_{kind}": f"{v} h100e/gpu" for kind, v in speeds.items()}
        )
        if w.chance(0.2) and speeds:
            faster = {f"throughput_{kind}": f"{round(v * 1.5, 2)} h100e/gpu" for kind, v in speeds.items()}
            w.rows["accelerator"].append({**cells, "from": w.day(0.1), **faster})


def contracts(w: World) -> None:
    """Commitments: take-or-pay by year or term, ceilings and floors of power, over all or part of a provider."""
    if not w.chance(0.5):
        return
    for i in range(w.rng.randint(1, 3)):
        provider = w.rng.choice([str(site["provider"]) for site in w.all("site")])
        start = w.day(-0.3, 0.6)
        end = w.day(0.4, 1.5) if w.chance(0.7) else None
        row = w.add("contract", id=f"k{i}", provider=provider, start=start)
        if end and end > start:
            row["end"] = end
        if w.chance(0.3):
            row["sites"] = w.some([str(site["id"]) for site in w.all("site") if site["provider"] == provider])
        if w.chance(0.3):
            row["accelerators"] = w.some(w.ids("accelerator"))
        if w.chance(0.8):
            row["value"] = f"{w.number(1, 40)} million USD"
            row["take_or_pay"] = w.rng.choice((0.3, 0.6, "80 %", 1))
            row["settle"] = w.rng.choice(("year", "year", "term"))
        if w.chance(0.4):
            row["max_power"] = f"{w.number(0.2, 2)} MW"
        elif w.chance(0.15):
            row["min_power"] = f"{w.number(0.02, 0.15, 2)} MW"


def offers(w: World) -> None:
    """Reserved offers at powered sites, on-demand offers anywhere; some of them in two tranches."""
    for i in range(w.rng.randint(1, w.most(4, 3))):
        site = w.all("site")[0] if i == 0 else w.rng.choice(w.all("site"))
        reserved = site["id"] in w.powered and (i == 0 or w.chance(0.8))
        cells: Row = {
            "id": f"o{i}",
            "provider": site["provider"],
            "accelerator": "a0" if i == 0 else w.rng.choice(w.ids("accelerator")),
            "price": f"{w.number(0.5, 4)} USD/gpu/hour",
        }
        if not reserved or w.chance(0.3):
            cells["site"] = site["id"]
        elif w.chance(0.3):
            cells["country"] = site["country"]
        if w.chance(0.4):
            cells["energy"] = "metered"
        if w.chance(0.25):
            named = [str(k["id"]) for k in w.all("contract") if k["provider"] == site["provider"]]
            cells |= {"contract": w.rng.choice(named)} if named else {}
        if reserved:
            if w.chance(0.5):
                cells["term"] = f"{w.rng.choice((0.25, 0.5, 1, 1.3))} year"
            if w.chance(0.35):
                cells["capex"] = f"{w.number(0.05, 2, 2)} million USD/rack"
                if w.chance(0.5):
                    cells["lifetime"] = "4 year"
            if w.chance(0.2):
                cells["max"] = f"{w.rng.choice((200, 500, 1000))} gpu"
        else:
            cells |= {"billing": "on_demand", "max": f"{w.rng.choice((100, 300, 800))} gpu"}
        if w.chance(0.15):
            cells["to"] = w.day(0.5, 1.2)
        w.rows.setdefault("offer", []).append(cells)
        if w.chance(0.2):
            later = {**cells, "from": min(w.day(0.2, 0.4), w.end), "price": f"{w.number(0.5, 4)} USD/gpu/hour"}
            if "to" in later and str(later["to"]) < str(later["from"]):
                del later["to"]
            w.rows["offer"].append(later)


def stands(w: World, offer: Row, site: Row) -> bool:
    fits = all(name not in offer or offer[name] == site[name if name != "site" else "id"] for name in ("site", "country"))
    return (
        fits
        and offer["provider"] == site["provider"]
        and (site["id"] in w.powered or "billing" in offer)
        and site.get("available") != 0
    )


def fleet(w: World) -> None:
    """Racks that run at the start, until some day, and rarely racks that come later."""
    done = set()
    for site in w.all("site"):
        for offer in w.all("offer"):
            name = (site["id"], offer["id"])
            if "billing" in offer or name in done or not stands(w, offer, site) or not w.chance(0.25):
                continue
            done.add(name)
            chips = next(
                int(str(a["chips_per_rack"]).split()[0]) for a in w.all("accelerator") if a["id"] == offer["accelerator"]
            )
            racks = max(1, round(w.rng.randint(20, 150) / chips))
            last = w.day(0.3) if w.chance(0.5) else None
            w.add("fleet", site=site["id"], offer=offer["id"], racks=f"{racks} rack", to=last)
            if last and w.chance(0.3):
                w.add("fleet", site=site["id"], offer=offer["id"], racks=f"{max(1, racks // 2)} rack", from_=last + ONE_DAY)


def supply(w: World) -> None:
    """Deliveries of an accelerator, a vendor or both."""
    if not w.chance(0.4):
        return
    keys = [("accelerator", a) for a in w.ids("accelerator")] + [("vendor", str(a["vendor"])) for a in w.all("accelerator")]
    for key, name in dict.fromkeys(w.rng.sample(keys, min(len(keys), w.rng.randint(1, 2)))):
        first = w.start - timedelta(days=w.rng.randint(0, 100)) if w.chance(0.7) else w.day(0, 0.3)
        form = w.rng.choice(("rate", "rate", "total", "both"))
        total = f"{w.number(0.2, 2)} MW" if form != "rate" else None
        rate = f"{w.rng.choice((5, 20, 60))} rack/quarter" if form != "total" else None
        w.add("supply", **{key: name}, from_=first, rate=rate, total=total)
        if w.chance(0.4) and (later := w.day(0.4)) > first:
            more = f"{w.rng.choice((0, 10, 80))} rack/quarter" if w.chance(0.8) or not total else None
            w.add("supply", **{key: name}, from_=later, rate=more, total=f"{w.number(1, 4)} MW" if total else None)


def workloads(w: World) -> None:
    """Demands that some offer could serve; seldom without a price of the unserved where cost is the objective."""
    size = 1.0 if w.objective in ("cost", "unserved", "demand_scale") else 0.3
    for i in range(w.rng.randint(1, w.most(3, 2))):
        kind = w.rng.choice(KINDS)
        pairs = [(o, s) for o in w.all("offer") for s in w.all("site") if stands(w, o, s)]
        serving = {a["id"] for a in w.all("accelerator") if f"throughput_{kind}" in a}
        offer, site = w.rng.choice([(o, s) for o, s in pairs if o["accelerator"] in serving])
        machine = next(a for a in w.all("accelerator") if a["id"] == offer["accelerator"])
        row = w.add("workload", id=f"w{i}", kind=kind, demand=w.steps(50 * size, 1500 * size, "h100e", 0))
        if w.chance((0.82 if w.tiny else 0.92) if w.objective != "unserved" else 1):
            row["unserved"] = f"{w.number(1, 15)} USD/h100e/hour"
        if w.chance(0.2):
            row["countries"] = w.some([str(c) for c in dict.fromkeys(c["iso2"] for c in w.all("country"))], str(site["country"]))
        if w.chance(0.15):
            row["providers"] = w.some(w.ids("provider"), str(site["provider"]))
        if w.chance(0.1):
            row["sites"] = w.some(w.ids("site"), str(site["id"]))
        if w.chance(0.1):
            row["accelerators"] = w.some(w.ids("accelerator"), str(offer["accelerator"]))
        if w.chance(0.1):
            row["min_scale_up_domain"] = machine["scale_up_domain"]
        if w.chance(0.1):
            row["min_memory"] = machine["memory"]
        if w.chance(0.7 if w.tiny else 0.4):
            row["critical"] = w.rng.choice((0.05, 0.1, "20 %"))


def routes(w: World) -> None:
    """Routes that cost more (seldom less), or are closed at one site."""
    names = {"site": w.ids("site"), "provider": w.ids("provider"), "country": [str(c["iso2"]) for c in w.all("country")]}
    for row in w.all("workload"):
        for column in ("site", "provider", "country"):
            if not w.chance(0.15):
                continue
            place = {column: w.rng.choice(names[column])}
            if column == "site" and w.chance(0.3) and len(w.all("site")) > 1:
                w.add("route", workload=row["id"], **place, allowed=Raw("false"))
            else:
                w.add("route", workload=row["id"], **place, cost=f"{w.number(-0.1, 0.5, 2)} USD/h100e/hour")


def power_limits(w: World) -> None:
    price = f"{w.number(0.5, 5)} million USD/MW/year"
    if w.chance(0.25):
        w.limits["fleet_power"] = w.limit(0.5, 4, "MW", price)
    for key, table, unit, low, high in (
        ("country_power", "country", "MW", 0.2, 3.0),
        ("provider_power", "provider", "MW", 0.2, 3.0),
        ("national_share", "country", "%", 0.1, 0.5),
    ):
        names = list(dict.fromkeys(str(row.get("iso2") or row["id"]) for row in w.all(table)))
        chosen = [name for name in names if w.chance(0.5)] if w.chance(0.2) else []
        if chosen:
            w.limits[key] = Raw("{ " + ", ".join(f"{name} = {w.limit(low, high, unit, price).text}" for name in chosen) + " }")


def soft(w: World, value: str, price: str, share: float = 0.5) -> str:
    return f'{{ max = "{value}", at = "{price}" }}' if w.chance(share) else f'"{value}"'


def money_limits(w: World) -> None:
    """Budgets by year and in all, on either basis, and carbon caps."""
    years = [str(year) for year in range(w.start.year, w.end.year + 1)]
    if w.chance(0.2):
        budget = [f"{year} = {soft(w, w.number(2, 30, 0) + ' million USD', '1.5 USD/USD')}" for year in w.some(years)]
        w.limits["budget"] = Raw("{ " + ", ".join(budget) + " }")
    if w.chance(0.15):
        w.limits["budget_total"] = Raw(soft(w, w.number(5, 60, 0) + " million USD", "0.8 USD/USD"))
    if w.chance(0.5) and ("budget" in w.limits or "budget_total" in w.limits):
        w.limits["budget_basis"] = "cash"
    if w.chance(0.2):
        carbon = [f"{year} = {soft(w, w.number(0.1, 2) + ' kt', w.number(20, 300, 0) + ' USD/t')}" for year in w.some(years)]
        w.limits["carbon"] = Raw("{ " + ", ".join(carbon) + " }")


def provider_shares(w: World) -> None:
    able = list(dict.fromkeys(str(offer["provider"]) for offer in w.all("offer")))
    if not w.chance(0.4) or len(able) < 2:
        return
    shares = []
    for provider in w.some(able):
        parts = [f'provider = "{provider}"', f'of = "{w.rng.choice(("compute", "power", "spend"))}"']
        parts.append(w.rng.choice(('max = "60 %"', "max = 0.8", "min = 0.1", 'min = 0.05, max = "90 %"')))
        if w.chance(0.3):
            parts.append(f"from = {w.day(0.2, 0.6)}")
        shares.append("{ " + ", ".join(parts) + " }")
    w.limits["provider_share"] = Raw("[ " + ", ".join(shares) + " ]")


def export_control(w: World) -> list[str]:
    """Classes, rules of every effect, licences; the lines of [export_control]."""
    if not w.chance(0.5):
        return []
    w.add("export_class", id="strong", min_tpp="16000 TPP")
    w.add("export_class", id="strong", min_tpp="4000 TPP", min_performance_density=10)
    w.add("export_class", id="any")
    w.add("export_class", id="middle", min_tpp="5000 TPP", max_tpp="36000 TPP", max_memory_bandwidth="8 TB/s/gpu")
    w.add("export_class", id="named", chips=w.some(["c0", *w.ids("accelerator")]))
    countries = list(dict.fromkeys(str(row["iso2"]) for row in w.all("country")))
    destinations = ["tier2", "tier1-US", "A:1+D:4", "D:4", *countries, *countries, "tier1+tier2-" + countries[0]]
    effects = ("prohibit", "licence", "licence", "permit", "cap", "cap", "max_share", "max_share", "min_share", "min_share")
    for i in range(w.rng.randint(1, 3)):
        effect = w.rng.choice(effects)
        amount: str | None = {"max_share": f"{w.rng.choice((10, 25, 50))} %", "min_share": f"{w.rng.choice((10, 25, 50))} %"}.get(
            effect
        )
        if effect == "cap":
            amount = w.rng.choice((f"{w.rng.choice((0.2, 1, 5))} million TPP", f"{w.rng.choice((10, 50, 200))} gpu"))
        first = w.day(-0.3, 0.7)
        last = w.day(0.5, 1.2) if w.chance(0.3) else None
        w.add(
            "export_rule",
            id=f"R{i}",
            status=w.rng.choice(("in_force", "in_force", "in_force", "proposed")),
            rank=w.rng.randint(1, 5),
            class_=w.rng.choice(("strong", "any", "middle", "named")),
            destination=w.rng.choice(destinations),
            party=w.rng.choice(["tenant", "op", *w.ids("provider")]) if w.chance(0.25) else None,
            effect=effect,
            amount=amount,
            effective_from=first,
            effective_to=last if last and last >= first else None,
        )
        if effect == "licence":
            for j in range(w.rng.randint(1, 2)):
                w.add(
                    "licence",
                    id=f"L{i}{j}",
                    destination=w.rng.choice((str(w.all("export_rule")[-1]["destination"]), w.rng.choice(countries))),
                    provider=w.rng.choice(w.ids("provider")) if w.chance(0.3) else None,
                    quantity=f"{w.rng.choice((50, 200, 800))} gpu",
                    of=w.rng.choice(w.ids("accelerator")) if w.chance(0.5) else None,
                    from_=w.day(-0.4, 0.2) if w.chance(0.3) else None,
                    to=w.day(0.8, 1.2) + timedelta(days=31) if w.chance(0.3) else None,
                )
    rules = w.ids("export_rule")
    lines = ["[export_control]"]
    if w.chance(0.4):
        lines.append('tenant = "tenant"')
    if w.chance(0.3):
        lines.append('status = ["in_force", "proposed"]')
    if w.chance(0.25):
        dates = f", from = {w.start}, to = {max(w.start, w.day(0.5, 1))}" if w.chance(0.5) else ""
        lines.append(f'enable = [ {{ id = "{w.rng.choice(rules)}"{dates} }} ]')
    elif w.chance(0.15):
        lines.append(f'disable = ["{w.rng.choice(rules)}"]')
    return [*lines, ""]


# --- energy -----------------------------------------------------------------------------------------------------------


def cut(w: World, first: int, last: int, parts: int) -> list[list[int]]:
    """The numbers from first to last in some parts, mostly of neighbours, around the end too."""
    numbers = list(range(first, last + 1))
    if w.chance(0.2):
        w.rng.shuffle(numbers)
    else:
        turn = w.rng.randrange(len(numbers))
        numbers = numbers[turn:] + numbers[:turn]
    ends = sorted(w.rng.sample(range(1, len(numbers)), parts - 1))
    return [sorted(numbers[i:j]) for i, j in zip([0, *ends], [*ends, len(numbers)], strict=True)]


def cells(numbers: Sequence[int], whole: int) -> str | None:
    """`0-5;22-23`; None for all of them."""
    if len(numbers) == whole:
        return None
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ";".join(str(i) if i == j else f"{i}-{j}" for i, j in runs)


def slices(w: World) -> list[str]:
    """1 to 6 slices: the months in parts, and the hours of each part in parts of their own; the lines of [energy]."""
    lines = ["[energy]"]
    if w.chance(0.85):
        lines.append('slices = "mine"')
        room, number = 6, 0
        seasons = cut(w, 1, 12, w.rng.choice((1, 1, 1, 2, 2, 3)))
        for i, months in enumerate(seasons):
            parts = w.rng.randint(1, min(4, room - (len(seasons) - i - 1)))
            room -= parts
            for hours in cut(w, 0, 23, parts):
                w.add("slice", set="mine", id=f"h{number}", months=cells(months, 12), hours=cells(hours, 24))
                number += 1
        if w.chance(0.2):
            w.add("slice", set="other", id="all")
    if w.chance(0.3):
        lines.append("oversubscribe = true")
    return [*lines, ""]


def shape(w: World, name: str, low: float, high: float) -> str:
    """A shape of a few coarse rows."""
    for months in cut(w, 1, 12, w.rng.choice((1, 1, 2))):
        for hours in cut(w, 0, 23, w.rng.randint(1, 4)):
            value = round(w.rng.uniform(low, high), 1)
            w.add("shape", id=name, months=cells(months, 12), hours=cells(hours, 24), value=value)
    return name


def sun(w: World, name: str) -> str:
    w.add("shape", id=name, hours="0-5;20-23", value=0)
    w.add("shape", id=name, hours="6-19", months="4-9", value=w.rng.choice((0.5, 0.7)))
    w.add("shape", id=name, hours="6-19", months="1-3;10-12", value=w.rng.choice((0.2, 0.35)))
    return name


def shapes(w: World) -> None:
    """Prices and carbon of the grids by hour and month, racks that idle."""
    names: dict[tuple[str, str], str] = {}
    for row in w.all("grid"):
        for column, low, high in (("price", 0.2, 2.0), ("carbon", 0.3, 1.6)):
            key = (str(row["id"]), column)
            if key not in names and "from" not in row and w.chance(0.75):
                names[key] = shape(w, f"{column}_{row['id']}", -0.1 if w.chance(0.1) else low, high)
            if key in names and ("from" not in row or w.chance(0.5)):
                row[f"{column}_shape"] = names[key]
    idle: dict[str, float] = {a: w.rng.choice((0.2, 0.3, 0.5)) for a in w.ids("accelerator") if w.chance(0.65)}
    for row in w.all("accelerator"):
        if str(row["id"]) in idle:
            row["idle_load"] = idle[str(row["id"])]


def flexibility(w: World) -> None:
    for row in w.all("workload"):
        if w.chance(0.5):
            row["demand_shape"] = shape(w, f"demand_{row['id']}", 0.4, 1.5)
        if w.chance(0.6):
            row["flexible"] = w.rng.choice(("day", "day", "period", "no"))


COSTS = {  # capex USD/kW, fixed USD/kW/year, variable USD/MWh, carbon g/kWh, as (low, high)
    "grid": ((0, 0), (0, 20), (30, 90), (100, 500)),
    "ppa": ((0, 0), (0, 10), (20, 60), (0, 50)),
    "solar": ((300, 900), (5, 20), (0, 0), (0, 30)),
    "wind": ((600, 1500), (10, 40), (0, 5), (0, 15)),
    "gas": ((400, 1200), (5, 30), (20, 70), (350, 550)),
    "fuel_cell": ((1500, 3500), (20, 60), (50, 90), (300, 450)),
    "nuclear": ((3000, 8000), (50, 120), (5, 15), (0, 15)),
    "battery": ((100, 900), (2, 15), (0, 3), (0, 0)),
}
ABOUT_SITES = ("gas", "gas", "fuel_cell", "solar", "wind", "battery", "battery", "battery", "battery", "nuclear", "grid")
ABOUT_GRIDS = ("ppa", "ppa", "ppa", "solar", "wind", "nuclear", "grid", "gas")


def power_sources(w: World) -> None:
    """Sources at some sites, whose offers are metered then, and on some grids; power that comes late and is bridged."""
    sites = w.all("site")
    for site in sites:
        if not w.chance(0.55 if site is sites[0] else 0.3):
            continue
        metered(w, site)
        late = site["id"] in w.powered and w.chance(0.35)
        if late:
            bridge(w, site)
        for _ in range(w.rng.randint(0 if late else 1, 2)):
            source(w, w.rng.choice(ABOUT_SITES), site=site["id"])
    for grid in w.ids("grid"):
        if w.chance(0.4):
            for _ in range(w.rng.randint(1, 2)):
                source(w, w.rng.choice(ABOUT_GRIDS), grid=grid)
            at = [site for site in sites if site["grid"] == grid]
            if at and w.chance(0.4):
                metered(w, w.rng.choice(at))


def metered(w: World, site: Row) -> None:
    """All offers that may stand at a site are metered."""
    for offer in w.all("offer"):
        fits = all(name not in offer or offer[name] == site[key] for name, key in (("site", "id"), ("country", "country")))
        if fits and offer["provider"] == site["provider"]:
            offer["energy"] = "metered"


def bridge(w: World, site: Row) -> None:
    """The connection comes during the horizon; gas or fuel cells are there before it, or can be built before it."""
    w.rows["site_power"] = [row for row in w.all("site_power") if row["site"] != site["id"]]
    w.add("site_power", site=site["id"], from_=w.day(0.3, 0.9), power=f"{w.number(0.5, 3)} MW")
    row = source(w, w.rng.choice(("gas", "fuel_cell")), site=site["id"])
    row["max_build"] = f"{w.number(0.5, 2)} MW"
    row["lifetime"] = "10 year"
    row.pop("to", None)


def source(w: World, kind: str, **where: Value) -> Row:
    number = len(w.all("power_source"))
    capex, fixed, variable, carbon = (w.number(*bounds, 0) for bounds in COSTS[kind])
    row = w.add("power_source", id=f"{kind}{number}", kind=kind, **where)
    if w.chance(0.9 if kind == "battery" else 0.6):
        row["capacity"] = f"{w.number(0.1, 1.5)} MW"
    if "capacity" not in row or w.chance(0.5):
        row["max_build"] = f"{w.number(0.2, 2)} MW"
        if w.chance(0.6):
            row["lead_time"] = f"{w.rng.choice((0.1, 0.25, 0.5, 1))} year"
    row |= {"capex": f"{capex} USD/kW", "lifetime": f"{w.rng.choice((0.3, 0.8, 2, 10, 20, 20, 20))} year"}
    if w.chance(0.7):
        row["fixed_om"] = f"{fixed} USD/kW/year"
    row |= {"variable_cost": f"{variable} USD/MWh", "carbon": f"{carbon} g/kWh"}
    if w.chance(0.2):
        row["from"] = w.day(-0.2, 0.6)
    if w.chance(0.15):
        row["to"] = w.day(0.7, 1.2) + timedelta(days=31)
    if kind == "battery":
        row |= {"duration": f"{w.rng.choice((1, 2, 4, 8))} hour", "efficiency": w.rng.choice((0.8, 0.86, 0.95, 1))}
    elif kind == "solar":
        row["shape"] = sun(w, f"sun{number}")
    elif kind == "wind" or w.chance(0.2):
        row["shape"] = shape(w, f"of_{kind}{number}", 0.1, 1)
    if kind != "battery" and w.chance(0.6 if "grid" in where else 0.25):
        row["min_take"] = w.rng.choice((0.3, 0.6, "80 %", 1))
    if w.chance(0.2):
        row["firm"] = w.rng.choice((0, 0.2, 0.5, 0.9))
    return row


# --- text -------------------------------------------------------------------------------------------------------------


def written(value: Value) -> str:
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, (int, float, date)):
        return str(value)
    return "[" + ", ".join(f'"{item}"' for item in value) + "]"


def lines_of(row: Row) -> list[str]:
    return [f"{name} = {written(value)}" for name, value in row.items()]


def head(w: World, seed: int) -> list[str]:
    rate = w.rng.choice(("0 %/year", "5 %/year", "8 %/year", "12 %/year"))
    verb = "maximize" if w.objective == "demand_scale" else "minimize"
    lines = ["schema = 1", f'name = "World {seed}"', "profiles = []", ""]
    lines += ["[horizon]", f"start = {w.start}", f"end = {w.end}", f'step = "{w.step}"', ""]
    lines += ["[money]", f'discount_rate = "{rate}"', "", "[objective]", f'{verb} = "{w.objective}"', ""]
    if w.chance(0.3):
        lines += ["[solve]", f"availability = {w.rng.choice((0.9, 0.95))}", ""]
    lose = w.rng.choice(("provider", "site", "site", "country"))
    kept = {site["id" if lose == "site" else lose] for o in w.all("offer") for site in w.all("site") if stands(w, o, site)}
    if w.chance(0.5 if len(kept) > 1 else 0.02) and any("critical" in row for row in w.all("workload")):
        lines += ["[resilience]", f'lose = "{lose}"', ""]
    if w.limits:
        lines += ["[limits]", *lines_of(w.limits), ""]
    return lines


def tail(w: World) -> list[str]:
    if any(site.get("operator") == "op" for site in w.all("site")):
        w.add("provider", id="op")
    return [line for table, rows in w.rows.items() for row in rows for line in (f"[[{table}]]", *lines_of(row), "")]


def inputs_of(text: str) -> Inputs:
    """The inputs of a scenario given as text."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "world.toml"
        path.write_text(text, encoding="utf-8")
        return assemble(read(str(path)))


if __name__ == "__main__":
    print((energy_world if "energy" in sys.argv else world)(int(sys.argv[-1])))

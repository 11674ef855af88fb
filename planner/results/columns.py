"""What every table and every column is: one record each, from which datapackage.json, the units and the reference page are made.

A table is written only with columns that stand here; a test holds every table that any command writes against these records.
"""

# ruff: noqa: E501  a record a line, so that columns can be read down

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Column:
    """A column: what it holds, its unit, what blank means where it may be blank, and an example."""

    text: str
    unit: str = ""
    kind: str = "number"  # number, integer, string, date, yes or no
    blank: str = ""
    example: str = ""


@dataclass(frozen=True)
class Described:
    """A table: what a row of it is, the columns that tell rows apart, and where names in it are those of another table."""

    text: str
    key: tuple[str, ...]
    columns: Mapping[str, Column] = field(default_factory=dict)  # beside those that mean the same everywhere
    refers: Mapping[tuple[str, ...], str] = field(default_factory=dict)  # columns -> table with the same ones


def _name(text: str, example: str = "", blank: str = "") -> Column:
    return Column(text, kind="string", example=example, blank=blank)


USD, MW = "USD", "MW"
EVERYWHERE: dict[str, Column] = {
    "period": _name("period of the plan, or the calendar year or `total` that an amount is settled in", "2028-Q3"),
    "span": _name("a calendar year as far as it is planned, or `total` for the whole horizon", "2028"),
    "start": Column("first day", kind="date", example="2028-07-01"),
    "end": Column("last day", kind="date", example="2028-09-30"),
    "provider": _name("id of the provider", "azure", "belongs to no provider"),
    "site": _name("id of the site", "abilene", "belongs to no site"),
    "country": _name("country of the site, ISO code", "US"),
    "accelerator": _name("id of the accelerator", "gb300_nvl72", "of no accelerator"),
    "offer": _name("id of the offer; a later tranche carries its first day", "oracle-gb300-reserved", "of no offer"),
    "contract": _name("id of the contract", "oracle-4500mw", "of no contract"),
    "workload": _name("id of the workload", "frontier-training"),
    "slice": _name("id of the slice of the year", "winter-day"),
    "source": _name("id of the power source, `grid` for what is bought at the price of the grid", "gas-1"),
    "racks": Column("racks at work, mean over the hours", "rack", example="120.5"),
    "gpus": Column("gpu of the racks", "gpu", example="8676"),
    "compute_h100e": Column("compute delivered, mean over the hours", "h100e", example="17352"),
    "power_mw": Column("rated facility power of the racks online, mean over the hours", MW, example="15.2"),
    "spend_usd": Column("rent, energy and capital, undiscounted", USD, example="1250000"),
    "share_compute": Column("share in the compute of all providers", "share", example="0.25"),
    "share_power": Column("share in the power of all providers", "share", example="0.25"),
    "share_spend": Column("share in the spend of all providers", "share", example="0.25"),
    "racks_held": Column("racks paid for", "rack", example="121"),
    "racks_online": Column("racks powered", "rack", example="120"),
    "racks_dark": Column("racks paid for and not powered", "rack", example="1"),
    "racks_added": Column("racks taken on at the beginning of the period", "rack", example="10"),
    "racks_removed": Column(
        "racks that have left since the period before: terms that ran out, fleets that shrink", "rack", example="0"
    ),
    "unit": _name("unit of the numbers beside it", "MW"),
    "constraint": _name("name of the rule", "site_power"),
    "subject": _name("whose limit it is", "abilene"),
    "objective": _name("what the plan minimises", "cost"),
    "plan": _name("name of the plan", "plan-10gw"),
    "what": _name("what the number is", "cost_usd"),
    "file": _name("file that the number stands in", "profiles/openai/sites.csv"),
    "line": Column("line of the file", kind="integer", example="42", blank="not one line"),
    "confidence": _name("disclosed, reported, estimated or assumed", "reported"),
    "note": _name("remark of the row", "", "no remark"),
    "limit": Column("the bound, in `unit`", example="4500"),
    "carbon_t": Column("carbon emitted", "t", example="120000"),
    "energy_mwh": Column("energy drawn", "MWh", example="300000"),
    "cost_usd": Column("cost", USD, example="1250000"),
    "kink": Column("whether the slope changes here", kind="string", example="yes"),
}
_MIX: dict[str, Column] = {"gpus": Column("gpu of the racks held", "gpu", example="8712")}
TABLES: dict[str, Described] = {
    "mix": Described("What each provider holds, delivers, draws and is paid in a period. No row is a sum of others.",
                     ("period", "provider"), _MIX),
    "summary": Described("The mix by calendar year and in all: spend summed, the rest means over the hours, shares ratios of sums.",
                         ("span", "provider"), _MIX),
    "compute": Described("Compute delivered by a provider, kind of work by kind: unlike units, which are never added.",
                         ("period", "provider", "kind"), {
        "kind": _name("kind of work", "training"),
        "share": Column("share in the compute of this kind of all providers", "share", blank="nothing of the kind is served",
                        example="0.25"),
    }, refers={("period", "provider"): "mix"}),
    "allocation": Described("Racks at work for a workload at a place.", ("period", "workload", "site", "offer"),
                            refers={("period", "site", "offer"): "fleet", ("period", "workload"): "demand"}),
    "fleet": Described("Racks added and removed, held, online and dark of an offer at a site.", ("period", "site", "offer")),
    "demand": Described("Demand of a workload, what is served and what is not.", ("period", "workload"), {
        "demand_h100e": Column("compute demanded, mean over the hours", "h100e", example="600000"),
        "served_h100e": Column("compute served, mean over the hours", "h100e", example="600000"),
        "unserved_h100e": Column("compute not served, mean over the hours", "h100e", example="0"),
    }),
    "cost": Described("What is paid, by place, offer, contract and item. Everything that the objective counts as cost.",
                      ("period", "provider", "site", "accelerator", "offer", "contract", "item"), {
        "item": _name("rent (of racks online), dark_rent (of dark racks), energy, capex (annuity), route, shortfall (of a minimum), "
                      "unserved, soft (beyond a soft limit)", "rent"),
        "amount_usd": Column("amount, undiscounted", USD, example="1250000"),
        "discounted_usd": Column("amount on the first day of the horizon", USD, example="1100000"),
    }),
    "power": Described("Draw, limit, energy and carbon of a site, grid, country, provider or the fleet.", ("period", "scope", "id"), {
        "scope": _name("site, grid, country, provider or fleet", "site"),
        "id": _name("whose", "abilene"),
        "draw_mw": Column("highest rated draw of the slices", MW, example="842.1"),
        "limit_mw": Column("tightest limit on it", MW, example="900", blank="no limit"),
        "headroom_mw": Column("limit less draw", MW, example="57.9", blank="no limit"),
    }),
    "constraints": Described("A limit that somebody set, what it comes to in the plan, and what more or less room of it is worth.",
                             ("constraint", "subject", "period"), {
        "period": _name("period, with the slice where there are several; a year or nothing where the limit has none", "2028-Q3"),
        "value": Column("left side in the plan, in `unit`", example="842.1"),
        "slack": Column("room that is left, in `unit`", example="57.9"),
        "binding": Column("whether there is no room left", kind="string", example="yes"),
        "shadow_price": Column("what a little more room saves, per unit: the one-sided derivative of the optimum; for demand what a "
                               "little more costs. In `shadow_unit`", example="32770000", blank="no exact price: whole racks, "
                               "another solver, or a row that passes on what a capacity is worth"),
        "shadow_price_less": Column("what a little less room costs, per unit; the same as shadow_price but at a kink. In `shadow_unit`",
                                    example="37600000", blank="nothing would fit with less, or no exact price"),
        "shadow_unit": _name("unit of the shadow prices", "USD/MW"),
    }),
    "contracts": Described("The take-or-pay ledger of a contract.", ("contract", "year"), {
        "year": _name("calendar year, `term` where it settles once, `after` for what falls due beyond the horizon", "2028"),
        "committed_usd": Column("minimum that is due; `after`: what is left of it", USD, example="70000000"),
        "spent_usd": Column("what was spent in its scope and days, whether or not another contract counts it", USD,
                            example="87600000", blank="beyond the horizon"),
        "counted_usd": Column("what of it counts here: each dollar counts for one contract", USD, example="87600000",
                              blank="beyond the horizon"),
        "shortfall_usd": Column("minimum less what counts, never below 0", USD, example="0", blank="beyond the horizon"),
        "paid_usd": Column("what counts, and the shortfall", USD, example="87600000", blank="beyond the horizon"),
        "gpu_hours": Column("hours of gpu held for what counts", "gpu·hour", example="8760000", blank="settled beyond the horizon"),
        "usd_per_gpu_hour": Column("paid per gpu and hour", "USD/gpu/hour", example="2.5", blank="nothing is held"),
    }),
    "sources": Described("A number that entered the model, and where it came from.", ("what", "file", "line"), {
        "what": _name("table, id and column, or key of the scenario", "site.abilene.pue"),
        "value": _name("as it is written", "1.2"),
        "unit": _name("as it is written", "MW", "a plain number"),
        "source": _name("title and address, or `this scenario`", "this scenario", "none is given"),
    }),
    "licences": Described("What is shipped under an export licence.", ("licence", "period", "site", "accelerator"), {
        "licence": _name("id of the licence", "UAE-2025"),
        "gpus": Column("gpu shipped under it", "gpu", example="1000"),
    }),
    "resilience": Described("The second dispatch: racks that carry the critical share of a workload after a loss.",
                            ("lost", "period", "slice", "workload", "site", "offer"), {
        "lost": _name("what is lost", "azure"),
        "racks": Column("racks at work then", "rack", example="40"),
        "compute_h100e": Column("compute delivered then", "h100e", example="5760"),
    }),
    "dispatch": Described("Racks at work in a slice.", ("period", "slice", "workload", "site", "offer"), {
        "racks": Column("racks at work throughout the slice", "rack", example="40"),
        "compute_h100e": Column("compute delivered throughout the slice", "h100e", example="5760"),
    }),
    "running": Described("Racks that run in a slice where they can be throttled.", ("period", "slice", "site", "offer"), {
        "racks_running": Column("racks running", "rack", example="40"),
    }),
    "energy": Described("Where the power of a site comes from in a slice; charging a battery is negative.",
                        ("period", "slice", "site", "source"), {
        "mw": Column("power throughout the slice", MW, example="12.5"),
        "mwh": Column("energy over the slice", "MWh", example="1095"),
        "cost_usd": Column("what is paid for it", USD, example="54750"),
        "water_l": Column("water used", "L", example="0", blank="not known"),
    }),
    "built": Described("Power sources that are built.", ("source", "period"), {
        "built_mw": Column("capacity decided", MW, example="100", blank="nothing can be built"),
        "there_mw": Column("capacity that stands and is ready", MW, example="100"),
        "paid_mwh": Column("energy paid for, taken or not", "MWh", example="210000"),
        "cost_usd": Column("annuity, fixed cost and what a minimum take adds", USD, example="4100000"),
    }),
}  # fmt: skip


def described(table: str, columns: Iterable[str]) -> dict[str, Column]:
    """The records of the columns of a table that stand here."""
    own = TABLES[table].columns if table in TABLES else {}
    return {name: own.get(name) or EVERYWHERE[name] for name in columns if name in own or name in EVERYWHERE}

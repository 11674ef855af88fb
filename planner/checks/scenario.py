"""Rules across files: names that exist, tables that cover the horizon, selections that leave something to plan with.

Each check is a generator of findings over the inputs; `check` runs them all, so that a user sees everything at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from planner.checks.bands import unusual_numbers
from planner.checks.energy import ENERGY_CHECKS
from planner.checks.places import label as _label
from planner.checks.places import row as _row
from planner.checks.ranges import ranges_are_clear
from planner.core.errors import Finding, InputFault, Location, did_you_mean
from planner.core.units import spans
from planner.data.commitments import shared_things
from planner.data.export_control import active_rules, in_class, tokens
from planner.data.options import may_serve, stands_at
from planner.inputs.assembly import Inputs, called, column, throughput
from planner.inputs.fields import Record
from planner.inputs.load import ENERGY, with_ids
from planner.inputs.scenario import Workload
from planner.inputs.tables import TABLES, ExportRule, Licence, Offer, Site

Check = Callable[[Inputs], Iterator[Finding]]


def check(inputs: Inputs) -> list[Finding]:
    """Warnings about the inputs. InputFault with every finding if any is an error."""
    findings = [*inputs.remarks]
    for rule in CHECKS:
        findings += rule(inputs)
    if any(f.severity == "error" for f in findings):
        raise InputFault(f for f in findings if f.severity == "error")
    return sorted(set(findings))


def _at(inputs: Inputs, *path: str | int) -> Location:
    """The place of a key of the scenario; rows are called by their id."""
    return inputs.root.find(path).where.at(".".join(with_ids(inputs.root, path)))


def _names(inputs: Inputs, table: str, key: str = "id") -> set[str]:
    return {str(getattr(row, key)) for row in inputs.everything[table]}


def _unknown(where: Location, what: str, name: str, known: Iterable[str], severity: str = "error") -> Finding:
    return Finding(where, f"{what} `{name}` is not known", did_you_mean(name, known), severity)


def foreign_keys(inputs: Inputs) -> Iterator[Finding]:
    """Ids in a column of a table name a row of another, whether or not the row is selected."""
    for table, name, target, key in FOREIGN_KEYS:
        known = _names(inputs, target, key)
        for record in inputs.everything[table]:
            if inputs.scenario.select.providers is not None and getattr(record, "provider", None) not in (
                None,
                *inputs.scenario.select.providers,
            ):
                continue  # left out with its provider, which need not be known then
            value = getattr(record, name)
            for part in value if isinstance(value, tuple) else (value,):
                if part is not None and part not in known:
                    what = TABLES[target].singular if key == "id" else key
                    yield _unknown(_row(record, f"{_label(record, table)}.{name.rstrip('_')}"), what, part, known)


FOREIGN_KEYS = (
    ("sites", "provider", "providers", "id"),
    ("sites", "operator", "providers", "id"),
    ("sites", "grid", "grids", "id"),
    ("site_power", "site", "sites", "id"),
    ("offers", "provider", "providers", "id"),
    ("offers", "accelerator", "accelerators", "id"),
    ("offers", "site", "sites", "id"),
    ("offers", "contract", "contracts", "id"),
    ("contracts", "provider", "providers", "id"),
    ("contracts", "sites", "sites", "id"),
    ("contracts", "accelerators", "accelerators", "id"),
    ("fleet", "site", "sites", "id"),
    ("fleet", "offer", "offers", "id"),
    ("supply", "accelerator", "accelerators", "id"),
    ("supply", "vendor", "accelerators", "vendor"),
    ("export_rules", "class_", "export_classes", "id"),
    ("licences", "of", "accelerators", "id"),
    ("licences", "provider", "providers", "id"),
)


def same_provider(inputs: Inputs) -> Iterator[Finding]:
    """An offer belongs to the provider of its site and of its contract."""
    sites = {row.id: row for row in inputs.everything["sites"]}  # type: ignore[attr-defined]
    contracts = {row.id: row for row in inputs.everything["contracts"]}  # type: ignore[attr-defined]
    for offer in inputs.offers:
        for kind, row in (("site", sites.get(offer.site or "")), ("contract", contracts.get(offer.contract or ""))):
            if row is not None and row.provider != offer.provider:  # type: ignore[attr-defined]
                what = f"{kind} {row.id} belongs to {row.provider}, the offer to {offer.provider}"  # type: ignore[attr-defined]
                yield Finding(_row(offer, f"offer.{offer.id}.{kind}"), what, "name one of the same provider")
    for contract in inputs.contracts:
        for name in contract.sites:
            if name in sites and sites[name].provider != contract.provider:  # type: ignore[attr-defined]
                what = f"site {name} belongs to {sites[name].provider}, the contract to {contract.provider}"  # type: ignore[attr-defined]
                yield Finding(_row(contract, f"contract.{contract.id}.sites"), what, "name sites of the same provider")


def selection(inputs: Inputs) -> Iterator[Finding]:
    """Every selected name exists, and something is left."""
    unknown = False
    left: dict[str, set[str]] = {
        "providers": {*inputs.providers},
        "accelerators": {*inputs.accelerators},
        "sites": {*inputs.sites},
    }
    left |= {"offers": {row.id for row in inputs.offers}, "contracts": {row.id for row in inputs.contracts}}
    left["fleet"] = {part for row in inputs.fleet for part in called("fleet", row)}
    for name, chosen in inputs.scenario.select:
        if name in ENERGY and not inputs.scenario.energy:
            continue  # these tables are not read then
        known = {part for row in inputs.everything[name] for part in called(name, row)}
        for item in chosen or ():
            if item not in known:
                unknown = True
                yield _unknown(_at(inputs, "select", name), TABLES[name].singular.replace("_", " "), item, known)
            elif name in left and item not in left[name]:
                what = f"{TABLES[name].singular} {item} is selected and yet left out: its provider or accelerator is not"
                yield Finding(_at(inputs, "select", name), what, "select that too, or drop this name", "warning")
    if unknown:
        return  # what is left says nothing
    for name, table in (
        ("provider", inputs.providers),
        ("accelerator", inputs.accelerators),
        ("site", inputs.sites),
        ("offer", inputs.offers),
    ):
        if not table:
            fix = f"check [select] and the profiles; add [[{name}]] rows or name more {name}s"
            yield Finding(_at(inputs, "select"), f"no {name} is left to plan with", fix)


def horizon_has_periods(inputs: Inputs) -> Iterator[Finding]:
    """Limits by calendar year name years of the horizon."""
    years = {str(t.year) for t in inputs.horizon}
    for section in ("budget", "carbon"):
        for year in getattr(inputs.scenario.limits, section):
            if year not in years:
                what = f"the horizon has no period in {year}, so this limit does nothing"
                yield Finding(_at(inputs, "limits", section, year), what, "drop it or move the horizon", "warning")


SINGULAR = {"countries": "country", "providers": "provider", "sites": "site", "accelerators": "accelerator"}


def scenario_names(inputs: Inputs) -> Iterator[Finding]:
    """Names in workloads, routes and limits exist."""
    countries = {site.country for site in inputs.sites.values()} | _names(inputs, "countries", "iso2")
    groups = {group for row in inputs.everything["countries"] for group in row.groups}  # type: ignore[attr-defined]
    known = {"countries": countries | groups} | {name: _names(inputs, name) for name in ("providers", "sites", "accelerators")}
    seen: dict[str, Location] = {}
    for i, workload in enumerate(inputs.scenario.workload):
        where = _at(inputs, "workload", i, "id")
        if workload.id in seen:
            yield Finding(where, f"workload `{workload.id}` stands twice, first in {seen[workload.id]}", "rename or drop one")
        seen.setdefault(workload.id, where)
        for name, names in known.items():
            for item in getattr(workload, name) or ():
                if item not in names:
                    yield _unknown(_at(inputs, "workload", i, name), SINGULAR[name], item, names)
    for i, route in enumerate(inputs.scenario.route):
        targets = (("workload", {*seen}), ("site", known["sites"]), ("provider", known["providers"]), ("country", countries))
        for name, names in targets:
            value = getattr(route, name)
            if value is not None and value not in names:
                yield _unknown(_at(inputs, "route", i, name), name, value, names)
        if route.cost == 0 and route.allowed:
            what = "this route costs nothing and is allowed: it does nothing"
            yield Finding(_at(inputs, "route", i), what, "give cost or allowed = false", "warning")
    limits = inputs.scenario.limits
    for section, names in (
        ("provider_power", known["providers"]),
        ("country_power", countries),
        ("national_share", countries),
    ):
        for item in getattr(limits, section):
            if item not in names:
                yield _unknown(
                    _at(inputs, "limits", section, item), "provider" if section == "provider_power" else "country", item, names
                )
    for i, share in enumerate(limits.provider_share):
        if share.provider not in known["providers"]:
            yield _unknown(_at(inputs, "limits", "provider_share", i, "provider"), "provider", share.provider, known["providers"])
        kinds = {w.kind for w in inputs.scenario.workload}
        if share.kind is not None and share.kind not in kinds:
            yield _unknown(_at(inputs, "limits", "provider_share", i, "kind"), "kind of work", share.kind, kinds)
    kept = [
        (s.provider, of, bound, s.from_, s.to)
        for s in limits.provider_share
        for of in shared_things(inputs, s)
        for bound in ("max", "min")
        if getattr(s, bound) is not None
    ]
    for key in {key for key in kept if kept.count(key) > 1}:
        yield Finding(
            _at(inputs, "limits", "provider_share"), f"the {key[2]} share of {key[0]} of {key[1]} is limited twice", "keep one"
        )


def servable(inputs: Inputs) -> Iterator[Finding]:
    """Every workload can be served by some offer somewhere; otherwise say which condition leaves nothing."""
    if not inputs.offers or not inputs.sites:
        return  # said by `selection`
    kinds = {kind for rows in inputs.accelerators.values() for row in rows for kind in row.throughput}
    stands = [
        (offer, site)
        for offer in inputs.offers
        for site in inputs.sites.values()
        if stands_at(offer, site) and _open(inputs, offer, site.id)
    ]
    for i, workload in enumerate(inputs.scenario.workload):
        where = _at(inputs, "workload", i, "kind")
        if workload.kind not in kinds:
            what = f"no selected accelerator has a throughput for kind `{workload.kind}`"
            yield _unserved(inputs, workload, where, what, did_you_mean(workload.kind, kinds))
        elif not any(may_serve(inputs, workload, inputs.accelerators[o.accelerator][0], s) for o, s in stands):
            what = f"nothing can serve workload `{workload.id}`"
            yield _unserved(inputs, workload, _at(inputs, "workload", i), what, _why_unservable(inputs, workload, len(stands)))


def _unserved(inputs: Inputs, workload: Workload, where: Location, what: str, fix: str) -> Finding:
    """Of a workload with nowhere to go: it is served nothing where that has a price, and an error where it must be met."""
    priced = workload.unserved is not None and inputs.scenario.objective.name in ("cost", "unserved")
    if priced and not (workload.critical and inputs.scenario.resilience):
        return Finding(where, f"{what}: all of it is unserved, at its price", fix, "warning")
    return Finding(where, what, fix)


def _open(inputs: Inputs, offer: Offer, site: str) -> bool:
    return offer.billing == "on_demand" or site in inputs.site_power


def _why_unservable(inputs: Inputs, workload: Workload, stands: int) -> str:
    if not stands:
        return "no offer stands at any site: reserved offers need a site of their provider with rows in site_power"
    given = [
        name
        for name in ("countries", "providers", "sites", "accelerators", "min_scale_up_domain", "min_memory")
        if getattr(workload, name)
    ]
    routes = any(not route.allowed and route.workload == workload.id for route in inputs.scenario.route)
    reasons = given + (["routes that are not allowed"] if routes else [])
    return (
        f"its {', '.join(reasons)} leave no offer; widen one of them"
        if reasons
        else "add offers of accelerators with a throughput for its kind"
    )


def covers(inputs: Inputs) -> Iterator[Finding]:
    """Tables that must have a value in every period have one: grid price and carbon where needed, throughput, capacity."""
    first = inputs.horizon[0]
    sites = {(site.grid, site.id) for site in inputs.sites.values()}
    metered = {
        (site.grid, f"offer {offer.id} is metered at site {site.id}")
        for offer in inputs.offers
        if offer.energy == "metered"
        for site in inputs.sites.values()
        if stands_at(offer, site) and _open(inputs, offer, site.id)
    }
    limits = inputs.scenario.limits
    needs_carbon = bool(limits.carbon) or inputs.scenario.objective.name == "carbon"
    wanted = [("price", grid, why) for grid, why in sorted(metered)]
    wanted += [
        ("carbon", grid, f"site {site} stands on it and carbon is limited") for grid, site in sorted(sites) if needs_carbon
    ]
    for name, grid, why in {(name, grid): (name, grid, why) for name, grid, why in reversed(wanted)}.values():
        market = inputs.grids.get(grid, ())
        series = column(market, name)
        if market and (series is None or not series.covers(first)):
            state = f"has no {name} on" if series is None else f"its {name} begins after"
            fix = f"add {name} from the first day of the horizon, or a blank `from`"
            yield Finding(_row(market[0], f"grid.{grid}.{name}"), f"{state} {first.first}, but {why}", fix)
    for name, rows in inputs.accelerators.items():
        for workload in inputs.scenario.workload:
            series = throughput(rows, workload.kind)
            if series is not None and not series.covers(first):
                what = f"its throughput for {workload.kind} begins after {first.first}"
                yield Finding(_row(rows[0], f"accelerator.{name}"), what, "leave `from` blank in its first row")
        constant = ("chips_per_rack", "rack_power", "average_load", "tpp", "memory", "memory_bandwidth", "scale_up_domain")
        for row in rows[1:]:
            moved = [c for c in constant if getattr(row, c) not in (getattr(rows[0], c), None)]
            if moved:
                what = f"{moved[0]} differs from the first row of {name}; only throughput may change over time"
                yield Finding(_row(row, f"accelerator.{name}.{moved[0]}"), what, "give the changed hardware an id of its own")
    for country in limits.national_share:
        series = column(inputs.countries.get(country, ()), "capacity")
        if series is None or not series.covers(first):
            what = f"{country} has no installed capacity on {first.first}, of which this is a share"
            yield Finding(_at(inputs, "limits", "national_share", country), what, "add capacity to the countries table")


def offers_are_bounded(inputs: Inputs) -> Iterator[Finding]:
    """An on-demand offer at a region without site power needs `max`; capex needs a lifetime."""
    for offer in inputs.offers:
        if offer.capex and not (offer.lifetime or inputs.accelerators[offer.accelerator][0].lifetime):
            yield Finding(
                _row(offer, f"offer.{offer.id}.capex"), "has no lifetime over which it is paid", "add lifetime, e.g. 5 year"
            )
        if offer.billing == "on_demand" and offer.max is None:
            free = [s.id for s in inputs.sites.values() if stands_at(offer, s) and s.id not in inputs.site_power]
            if free:
                what = f"nothing bounds this on-demand offer at {free[0]}, which has no site_power"
                yield Finding(_row(offer, f"offer.{offer.id}.max"), what, "give max, e.g. 16000 gpu")


def fleet_is_clear(inputs: Inputs) -> Iterator[Finding]:
    """Fleet rows do not overlap, and name an offer that stands at the site and can be held."""
    offers = {offer.id: offer for offer in reversed(inputs.offers)}
    rows = sorted(inputs.fleet, key=lambda row: (row.site, row.offer, str(row.from_ or "")))
    for row in rows:
        label = f"fleet.{row.site}.{row.offer}"
        offer, site = offers[row.offer], inputs.sites[row.site]
        if offer.billing == "on_demand":
            yield Finding(_row(row, label), "on-demand offers have no fleet", "name a reserved offer")
        elif offer.provider != site.provider or offer.site not in (None, site.id) or offer.country not in (None, site.country):
            yield Finding(
                _row(row, label),
                f"offer {offer.id} does not stand at site {site.id}",
                "name an offer of that provider, site and country",
            )
        elif site.id not in inputs.site_power or site.available == 0:
            yield Finding(
                _row(row, label),
                f"site {site.id} has no power that can be contracted",
                "give it site_power and available above 0",
            )
    for a, b in zip(rows, rows[1:], strict=False):
        if (a.site, a.offer) == (b.site, b.offer) and (a.to is None or b.from_ is None or b.from_ <= a.to):
            fix = "end one before the other begins, or add them up"
            yield Finding(_row(b, f"fleet.{b.site}.{b.offer}"), f"overlaps the row in {a.where}", fix)


def export_is_clear(inputs: Inputs) -> Iterator[Finding]:
    """Enabled rules exist and have a first day; destinations name known groups; countries of sites are in the table."""
    control = inputs.scenario.export_control
    known = {rule.id: rule for rule in inputs.export_rules}
    for i, item in enumerate(control.enable):
        where = _at(inputs, "export_control", "enable", i)
        if item.id not in known:
            yield _unknown(where, "export rule", item.id, known)
        elif item.from_ is None and known[item.id].effective_from is None:
            yield Finding(
                where,
                f"rule {item.id} has no first day, so it is never in force",
                f'write {{ id = "{item.id}", from = 2026-01-01 }}',
            )
    for i, name in enumerate(control.disable):
        if name not in known:
            yield _unknown(_at(inputs, "export_control", "disable", i), "export rule", name, known)
    statuses = {rule.status for rule in inputs.export_rules}
    for name in control.status:
        if statuses and name not in statuses and name != "in_force":
            yield _unknown(_at(inputs, "export_control", "status"), "status", name, statuses, "warning")
    groups = {group for row in inputs.everything["countries"] for group in row.groups}  # type: ignore[attr-defined]
    places = groups | _names(inputs, "countries", "iso2") | {site.country for site in inputs.sites.values()}
    targeted: tuple[ExportRule | Licence, ...] = (*inputs.export_rules, *inputs.licences)
    for row in targeted:
        label = f"{'export_rule' if isinstance(row, ExportRule) else 'licence'}.{row.id}.destination"
        for _, token in tokens(row.destination):
            code = len(token) == 2 and token.isupper() and not _own(row)  # the world has more countries than the bundled table
            if token not in places and places and not code:
                yield _unknown(_row(row, label), "country or group", token, places, "warning")
    yield from _parties(inputs)
    if active_rules(inputs) and inputs.everything["countries"]:
        for country in sorted({site.country for site in inputs.sites.values()} - _names(inputs, "countries", "iso2")):
            site = next(site for site in inputs.sites.values() if site.country == country)
            what = f"country {country} is not in the countries table, so no export rule can be held against it"
            yield Finding(_row(site, f"site.{site.id}.country"), what, "add it to the countries table with its groups")


def _own(row: Record) -> bool:
    """Whether a row, or a cell of it, was written by the user: in the scenario, by `--set`, or in a folder of their own."""
    return any(not where.file.startswith("profiles/") for _, _, _, where in row.origin.written)


def _parties(inputs: Inputs) -> Iterator[Finding]:
    """Who is named in export control is somebody: a rule for nobody, or a tenant that no rule knows, does nothing unseen."""
    rules: tuple[ExportRule, ...] = inputs.everything["export_rules"]  # type: ignore[assignment]
    sites: tuple[Site, ...] = inputs.everything["sites"]  # type: ignore[assignment]
    somebody = _names(inputs, "providers") | {site.operator for site in sites if site.operator}
    named = {rule.party for rule in rules if rule.party}
    tenant = inputs.scenario.export_control.tenant
    for rule in rules:
        if rule.party and rule.party not in somebody | {tenant} and _own(rule):
            what = f"party `{rule.party}` is no provider or operator here and not the tenant, so the rule concerns nobody"
            yield Finding(
                _row(rule, f"export_rule.{rule.id}.party"),
                what,
                did_you_mean(rule.party, somebody | {tenant or ""} - {""}),
                "warning",
            )
    if tenant and tenant not in named | somebody and (named or active_rules(inputs)):
        what = f"no export rule, provider or operator knows the tenant `{tenant}`: rules that name somebody pass it by"
        yield Finding(_at(inputs, "export_control", "tenant"), what, did_you_mean(tenant, named | somebody), "warning")


def performance_is_known(inputs: Inputs) -> Iterator[Finding]:
    """A cap or share in processing performance needs the tpp of every accelerator of its class."""
    for active in active_rules(inputs):
        rule = active.rule
        if rule.amount is not None and rule.amount.of != "gpu":
            for name, rows in inputs.accelerators.items():
                if rows[0].tpp is None and in_class(rows[0], inputs.export_classes.get(rule.class_, ())):
                    what = f"has no tpp, which export rule {rule.id} counts by"
                    yield Finding(_row(rows[0], f"accelerator.{name}.tpp"), what, "add its total processing performance")


def licences_weigh(inputs: Inputs) -> Iterator[Finding]:
    """A licence counted in another chip needs the performance of both."""
    for licence in inputs.licences:
        rows = [row for row in inputs.everything["accelerators"] if row.id == licence.of]  # type: ignore[attr-defined]
        if licence.of and rows and rows[0].tpp is None:  # type: ignore[attr-defined]
            yield Finding(
                _row(licence, f"licence.{licence.id}.of"),
                f"{licence.of} has no tpp to weigh by",
                "add its tpp or leave `of` blank",
            )


def money_is_known(inputs: Inputs) -> Iterator[Finding]:
    """Minimising what is missing needs something that may be missing."""
    objective = inputs.scenario.objective.name
    if objective == "unserved" and all(w.unserved is None for w in inputs.scenario.workload):
        fix = 'give a workload unserved = "10 USD/h100e/hour"'
        yield Finding(_at(inputs, "objective"), "no workload may be unserved, so there is nothing to minimise", fix)
    if objective not in ("cost", "unserved"):
        priced = [w.id for w in inputs.scenario.workload if w.unserved is not None]
        if priced:
            what = f"with the objective {objective} all demand is met: unserved prices of {', '.join(priced)} do nothing"
            yield Finding(_at(inputs, "objective"), what, severity="warning")


def rates_compound(inputs: Inputs) -> Iterator[Finding]:
    """A rate that was not written per year is told as the rate per year that it comes to."""
    written = inputs.root.find(("money", "discount_rate")).value
    if {word.removesuffix("s") for word in spans(written)} - {"year"}:
        rate = inputs.scenario.money.discount_rate
        what = f"`{written}` compounds to {100 * rate:.6g} %/year, interest on interest"
        yield Finding(_at(inputs, "money", "discount_rate"), what, severity="warning")


def overlapping_announcements(inputs: Inputs) -> Iterator[Finding]:
    """Rows that may be the same gigawatt are named, never added up in silence."""
    from planner.inputs.provenance import overlaps

    for group, rows in sorted(overlaps(inputs).items()):
        what = f"{', '.join(rows)} may be the same gigawatts (group {group}): do not add them up"
        yield Finding(_at(inputs, "select"), what, severity="warning")


CHECKS: tuple[Check, ...] = (
    foreign_keys, same_provider, selection, horizon_has_periods, scenario_names, servable, covers, offers_are_bounded,
    fleet_is_clear, *ENERGY_CHECKS, export_is_clear, performance_is_known, licences_weigh, money_is_known,
    rates_compound, unusual_numbers, ranges_are_clear, overlapping_announcements,
)  # fmt: skip

"""What cannot move: the names under which a user knows the bounds of a model, for `--lock`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from planner.core.errors import InputFault, did_you_mean
from planner.infeasible.elastic import LAW, Bound
from planner.model.formulation import Model
from planner.results.shadow_prices import FAMILIES

ALIASES = {
    "export": LAW, "export_control": LAW, "provider_share": ("provider_share_max", "provider_share_min"),
    "limits.provider_share": ("provider_share_max", "provider_share_min"),
}  # fmt: skip
LIMITS = ("fleet_power", "provider_power", "country_power", "national_share", "budget", "carbon")  # as keys of [limits]
FIELDS = {
    "demand": "workload.{}.demand", "resilience": "workload.{}.critical", "build_rate": "site.{}.build_rate",
    "site_power": "site.{}.power", "contract_max_power": "contract.{}.max_power", "contract_min_power": "contract.{}.min_power",
    "take_or_pay": "contract.{}.take_or_pay", "offer_max": "offer.{}.max", "grid_headroom": "grid.{}.headroom",
    "licence": "licence.{}.quantity", "supply": "supply.{}.rate", "supply_total": "supply.{}.total",
    "max_build": "power_source.{}.max_build", "generation": "power_source.{}.capacity", "purchase": "power_source.{}.capacity",
}  # fmt: skip
IDS = ("workload", "site", "provider", "offer", "contract", "country", "grid", "accelerator", "power_source", "licence")


def locked(model: Model, bounds: Sequence[Bound], locks: Sequence[str]) -> frozenset[int]:
    """The bounds that the locks name. InputFault for a name that nothing bears."""
    names = _names(model, bounds)
    found: set[int] = set()
    for lock in locks:
        key = ".".join(lock.replace(".", " ").split())
        if key not in names:
            what = f"--lock {lock}: there is no such rule, key or id"
            raise InputFault.one(what, did_you_mean(key, names))
        found |= names[key]
    return frozenset(found)


def _names(model: Model, bounds: Sequence[Bound]) -> dict[str, set[int]]:
    """Every name with the bounds it stands for: a rule, a rule with its subject, a key of the scenario, an id."""
    names: dict[str, set[int]] = {rule: set() for rule in FAMILIES}
    names |= {name: set() for name in ("limits.budget_total", *ALIASES, *(f"limits.{rule}" for rule in LIMITS))}
    owners = _owners(model)
    for kind, id_ in owners:
        names.setdefault(id_, set())
        names.setdefault(f"{kind}.{id_}", set())
    for b, bound in enumerate(bounds):
        for name in _of(bound):
            names.setdefault(name, set()).add(b)
        for word in bound.subject.split():
            for kind in IDS:
                for kin in ((kind, word), *owners.get((kind, word), ())) if (kind, word) in owners else ():
                    if _fits(bound.rule, kind):
                        names[kin[1]].add(b)
                        names[f"{kin[0]}.{kin[1]}"].add(b)
    for alias, rules in ALIASES.items():
        for rule in rules:
            names[alias] |= names[rule]
    return names


def _of(bound: Bound) -> Iterator[str]:
    """What one bound is called."""
    subject = ".".join(bound.subject.split())
    yield bound.rule
    yield f"{bound.rule}.{subject}"
    if bound.period:
        yield f"{bound.rule}.{subject}.{'.'.join(bound.period.split())}"
    if bound.rule in ("budget", "carbon"):
        yield "limits.budget_total" if subject == "total" else f"limits.{bound.rule}"
        yield f"limits.{bound.rule}.{bound.period}"
    elif bound.rule in LIMITS:
        yield f"limits.{bound.rule}"
        yield f"limits.{bound.rule}.{subject}"
    if bound.rule in FIELDS:
        first, last = subject.split(".")[0], subject.split(".")[-1]
        yield FIELDS[bound.rule].format(last if bound.rule == "resilience" else first if bound.rule == "take_or_pay" else subject)


def _fits(rule: str, kind: str) -> bool:
    """Whether the subject of a rule is of a kind, where one id names things of two kinds (a provider and a workload `x`)."""
    only = {"demand": ("workload",), "offer_max": ("offer",), "site_power": ("site",), "provider_power": ("provider",)}
    return kind in only.get(rule, IDS)


def _owners(model: Model) -> dict[tuple[str, str], tuple[tuple[str, str], ...]]:
    """Every (kind, id) of the model, with what owns it: a site and an offer belong to a provider, so does a contract."""
    data = model.instance
    found: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {("workload", w): () for w in data.workloads}
    for p in data.positions:
        provider = ("provider", p.site.provider)
        found |= {("site", p.site.id): (provider,), ("offer", p.offer.id): (provider,), provider: ()}
        found |= {("country", p.site.country): (), ("grid", p.site.grid): (), ("accelerator", p.accelerator.id): ()}
    for limit in data.power_limits:
        if limit.family.startswith("contract_") and limit.members:
            found["contract", limit.subject] = (("provider", data.positions[limit.members[0]].site.provider),)
    for c in data.commitments:
        found["contract", c.contract.id] = (("provider", c.contract.provider),)
    for source in data.sources:
        found["power_source", source.row.id] = (("site", source.row.site),) if source.row.site else ()
    for pool in data.licences:
        found["licence", pool.licence] = ()
    return {key: tuple(kin for kin in kins if kin in found) for key, kins in found.items()}

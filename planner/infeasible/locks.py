"""What cannot move: the names under which a user knows the bounds of a model, for `--lock`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from planner.core.errors import InputFault, did_you_mean
from planner.infeasible.elastic import Bound
from planner.model import naming
from planner.model.formulation import Model
from planner.model.program import Program
from planner.model.rules import RECORDS, RULES, Row, Rule, decode

LAW = ("export", "export_control")  # all of it
LIMITS = "limits."


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
    names: dict[str, set[int]] = {name: set() for name in LAW}
    for rule in RECORDS:
        if rule.gives_way:
            names |= {name: set() for name in _of_rule(rule)}
    owners = _owners(model)
    for kind, id_ in owners:
        names.setdefault(id_, set())
        names.setdefault(f"{kind}.{id_}", set())
    for b, bound in enumerate(bounds):
        row = _row(model.program, bound)
        for name in _of(bound, row, model):
            names.setdefault(name, set()).add(b)
        known = naming.ids(model.instance, row) if row else {}
        for kind, word in ((kind, word) for kind, words in known.items() for word in words):
            for kin in ((kind, word), *owners.get((kind, word), ())) if (kind, word) in owners else ():
                names[kin[1]].add(b)
                names[f"{kin[0]}.{kin[1]}"].add(b)
    return names


def _row(program: Program, bound: Bound) -> Row | None:
    """The row that a bound was set for; None for the bound of a column."""
    return decode(program.rows[bound.rows[0]]).number if bound.rows and bound.column is None else None


def _of_rule(rule: Rule) -> Iterator[str]:
    """What all bounds of a rule are called."""
    yield rule.name
    if rule.share:
        yield from ("provider_share", "limits.provider_share")
    for template in (*_keys(rule), rule.total):
        if template.startswith(LIMITS):
            yield template.split(".{")[0]


def _keys(rule: Rule) -> tuple[str, ...]:
    """Keys of the scenario under which a bound of a rule is known, with the parts of its key left open."""
    return rule.locks or tuple(template.replace("*", "") for template in rule.rests[:1])


def _of(bound: Bound, row: Row | None, model: Model) -> Iterator[str]:
    """What one bound is called."""
    subject = ".".join(bound.subject.split())
    yield from (bound.rule, f"{bound.rule}.{subject}", *(rule.name for rule in RECORDS if rule.number == bound.rule))
    if bound.period:
        yield f"{bound.rule}.{subject}.{'.'.join(bound.period.split())}"
    if row is None:
        return
    rule, whole = row.rule, row.rule.total and row.parts.get("year") == "total"
    if rule.law:
        yield from LAW
    if whole:
        yield rule.total
        return
    known = naming.ids(model.instance, row)
    for template in _keys(rule):
        yield from naming.names(template, known)
        if template.startswith(LIMITS):
            yield template.split(".{")[0]
    if rule.share:
        yield from ("provider_share", "limits.provider_share")


def _owners(model: Model) -> dict[tuple[str, str], tuple[tuple[str, str], ...]]:
    """Every (kind, id) of the model, with what owns it: a site and an offer belong to a provider, so does a contract."""
    data = model.instance
    found: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {("workload", w): () for w in data.workloads}
    for p in data.positions:
        provider = ("provider", p.site.provider)
        found |= {("site", p.site.id): (provider,), ("offer", p.offer.id): (provider,), provider: ()}
        found |= {("country", p.site.country): (), ("grid", p.site.grid): (), ("accelerator", p.accelerator.id): ()}
    for limit in data.power_limits:
        if "contracts" in RULES[limit.family].key and limit.members:
            owner = ("provider", data.positions[limit.members[0]].site.provider)
            found |= {("contract", name): (owner,) for name in limit.subject.split("+")}
    for c in data.commitments:
        found["contract", c.contract.id] = (("provider", c.contract.provider),)
    for source in data.sources:
        found["power_source", source.row.id] = (("site", source.row.site),) if source.row.site else ()
    for pool in data.licences:
        found["licence", pool.licence] = ()
    return {key: tuple(kin for kin in kins if kin in found) for key, kins in found.items()}

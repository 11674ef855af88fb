"""From a scenario to a verified answer: reads, checks, builds, solves, interprets, audits; and writes the plan folder.

This is the one place that knows the order of the stages. Each stage takes values and returns values; only reading and writing
touch files.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner import __version__
from planner.core.errors import Finding, InputFault, PlannerError
from planner.inputs.assembly import Inputs, assemble, left_out
from planner.inputs.load import bundled, read

if TYPE_CHECKING:
    from planner.audit import Audit
    from planner.core.table import Table
    from planner.infeasible.conflict import Conflict
    from planner.model.formulation import Model
    from planner.proof.certificate import Claim
    from planner.results.plan import Plan
    from planner.results.shadow_prices import Limit, Sides
    from planner.solver.solve import Solution


Named = str | Mapping[str, Any]  # the path or name of a scenario, or a dictionary with its keys


@dataclass
class Timings:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - begun


@dataclass(frozen=True)
class Result:
    """What a scenario came to. `plan`, `tables` and `audit` are there for status optimal, and for stopped with a plan in hand;
    `claim` says what is proved of either, and of infeasible."""

    inputs: Inputs
    overrides: tuple[str, ...]
    model: Model
    solution: Solution
    warnings: tuple[Finding, ...]
    timings: Timings
    plan: Plan | None = None
    tables: tuple[Table, ...] = ()
    limits: tuple[Limit, ...] = ()
    totals: dict[str, float] = field(default_factory=dict)
    grades: dict[str, float] = field(default_factory=dict)
    collections: dict[str, dict[str, float]] = field(default_factory=dict)  # what of the plan comes from which tables
    audit: Audit | None = None
    conflict: Conflict | None = None
    claim: Claim | None = None
    texts: dict[str, str] = field(default_factory=dict)  # CSV by table name

    @property
    def status(self) -> str:
        return self.solution.status

    def table(self, name: str) -> Table:
        return next(table for table in self.tables if table.name == name)


def prepare(name: Named, overrides: Sequence[str] = (), timings: Timings | None = None) -> tuple[Inputs, list[Finding]]:
    """The checked inputs of a scenario and its warnings. InputFault with everything that is wrong."""
    timings = timings or Timings()
    with timings.of("imports"):
        from planner.checks.scenario import check
        from planner.core.units import registry

        registry()  # loads pint
    with timings.of("read"):
        inputs = assemble(read(name, overrides))
    with timings.of("check"):
        return inputs, check(inputs)


def outline(name: Named, overrides: Sequence[str] = ()) -> tuple[dict[str, Any], list[Finding]]:
    """What would be solved, by name, and the warnings: all but the solve. InputFault with everything that is wrong."""
    from planner.data import instance
    from planner.data.export_control import active_rules
    from planner.model import formulation
    from planner.results.grades import counted

    inputs, warnings = prepare(name, overrides)
    data = instance.build(inputs)
    program = formulation.build(data).program
    scenario = inputs.scenario
    steps = f"{len(inputs.horizon)} {scenario.horizon.step}{'s' if len(inputs.horizon) > 1 else ''}"
    limits = [name for name, value in scenario.limits if value and name != "budget_basis"]
    return {
        "name": scenario.name or inputs.name,
        "horizon": f"{inputs.horizon[0].first} to {inputs.horizon[-1].last}, {steps}",
        "objective": scenario.objective.name,
        "workloads": ", ".join(w.id for w in scenario.workload),
        "providers": ", ".join(sorted({p.site.provider for p in data.positions})),
        "accelerators": ", ".join(sorted({p.accelerator.id for p in data.positions})),
        "sites": len({p.site.id for p in data.positions}),
        "offers": len({p.offer.id for p in data.positions}),
        "contracts": len(inputs.contracts),
        "export_rules": len(active_rules(inputs)),
        "from": counted(inputs, data),
        "left_out": {table: {"names": names, "of": whole} for table, (names, whole) in left_out(inputs).items()},
        "limits": ", ".join(limits) or "none",
        "loss": scenario.resilience.lose if scenario.resilience else "none",
        "columns": len(program.columns),
        "rows": len(program.rows),
        "files": len(inputs.files),
        "digest": digest(inputs, overrides),
    }, warnings


def plan_scenario(
    name: Named, overrides: Sequence[str] = (), timings: Timings | None = None, locks: Sequence[str] = ()
) -> Result:
    """The answer to a scenario, audited. A plan that fails its audit is kept in the result with `audit.passed` False.

    `locks` name what cannot move where nothing fits. InputFault for a name that means nothing.
    """
    timings = timings or Timings()
    inputs, warnings = prepare(name, overrides, timings)
    with timings.of("imports"):
        from planner.audit import audit
        from planner.data import instance
        from planner.infeasible import conflict
        from planner.infeasible.elastic import bounds, full
        from planner.infeasible.locks import locked
        from planner.inputs import provenance  # noqa: F401
        from planner.model import formulation
        from planner.proof import certificate
        from planner.results import grades, plan, shadow_prices, tables  # noqa: F401
        from planner.solver import solve

        _load_solver()
    with timings.of("build"):
        model = formulation.build(instance.build(inputs))
    with timings.of("solve"):
        solution = solve.solve(model, inputs.scenario.solve)
    common: dict[str, Any] = {"inputs": inputs, "overrides": tuple(overrides), "model": model, "solution": solution,
                              "warnings": tuple(warnings), "timings": timings}  # fmt: skip
    if solution.status == "infeasible":
        with timings.of("explain"):
            common["conflict"] = conflict.explain(model, locks)
    elif locks:  # nothing to lock, but a name that means nothing is still a mistake
        twin = full(model)
        locked(twin, bounds(twin), locks)
    with timings.of("certificate"):
        common["claim"] = certificate.prove(model, solution, inputs.scenario.solve, partial(shadow_prices.priced, model))
    if not solution.values:
        return Result(**common)
    claim = common["claim"]
    if claim.prices:
        solution.duals = list(claim.prices)  # exact, so that whoever proves the basis again finds the same
    if claim.values:
        solution.values, solution.objective = list(claim.values), float(claim.exact)
    elif solution.values:
        common["claim"] = certificate.witnessed(claim, model, solution.values, solution.duals)
    with timings.of("tables"):
        told = tabled(inputs, model, solution, claim.sides if claim.values else None)
    with timings.of("audit"):
        verdict = audit(inputs, rows_of(told["texts"]), told["totals"])
    return Result(**common, **told, audit=verdict)


def tabled(inputs: Inputs, model: Model, solution: Solution, sides: Mapping[int, Sides] | None) -> dict[str, Any]:
    """Whatever of a result follows from the values and prices of a solution, by field: plan, tables and their text, totals."""
    from planner.inputs import provenance
    from planner.results import grades as graded
    from planner.results import plan, shadow_prices
    from planner.results import tables as report
    from planner.results.folder import csv_text

    found = plan.interpret(model, solution)
    made = report.tables(inputs, found)
    limited = tuple(shadow_prices.limits(model, found, sides))
    totals = report.totals(found, made)
    cost = next(table for table in made if table.name == "cost")
    shares = {"grades": graded.grades(inputs, found, cost), "collections": graded.collections(inputs, found, cost)}
    made += [shadow_prices.table(list(limited)), provenance.sources(inputs)]
    made = [report.dated(table, inputs.horizon) for table in made]
    texts = {table.name: csv_text(table) for table in made}
    return {"plan": found, "tables": tuple(made), "limits": limited, "totals": totals, "texts": texts} | shares


def _load_solver() -> None:
    """Imports what solving needs, so that its time is counted as imports."""
    from planner.solver import highs

    highs.prepare()


def rows_of(texts: dict[str, str]) -> dict[str, list[dict[str, str]]]:
    """The tables as the auditor sees them: rows of text, read back from the CSV."""
    import csv
    import io

    return {name: list(csv.DictReader(io.StringIO(text, newline=""))) for name, text in texts.items()}


# --- the plan folder --------------------------------------------------------------------------------------------------


def writable(result: Result) -> bool:
    """Whether there is an answer to write: a plan that stands up to the audit, proved best or not, or that nothing fits."""
    return result.status == "infeasible" or (result.plan is not None and result.audit is not None and result.audit.passed)


def files(result: Result, folder: Path) -> dict[str, str]:
    """Every file of the plan folder by name; the manifest comes last. Where nothing fits there are no tables."""
    from planner.results.folder import MANIFEST, json_text
    from planner.results.seal import sealed

    return tables(result) | {MANIFEST: json_text(sealed(manifest(result, folder))) + "\n"}


def tables(result: Result) -> dict[str, str]:
    """The files of the plan folder by name, without the manifest that holds their hashes."""
    from planner.results.folder import CERTIFICATE, datapackage, json_text

    found = {f"{name}.csv": text for name, text in result.texts.items()}
    if result.tables:
        found["datapackage.json"] = datapackage(result.inputs.name, result.tables)
    if result.claim is not None and result.claim.proposal:
        found[CERTIFICATE] = json_text(result.claim.proposal) + "\n"
    return found


def manifest(result: Result, folder: Path) -> dict[str, Any]:
    """plan.json."""
    from planner.infeasible import conflict

    inputs = result.inputs
    reasons = {"conflict": conflict.data(result.conflict)} if result.conflict else {}
    return {
        "name": inputs.scenario.name or inputs.name,
        "status": result.status,
        "objective": {"name": inputs.scenario.objective.name, "value": _objective_value(result)},
        "totals": result.totals,
        "horizon": span(inputs),
        "scenario": scenario_reference(inputs, folder),
        "set": list(result.overrides),
        "options": inputs.scenario.solve.model_dump(mode="json"),
        "inputs": {source.shown: source.sha256 for source in inputs.files},
        "digest": digest(inputs, result.overrides),
        "tables": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in tables(result).items()},
        "confidence": result.grades,
        "collections": result.collections,
        "liabilities": liabilities(result),
        "warnings": [str(w) for w in result.warnings],
        "audit": audit_data(result.audit),
        "certificate": certificate(result),
        **reasons,
        "solver": result.solution.solver,
        "versions": versions(),
        "timings": {stage: round(seconds, 4) for stage, seconds in result.timings.seconds.items()},
    }


def digest(inputs: Inputs, overrides: Sequence[str]) -> str:
    """A short name of what a plan is made from, to be held against one that is known: the bytes of all files, and the overrides.

    It does not depend on where the files lie. 80 bits: nobody finds another set of inputs with the same.
    """
    parts = [*sorted(source.sha256 for source in inputs.files), *overrides]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]


def span(inputs: Inputs) -> list[str]:
    """First day, last day and step of the horizon."""
    return [str(inputs.horizon[0].first), str(inputs.horizon[-1].last), inputs.scenario.horizon.step]


def _objective_value(result: Result) -> float | None:
    from planner.model.measures import told

    return told(result.model.instance, result.solution.objective)


def scenario_reference(inputs: Inputs, folder: Path) -> str:
    """The scenario as `planner verify` finds it again: the name of a bundled one, or a path relative to the plan folder."""
    path = next(iter(inputs.files)).path.resolve()
    if path.parent == bundled("inputs").resolve():
        return f"bundled:{path.stem}"
    return Path(os.path.relpath(path, folder.resolve())).as_posix()


def liabilities(result: Result) -> dict[str, float]:
    """What remains to be paid after the horizon: take-or-pay, and rents of racks whose term runs on [USD]."""
    from planner.core.calendar import ONE_DAY, Period, add_months
    from planner.data.costs import MILLION, rent
    from planner.results.tables import owed_after

    plan = result.plan
    take_or_pay = owed_after(result.inputs, plan)
    rents = 0.0
    if plan is not None:
        end = plan.instance.periods[-1].last
        for (p, t), racks in plan.added.items():
            position = plan.instance.positions[p]
            if racks and position.offer.term is not None:
                runs_to = add_months(plan.instance.periods[t].first, 12 * position.offer.term)
                if runs_to > end + ONE_DAY:
                    rents += racks * rent(position, Period(0, "after", end + ONE_DAY, runs_to - ONE_DAY)) * MILLION
    return {"take_or_pay_usd": take_or_pay, "term_rent_usd": rents}


def audit_data(audit: Audit | None) -> dict[str, Any]:
    if audit is None:
        return {"passed": False, "checked": 0, "failures": []}
    failures = [asdict(check) for check in audit.failures[:50]]
    return {"passed": audit.passed, "checked": audit.checked, "worst": audit.worst, "failures": failures}


def certificate(result: Result) -> dict[str, Any]:
    """What stands behind the word optimal, or infeasible."""
    from planner.proof.certificate import data

    if result.claim is None:
        return {"proved": False, "gap": None, "what": "nothing was proved"}
    return data(result.claim, result.model)


def versions() -> dict[str, str]:
    from importlib import metadata

    names = ("gmpy2", "highspy", "numpy", "pandas", "pint", "pulp", "pydantic", "typer")
    return {"planner": __version__, "python": platform.python_version()} | {name: metadata.version(name) for name in names}


# --- how a command ends ----------------------------------------------------------------------------------------------


def boundless() -> InputFault:
    """The error of a scenario whose objective has no end."""
    what = "nothing limits this scenario: the objective can grow without end"
    return InputFault.one(what, "add power, supply or a budget that bounds it")


def unproved(result: Result) -> PlannerError | None:
    """The error that ends a command whose result is no answer."""
    from planner.core.errors import Stopped, VerificationFailed

    if result.status == "stopped":
        limit = result.inputs.scenario.solve.time_limit
        spent = f"after the time limit of {limit:g} s" if limit else "before proof"
        proved = result.claim.what if result.claim and result.claim.stands else "nothing is proved"
        return Stopped(f"stopped {spent}: {proved}" + ("" if result.plan else " and there is no plan"))
    if result.audit is not None and not result.audit.passed:
        head = "the plan does not stand up to the audit and is not an answer:"
        return VerificationFailed("\n".join([head, *failures(result.audit)]))
    return None


def failures(audit: Audit, most: int = 10) -> list[str]:
    """The first failed checks, a line each."""
    found = audit.failures
    lines = [f"  {c.rule} {c.subject} {c.period}: {c.value:g} against {c.limit:g} {c.unit} {c.note}" for c in found[:most]]
    return [line.rstrip() for line in lines] + ([f"  and {len(found) - most} more"] if len(found) > most else [])

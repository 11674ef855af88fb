"""The planner from Python: what the commands do, as functions that return results with every table as a DataFrame.

    >>> import planner
    >>> plan = planner.solve("classroom", set=["limits.fleet_power='90 MW'"])
    >>> plan.status, round(plan.totals["cost_usd"] / 1e6, 1)
    ('optimal', 2452.8)
    >>> plan.mix.attrs["units"]["power_mw"]
    'MW'

A scenario is a path, the name of a bundled one, or a dictionary with the keys of a scenario file. Nothing is printed and nothing
is written but by `write`. Errors are those of the command line: `InputFault` with all findings, `NoPlan` where nothing fits,
`Stopped`, `VerificationFailed`; all of them are `PlannerError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.core.errors import Finding, InputFault, PlannerError

if TYPE_CHECKING:
    import pandas as pd

    from planner.core.table import Table
    from planner.inputs.assembly import Inputs
    from planner.run.pipeline import Result
    from planner.run.verification import Verdict

Scenario = str | Path | Mapping[str, Any]


class NoPlan(PlannerError):
    """No plan keeps all limits. `plan.explain()` of the result says why; `plan` is the result without tables."""

    exit_code = 3

    def __init__(self, plan: Plan) -> None:
        super().__init__("no plan keeps all limits: see .plan.conflict")
        self.plan = plan


class Tables:
    """Tables by attribute: `result.mix`, or all of them in `result.tables`."""

    def _found(self) -> Sequence[Table]:
        raise NotImplementedError

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table by name, as a DataFrame whose `attrs["units"]` gives the unit of each column that has one."""
        return {table.name: frame(table) for table in self._found()}

    def __getattr__(self, name: str) -> pd.DataFrame:
        if not name.startswith("_") and name in (known := self.tables):
            return known[name]
        listed = "" if name.startswith("_") else f"; its tables: {', '.join(self.tables)}"
        raise AttributeError(f"{type(self).__name__} has no `{name}`{listed}")

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *self.tables]


@dataclass(frozen=True)
class Loaded:
    """Checked inputs: `inputs` as records, `warnings` as findings, and `outline`, what would be solved."""

    inputs: Inputs
    warnings: tuple[Finding, ...]
    outline: Mapping[str, Any]


class Plan(Tables):
    """A solved scenario.

    `status` (optimal, infeasible, stopped), `totals` in the units of their names, `proved` and `what` is proved, `warnings`, and
    the tables of a plan folder by attribute: `plan.mix`, `plan.cost`, `plan.constraints`, ...
    """

    def __init__(self, result: Result) -> None:
        self.result = result

    def _found(self) -> Sequence[Table]:
        return self.result.tables

    def __repr__(self) -> str:
        cost = f", {self.totals['cost_usd']:,.0f} USD" if "cost_usd" in self.totals else ""
        return f"<Plan {self.name!r}: {self.status}{cost}>"

    @property
    def name(self) -> str:
        return self.result.inputs.scenario.name or self.result.inputs.name

    @property
    def status(self) -> str:
        return self.result.status

    @property
    def totals(self) -> dict[str, float]:
        return dict(self.result.totals)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return self.result.warnings

    @property
    def proved(self) -> bool:
        """Whether exact arithmetic proves that the plan is the best, or that nothing fits."""
        return self.result.claim is not None and self.result.claim.proved

    @property
    def what(self) -> str:
        """What is proved, in words."""
        return self.result.claim.what if self.result.claim else "nothing was proved"

    @property
    def conflict(self) -> dict[str, Any] | None:
        """Why nothing fits: the bounds that clash, the sum that proves it, and ways out; None if there is a plan."""
        from planner.infeasible import conflict

        return conflict.data(self.result.conflict) if self.result.conflict else None

    def write(self, target: str | Path) -> Path:
        """Writes the plan folder, whole or not at all, never over something else. InputFault if it cannot be written."""
        from planner.results.folder import check_target, write
        from planner.run import pipeline

        path = Path(target)
        check_target(path)
        write(path, pipeline.files(self.result, path))
        return path

    def explain(self, **asked: Any) -> Explained:
        """See `planner.explain`."""
        return _explained(self.result, **asked)

    def ties(self, by: str = "provider") -> pd.DataFrame:
        """How far the share of each provider (or `site`) could move at the same cost: of, name, share, low, high."""
        import pandas as pd

        from planner.alternatives.ties import room

        if by not in ("provider", "site"):
            raise InputFault.one(f"ties by `{by}` are not known", "by provider or by site")
        found = room(self.result.model, self.result.solution, by == "site")
        return pd.DataFrame([(r.of, r.name, r.share, r.low, r.high) for r in found], columns=["of", by, "share", "low", "high"])


class Explained(Tables):
    """Reasons: `binding`, `constraints`, and what else was asked for, as tables; `reasons` holds the records."""

    def __init__(self, reasons: Any) -> None:
        self.reasons = reasons

    def _found(self) -> Sequence[Table]:
        return tuple(self.reasons.tables)


class Around(Tables):
    """The result of `mixes` or `frontier`: its tables by attribute; `found` holds the records."""

    def __init__(self, found: Any) -> None:
        self.found = found

    def _found(self) -> Sequence[Table]:
        return tuple(self.found.tables())


def frame(table: Table) -> pd.DataFrame:
    """A table as a DataFrame; `attrs` hold its name and the units of its columns."""
    import pandas as pd

    from planner.results.columns import described

    made = pd.DataFrame(list(table.rows), columns=list(table.columns))
    made.attrs = {
        "name": table.name,
        "units": {name: column.unit for name, column in described(table.name, table.columns).items() if column.unit},
    }
    return made


def load(scenario: Scenario, *, set: Sequence[str] = ()) -> Loaded:
    """The checked inputs of a scenario and what would be solved. InputFault with everything that is wrong."""
    from planner.run import pipeline

    inputs, warnings = pipeline.prepare(_named(scenario), set)
    outline, _ = pipeline.outline(_named(scenario), set)
    return Loaded(inputs, tuple(warnings), outline)


def check(scenario: Scenario, *, set: Sequence[str] = ()) -> tuple[Finding, ...]:
    """Every fault and warning of a scenario, nothing solved and nothing raised; empty if there is none."""
    from planner.run import pipeline

    try:
        return tuple(pipeline.prepare(_named(scenario), set)[1])
    except InputFault as fault:
        return tuple(fault.findings)


def solve(scenario: Scenario, *, set: Sequence[str] = (), lock: Sequence[str] = ()) -> Plan:
    """The plan of a scenario, audited and proved as far as it can be.

    `set` overrides keys as `--set` does, `lock` names what cannot move where nothing fits. Raises InputFault, NoPlan (exit
    code 3), Stopped (a time limit before proof) and VerificationFailed.
    """
    from planner.run import pipeline

    result = pipeline.plan_scenario(_named(scenario), set, locks=lock)
    if result.status == "infeasible":
        raise NoPlan(Plan(result))
    if result.status == "unbounded":
        raise pipeline.boundless()
    if (failed := pipeline.unproved(result)) is not None:
        raise failed
    return Plan(result)


def explain(
    scenario: Scenario | Plan,
    *,
    set: Sequence[str] = (),
    trace: Sequence[str] = (),
    entry_prices: bool = False,
    cost_of_rules: bool = False,
    losses: bool = False,
    most: int = 8,
) -> Explained:
    """What binds and what it is worth, or what else is asked for, as in `planner explain`."""
    plan = scenario if isinstance(scenario, Plan) else solve(scenario, set=set)
    return _explained(plan.result, trace=trace, entry_prices=entry_prices, cost_of_rules=cost_of_rules, losses=losses, most=most)


def _explained(
    result: Result,
    trace: Sequence[str] = (),
    entry_prices: bool = False,
    cost_of_rules: bool = False,
    losses: bool = False,
    most: int = 8,
) -> Explained:
    from planner.sensitivity import answers

    return Explained(answers.reasons(result, answers.Wanted(tuple(trace), entry_prices, cost_of_rules, losses, most)))


def mixes(scenario: Scenario, *, within: float | str = 0.05, count: int = 8, set: Sequence[str] = ()) -> Around:
    """The mixes that cost at most `within` more than the best one: `intervals` of every share, and whole `mixes`."""
    from planner.alternatives import mixes as room
    from planner.core import units
    from planner.run import pipeline

    inputs, _ = pipeline.prepare(_named(scenario), set)
    share = units.number(within) if isinstance(within, str) else float(within)
    found = room.mixes(inputs, share, count)
    if found.status != "optimal":
        solve(scenario, set=set)
    return Around(found)


def frontier(
    scenario: Scenario, *, x: str = "peak_power", y: str = "cost", points: int = 20, kinks: int = 2000, set: Sequence[str] = ()
) -> Around:
    """The exact trade-off between two measures: `frontier`, with its kinks and the limit that starts to bind at each."""
    from planner.run import pipeline
    from planner.tradeoff import frontier as room

    inputs, _ = pipeline.prepare(_named(scenario), set)
    found = room.frontier(inputs, x, y, points, kinks)
    if not found.points:
        solve(scenario, set=set)
    return Around(found)


def compare(*plans: Plan | Scenario, set: Sequence[str] = ()) -> Tables:
    """Two or more plans, plan folders or scenarios side by side: `results`, and the `inputs` that differ."""
    from planner.run import compare as room

    if len(plans) < 2:
        raise InputFault.one("there is nothing to compare with", "give two or more plans, plan folders or scenarios")
    sides = []
    for one in plans:
        if isinstance(one, Plan):
            sides.append(room.from_result(one.result))
        elif isinstance(one, (str, Path)) and Path(one).is_dir():
            sides.append(room.from_folder(Path(one)))
        else:
            sides.append(room.from_result(solve(one, set=set).result))
    return _Compared(room.distinct(sides))


class _Compared(Tables):
    """Plans side by side."""

    def __init__(self, plans: Sequence[Any]) -> None:
        self.plans = plans

    def _found(self) -> Sequence[Table]:
        from planner.run import compare as room

        return room.as_table("results", room.results(self.plans)), room.as_table("inputs", room.inputs(self.plans))


def verify(folder: str | Path, *, scenario: str | None = None, exact: bool = False) -> Verdict:
    """What a plan folder stands up to: its `line`, `passed`, `faults`. Nothing is raised for a plan that fails."""
    from planner.run import verification

    return verification.verify(Path(folder), scenario, exact)


def _named(scenario: Scenario) -> str | Mapping[str, Any]:
    return str(scenario) if isinstance(scenario, Path) else scenario

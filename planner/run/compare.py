"""Plans side by side: results and inputs of each against the first.

Everything is compared as tidy rows, so that the CSV files can be pivoted in a spreadsheet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from planner.core.errors import InputFault, Location
from planner.core.table import Table
from planner.results.folder import read_folder
from planner.results.power import energy_by_source, standing_by_source


@dataclass(frozen=True)
class Compared:
    """One plan to compare: its name, status, totals, mix and inputs as rows."""

    name: str
    status: str
    totals: dict[str, float]
    mix: pd.DataFrame
    sources: pd.DataFrame


MIX = ("period", "start", "end", "provider", "share_compute")
NAMES = MIX[:-1]
SOURCES = ("what", "value", "unit")


def from_folder(folder: Path) -> Compared:
    """A plan folder as something to compare; where nothing fits it has a status and no tables."""
    stored = read_folder(folder)
    manifest, tables, raw = stored.manifest, stored.tables, stored.files
    if manifest.get("status") == "infeasible":
        return Compared(folder.resolve().name, "infeasible", {}, pd.DataFrame(columns=MIX), pd.DataFrame(columns=SOURCES))
    try:
        changed = [f for f, sha in manifest["tables"].items() if f not in raw or hashlib.sha256(raw[f]).hexdigest() != sha]
        paid = sum(float(row["discounted_usd"]) for row in tables["cost"])
        if changed or abs(paid - float(manifest["totals"]["cost_usd"])) > 1e-6 * max(1.0, abs(paid)):
            raise ValueError(f"{', '.join(changed) or 'plan.json'} is not what was written")
        mix, sources = (
            _both(pd.DataFrame(tables["mix"]), pd.DataFrame(tables["summary"])),
            pd.DataFrame(tables["sources"], dtype=str),
        )
        numbers = [c for c in mix.columns if c not in NAMES]
        mix[numbers] = mix[numbers].apply(pd.to_numeric)
        totals = {key: float(value) for key, value in manifest["totals"].items()}
        sources["value"], sources["unit"], sources["what"], mix["period"], mix["provider"], mix["share_compute"]
    except (KeyError, ValueError, TypeError) as error:
        what = f"cannot be compared: {error}"
        raise InputFault.one(what, "`planner verify` says what is wrong with it; or solve again", Location(str(folder))) from None
    totals |= _energy_totals(tables.get("energy", []), tables.get("built", []))
    return Compared(folder.resolve().name, str(manifest.get("status")), totals, mix, sources)


def _both(mix: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """The mix by period, and in all as the period `total`."""
    whole = summary[summary["span"] == "total"].rename(columns={"span": "period"})
    return pd.concat([mix, whole], ignore_index=True)


def from_result(result: Any) -> Compared:
    """A scenario as something to compare: solved, or with what would have entered the plan that does not exist."""
    from planner.inputs import provenance
    from planner.results.folder import cell
    from planner.results.tables import frame

    sources = provenance.sources(result.inputs)
    rows = [[cell(value) for value in row] for row in sources.rows]
    written = pd.DataFrame(rows, columns=list(sources.columns), dtype=str)
    if result.plan is None:
        return Compared(result.inputs.name, result.status, {}, pd.DataFrame(columns=MIX), written)
    energy = {table.name: table.records() for table in result.tables if table.name in ("energy", "built")}
    totals = result.totals | _energy_totals(energy.get("energy", []), energy.get("built", []))
    return Compared(
        result.inputs.name, result.status, totals, _both(frame(result.table("mix")), frame(result.table("summary"))), written
    )


def _energy_totals(energy: Sequence[Mapping[str, object]], built: Sequence[Mapping[str, object]]) -> dict[str, float]:
    """Energy by source, and the power that stands there at most, as totals of a plan with slices or sources."""
    taken = {f"energy from {name} [MWh]": mwh for name, (mwh, _, _) in energy_by_source(energy).items()}
    return taken | {f"power of {name} [MW]": mw for name, mw in standing_by_source(built).items()}


def distinct(plans: Sequence[Compared]) -> list[Compared]:
    """The plans with names that tell them apart."""
    names: list[str] = []
    for plan in plans:
        name, i = plan.name, 2
        while name in names:
            name, i = f"{plan.name}-{i}", i + 1
        names.append(name)
    return [Compared(name, p.status, p.totals, p.mix, p.sources) for name, p in zip(names, plans, strict=True)]


def results(plans: Sequence[Compared]) -> pd.DataFrame:
    """Totals and mixes of all plans as rows (plan, what, period, provider, value), with difference and ratio to the first."""
    rows: list[tuple[str, str, str, str, float]] = []
    for plan in plans:
        rows += [(plan.name, what, "total", "", value) for what, value in plan.totals.items()]
        for row in plan.mix.to_dict("records"):
            for what, value in row.items():
                if what not in NAMES:
                    rows.append((plan.name, str(what), str(row["period"]), str(row["provider"]), float(value)))
    table = pd.DataFrame(rows, columns=["plan", "what", "period", "provider", "value"])
    key = ["what", "period", "provider"]
    first = table[table["plan"] == plans[0].name].set_index(key)["value"].rename("baseline")
    table = table.join(first, on=key)
    there = plans[0].totals  # a provider that the first plan lacks has 0 there; a first plan that does not exist has nothing
    table["difference"] = table["value"] - (table["baseline"].fillna(0.0) if there else table["baseline"])
    table["ratio"] = (table["value"] / table["baseline"]).where(table["baseline"].fillna(0.0) != 0)
    return table


def inputs(plans: Sequence[Compared]) -> pd.DataFrame:
    """Numbers that entered a plan and differ from the first one's (plan, what, baseline, value; blank = not there)."""
    frames = []
    base = _written(plans[0])
    for plan in plans[1:]:
        joined = pd.concat([base.rename("baseline"), _written(plan).rename("value")], axis=1).fillna("")
        changed = joined[joined["baseline"] != joined["value"]].reset_index(names="what")
        frames.append(changed.assign(plan=plan.name)[["plan", "what", "baseline", "value"]])
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["plan", "what", "baseline", "value"])


def _written(plan: Compared) -> pd.Series[str]:
    table = plan.sources.drop_duplicates("what").set_index("what")
    return (table["value"] + " " + table["unit"]).str.strip()


def data(plans: Sequence[Compared], changed: pd.DataFrame) -> dict[str, Any]:
    """The comparison for machines."""
    rows = [{"name": p.name, "status": p.status, "totals": p.totals, "mix": mean_shares(p)} for p in plans]
    return {"plans": rows, "inputs": changed.to_dict("records")}


def mean_shares(plan: Compared) -> dict[str, float]:
    """Share of compute by provider over the horizon."""
    total = plan.mix[plan.mix["period"] == "total"]
    return {str(name): float(share) for name, share in zip(total["provider"], total["share_compute"], strict=True)}


def as_table(name: str, data: pd.DataFrame) -> Table:
    rows = data.astype(object).where(data.notna(), None).itertuples(index=False, name=None)
    return Table(name, tuple(map(str, data.columns)), tuple(rows))

"""Verifies a plan folder: recomputes it from its inputs and tables without a solver, and holds plan.json and proof against them.

Nothing of the folder is believed: the scenario is read again, the audit judges the tables, the certificate is proved anew.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.core.errors import InputFault, Location
from planner.inputs.assembly import Inputs
from planner.inputs.load import bundled
from planner.run.pipeline import failures, prepare, rows_of, span

if TYPE_CHECKING:
    from planner.audit import Audit
    from planner.model.formulation import Model
    from planner.proof.certificate import Claim

TABLES = ("mix", "allocation", "fleet", "demand", "cost", "power", "contracts", "constraints", "sources")  # of every plan


@dataclass(frozen=True)
class Verdict:
    """What `planner verify` found. `claim` is what the certificate proves, if that was asked for or is all that there is."""

    folder: str
    status: str
    audit: Audit
    changed: tuple[str, ...]  # files that are not the ones that were written
    foreign: bool  # judged by inputs that are not those it was made from (--scenario)
    claim: Claim | None = None
    untrue: tuple[str, ...] = ()  # what plan.json says that its inputs and tables do not

    @property
    def passed(self) -> bool:
        return self.audit.passed and not self.changed and not self.untrue and (self.claim is None or self.claim.stands)

    @property
    def line(self) -> str:
        """What a verdict that passed comes to, in one line."""
        if self.status == "infeasible" and self.claim is not None:
            return f"{self.folder}: {self.claim.what}"
        checks = f"verified, {self.audit.checked:,} checks passed"
        if self.claim is not None:
            return f"{self.folder}: {checks}; {self.claim.what}"
        note = "" if self.status == "optimal" else f" (status {self.status}: feasible, not proved best)"
        return f"{self.folder}: {checks}{note}"

    @property
    def faults(self) -> list[str]:
        """What failed, a line each."""
        changed = [f"  {name} is not the file that was written" for name in self.changed]
        return [*changed, *failures(self.audit, 20), *(f"  {what}" for what in self.untrue), *unproved_claim(self)]


def verify(folder: Path, scenario: str | None = None, exact: bool = False) -> Verdict:
    """Recomputes a plan folder from its inputs without a solver, and proves its optimum anew if `exact`.

    Where nothing fits there is nothing to recompute, so that it is proved in any case. InputFault if folder or inputs are not
    what they were.
    """
    from planner.audit import Audit, audit
    from planner.results.folder import CERTIFICATE, read_tables

    manifest, tables, raw = read_tables(folder)
    name = scenario or _scenario_name(str(manifest.get("scenario", "")), folder)
    inputs, _ = prepare(name, manifest.get("set", []))
    if scenario is None:
        _same_inputs(inputs, manifest, folder)
    foreign = sorted(manifest["inputs"].values()) != sorted(source.sha256 for source in inputs.files)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in raw.items()}
    names = {*hashes, *manifest["tables"]}
    changed = tuple(sorted(name for name in names if hashes.get(name) != manifest["tables"].get(name)))
    status, empty = str(manifest.get("status")), manifest.get("status") == "infeasible" and not tables
    found = Audit(True, 0, (), {}, 0.0) if empty else audit(inputs, tables, manifest["totals"])
    untrue = [] if empty else _unlike(inputs, tables, foreign)
    untrue += [f"plan.json: {what}" for what in _untrue(manifest, inputs, tables, found, scenario is None)]
    claim = None
    if exact or empty:
        model, claim = _prove_again(inputs, raw.get(CERTIFICATE, b""), manifest, found.totals)
        untrue += _mispriced(model, claim, tables.get("constraints", [])) if not foreign else []
    return Verdict(str(folder), status, found, changed, foreign, claim, tuple(untrue))


def _unlike(inputs: Inputs, tables: Mapping[str, list[dict[str, str]]], foreign: bool) -> list[str]:
    """Tables that the audit does not know: which are not there, and sources.csv where it is not that of the inputs."""
    from planner.inputs import provenance
    from planner.results.folder import csv_text

    if gone := [f"{name}.csv" for name in TABLES if name not in tables]:
        return [f"{', '.join(gone)}: not there"]
    due = rows_of({"sources": csv_text(provenance.sources(inputs))})["sources"]
    apart = {"file": ""}  # named as seen from where one stands
    same = [row | apart for row in tables["sources"]] == [row | apart for row in due]
    return [] if same or foreign else ["sources.csv does not hold the numbers of the inputs"]


def _untrue(manifest: Mapping[str, Any], inputs: Inputs, tables: Mapping[str, object], found: Audit, own: bool) -> Iterator[str]:
    """What plan.json says that the inputs and tables do not, beside what the audit judges; `own`: inputs found by themselves."""
    from planner.audit.evidence import Judge
    from planner.audit.totals import OBJECTIVES, TOTAL_UNITS
    from planner.proof.certificate import objective_told

    status, told = manifest.get("status"), manifest.get("objective")
    objective: dict[str, Any] = told if isinstance(told, dict) else {}
    if status not in ("optimal", "stopped", "infeasible"):
        yield "the status is none of a plan"
    if status == "infeasible" and tables:
        yield "it says that nothing fits, and there are tables of a plan"
    if own and manifest.get("name") != (inputs.scenario.name or inputs.name):
        yield "the name is not that of the scenario"
    if manifest.get("horizon") != span(inputs):
        yield "the horizon is not that of the scenario"
    if objective.get("name") != inputs.scenario.objective.name:
        yield "the objective is not that of the scenario"
    if status == "infeasible":
        if objective.get("value") is not None or manifest["totals"]:
            yield "it says that nothing fits, and what it would cost"
        return
    if odd := sorted(found.totals.keys() ^ manifest["totals"].keys()):
        yield f"the totals are not those of a plan: {', '.join(odd)}"
    key, value = OBJECTIVES[inputs.scenario.objective.name], objective_told(manifest)
    total = found.totals.get(key, float("nan"))
    if value is None or not Judge(1e-6).equal("totals", key, "", value, total, TOTAL_UNITS[key]).ok:
        yield f"the objective is {value}, the tables come to {total:.15g}"


def _mispriced(model: Model, claim: Claim, rows: Sequence[Mapping[str, str]]) -> list[str]:
    """What constraints.csv says of shadow prices that the exact prices do not; of shares, whose unit the plan makes, nothing."""
    from planner.model.naming import subject, when
    from planner.model.rules import decode
    from planner.results.shadow_prices import worths

    if not claim.values:
        return []
    told = iter(rows)
    for i, key in enumerate(model.program.rows):
        of = decode(key)
        row = next(told, {}) if of.rule.shown else None
        if row is None:
            continue
        names = (of.rule.name, subject(model.instance, of), when(model.instance, of))
        if (row.get("constraint"), row.get("subject"), row.get("period")) != names:
            return ["constraints.csv: its rows are not those of the model"]
        due = worths(model, i, None, claim.sides)
        for column, worth in zip(("shadow_price", "shadow_price_less"), due, strict=True):
            if not of.rule.share and not _near(row.get(column, ""), worth):
                exactly = "none" if worth is None else f"{worth:.12g}"
                said = f"constraints.csv: the {column} of {' '.join(names)} is {row.get(column)}"
                return [f"{said}, exactly {exactly}"]
    return ["constraints.csv: it has rows that the model has not"] if next(told, None) is not None else []


def _near(cell: str, due: float | None) -> bool:
    """Whether a cell of 12 digits is a number; an empty one is none."""
    if due is None or not cell:
        return due is None and not cell
    try:
        return math.isclose(float(cell), due, rel_tol=1e-10, abs_tol=1e-12)
    except ValueError:
        return False


def _prove_again(inputs: Inputs, text: bytes, manifest: dict[str, Any], totals: dict[str, float]) -> tuple[Model, Claim]:
    from planner.data import instance
    from planner.model import formulation
    from planner.proof import certificate
    from planner.results.shadow_prices import priced

    model = formulation.build(instance.build(inputs))
    proposal = certificate.read(text.decode("utf-8", "replace"))
    return model, certificate.prove_again(model, proposal, manifest, totals, partial(priced, model))


def recall(folder: Path) -> tuple[str, list[str]]:
    """The scenario of a plan folder and what it overrode, to ask about it again. InputFault if its inputs have changed."""
    from planner.results.folder import read_tables

    manifest, _, _ = read_tables(folder)
    reference = str(manifest.get("scenario", ""))
    name = reference.removeprefix("bundled:") if reference.startswith("bundled:") else _scenario_name(reference, folder)
    overrides = list(manifest.get("set", []))
    _same_inputs(prepare(name, overrides)[0], manifest, folder)
    return name, overrides


def _scenario_name(reference: str, folder: Path) -> str:
    if reference.startswith("bundled:"):
        return str(bundled("inputs") / f"{reference.removeprefix('bundled:')}.toml")
    path = folder / reference
    if not reference or not path.is_file():
        what = f"its scenario `{reference}` is not there any more"
        raise InputFault.one(what, "name it: planner verify DIR --scenario FILE", Location(str(folder)))
    return str(path)


def _same_inputs(inputs: Inputs, manifest: dict[str, Any], folder: Path) -> None:
    """InputFault if a file is not the one that the plan was made from."""
    recorded = sorted(manifest["inputs"].values())
    present = sorted(source.sha256 for source in inputs.files)
    if recorded != present:
        known = set(recorded)
        moved = [source.shown for source in inputs.files if source.sha256 not in known] or ["a file is gone"]
        what = f"its inputs have changed since: {', '.join(moved)}"
        fix = "solve again, or name the old scenario: planner verify DIR --scenario FILE"
        raise InputFault.one(what, fix, Location(str(folder)))


def unproved_claim(verdict: Verdict) -> list[str]:
    """The line of a certificate that does not stand, if it is that."""
    return [f"  {verdict.claim.what}"] if verdict.claim is not None and not verdict.claim.stands else []

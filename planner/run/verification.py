"""Verifies a plan folder: recomputes it from its inputs and tables without a solver, and holds plan.json and proof against them.

Nothing of the folder is believed: the scenario is read again, the audit judges the tables, the certificate is proved anew, and
whatever follows from the plan is made once more. What was not proved is not called verified.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.core.errors import InputFault, Location, did_you_mean
from planner.inputs.assembly import Inputs
from planner.inputs.load import bundled, bundled_scenarios
from planner.run.pipeline import digest, failures, prepare, scenario_reference, span
from planner.run.recomputed import Given, unlike

if TYPE_CHECKING:
    from planner.audit import Audit
    from planner.proof.certificate import Claim
    from planner.results.folder import Stored

EASY = 20_000  # rows up to which the optimum is proved anew without being asked for
BUNDLED = "bundled:"


@dataclass(frozen=True)
class Verdict:
    """What `planner verify` found, and of what. `claim` is what the certificate proves; None if that was not tried."""

    folder: str
    status: str
    audit: Audit
    scenario: str  # path, or name of a bundled one
    bundled: bool
    overrides: tuple[str, ...]
    cost: float | None  # USD, as the audit found it in the tables
    digest: str  # of all inputs, as they are now
    changed: tuple[str, ...]  # files that are not the ones that were written
    foreign: bool  # judged by inputs that are not those it was made from (--scenario)
    claim: Claim | None = None
    untrue: tuple[str, ...] = ()  # what the folder says that its inputs and values do not
    strangers: tuple[str, ...] = ()  # files that are no part of the plan
    unproved: bool = False  # says itself that it is not proved the best, so that it need not be
    hint: str = ""

    @property
    def passed(self) -> bool:
        return self.audit.passed and not self.changed and not self.untrue and not unproved_claim(self)

    @property
    def word(self) -> str:
        """What is known of a plan that passed: nothing is called verified whose optimum is not proved."""
        if self.status == "infeasible":
            return "verified"
        if self.claim is None or not self.claim.stands:
            return "feasible; optimality not checked"
        return "verified" if self.claim.proved else "feasible"

    @property
    def line(self) -> str:
        """What a verdict that passed comes to, in one line."""
        if self.status == "infeasible" and self.claim is not None:
            return f"{self.folder}: {self.word}; {self.claim.what}"
        checks = f"{self.folder}: {self.word}, {self.audit.checked:,} checks passed"
        if self.claim is not None and self.claim.stands:
            return f"{checks}; {self.claim.what}"
        return f"{checks} ({self.hint})" if self.hint else checks

    @property
    def faults(self) -> list[str]:
        """What failed, a line each."""
        changed = [f"  {name} is not the file that was written" for name in self.changed]
        return [*changed, *failures(self.audit, 20), *(f"  {what}" for what in self.untrue), *unproved_claim(self)]

    @property
    def subject(self) -> list[tuple[str, str]]:
        """Of what it is the verdict, by name: a proof of another scenario than the one meant proves nothing that was asked."""
        cost = [] if self.cost is None else [("cost", f"{self.cost:,.0f} USD")]
        where = "bundled with the planner" if self.bundled else "a file, not bundled"
        return [
            ("scenario", f"{plain(self.scenario)} ({where})"),
            ("set", "; ".join(map(plain, self.overrides)) or "nothing"),
            *cost,
            ("inputs", self.digest),
        ]


def plain(text: str) -> str:
    """Text of a folder that somebody else wrote, without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)


def verify(folder: Path, scenario: str | None = None, exact: bool = False) -> Verdict:
    """Recomputes a plan folder from its inputs without a solver, and proves its optimum anew: where that is easy, and if `exact`.

    Where nothing fits there is nothing to recompute, so that it is proved in any case. InputFault if folder or inputs are not
    what they were.
    """
    from planner.audit import Audit, audit
    from planner.results.folder import read_folder

    stored = read_folder(folder)
    manifest, tables = stored.manifest, stored.tables
    name = scenario or _scenario_name(str(manifest.get("scenario", "")), folder)
    inputs, warnings = prepare(name, manifest.get("set", []))
    if scenario is None:
        _same_inputs(inputs, manifest, folder)
    foreign = sorted(manifest["inputs"].values()) != sorted(source.sha256 for source in inputs.files)
    changed, unsealed = accidents(stored)
    status, empty = str(manifest.get("status")), manifest.get("status") == "infeasible" and not tables
    found = Audit(True, 0, (), {}, 0.0) if empty else audit(inputs, tables, manifest["totals"])
    untrue = [f"plan.json: {what}" for what in unsealed]
    untrue += [f"plan.json: {what}" for what in _untrue(manifest, inputs, tables, found, scenario is None)]
    given = Given(stored, folder if scenario is None else None, inputs, tuple(warnings))
    trial = _prove_again(given, found, exact, foreign)
    untrue += [what for what in trial.untrue if what not in untrue]
    reference = scenario_reference(inputs, folder)
    packed = reference.startswith(BUNDLED)
    return Verdict(
        folder=str(folder),
        status=status,
        audit=found,
        scenario=reference.removeprefix(BUNDLED) if packed else str(next(iter(inputs.files)).path),
        bundled=packed,
        overrides=tuple(manifest.get("set", [])),
        cost=found.totals.get("cost_usd"),
        digest=digest(inputs, manifest.get("set", [])),
        changed=changed,
        foreign=foreign,
        claim=trial.claim,
        untrue=tuple(untrue),
        strangers=stored.strangers,
        unproved=_says_unproved(manifest) and not exact,
        hint=trial.hint,
    )


def accidents(stored: Stored) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(files that are not those that were written, what of plan.json is not), judged by hashes and seal alone."""
    from planner.results.seal import broken

    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in stored.files.items()}
    changed = sorted(name for name, sha in stored.manifest["tables"].items() if hashes.get(name) != sha)
    return tuple(changed), tuple(broken(stored.text, stored.manifest))


@dataclass(frozen=True)
class Trial:
    """What a proof came to: the claim if it was tried, what the folder says that does not follow, or why it was not tried."""

    claim: Claim | None = None
    untrue: tuple[str, ...] = ()
    hint: str = ""


def _prove_again(given: Given, found: Audit, exact: bool, foreign: bool) -> Trial:
    """The proof of a folder, and all that follows from its plan made anew, where that is easy or asked for."""
    from planner.proof import certificate
    from planner.results.folder import CERTIFICATE

    manifest = given.stored.manifest
    proposal = certificate.read(given.stored.files.get(CERTIFICATE, b"").decode("utf-8", "replace"))
    infeasible = manifest.get("status") == "infeasible"
    if foreign and not (exact or infeasible):
        return Trial(hint="judged by other inputs; --exact holds the proof against them")
    if not exact and not infeasible and (size := certificate.size(proposal)) > EASY:
        return Trial(hint=f"the proof is one of {size:,} rows; --exact tries it")
    from planner.data import instance
    from planner.model import formulation
    from planner.results.shadow_prices import priced

    model = formulation.build(instance.build(given.inputs))
    claim = certificate.prove_again(model, proposal, manifest, found.totals, partial(priced, model))
    untrue = () if foreign else tuple(unlike(given, model, claim, found))
    return Trial(claim, untrue, claim.what)


def _says_unproved(manifest: Mapping[str, Any]) -> bool:
    """Whether plan.json itself says that nothing is proved of the plan, and no gap either."""
    stated = manifest.get("certificate")
    known = isinstance(stated, dict) and stated.get("proved") is False and stated.get("gap") is None
    return known and manifest.get("status") != "infeasible"


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


def recall(folder: Path) -> tuple[str, list[str]]:
    """The scenario of a plan folder and what it overrode, to ask about it again. InputFault if its inputs have changed."""
    from planner.results.folder import read_folder

    manifest = read_folder(folder).manifest
    reference = str(manifest.get("scenario", ""))
    path = _scenario_name(reference, folder)
    name = reference.removeprefix(BUNDLED) if reference.startswith(BUNDLED) else path
    overrides = list(manifest.get("set", []))
    _same_inputs(prepare(name, overrides)[0], manifest, folder)
    return name, overrides


def _scenario_name(reference: str, folder: Path) -> str:
    """The path of the scenario that plan.json names; of a bundled one only its bare name counts, which leads nowhere else."""
    if reference.startswith(BUNDLED):
        name = reference.removeprefix(BUNDLED)
        if name not in bundled_scenarios():
            what = f"plan.json: its scenario `{plain(reference)}` is none that is bundled with the planner"
            fix = f"{did_you_mean(name, bundled_scenarios())} A file of your own: planner verify DIR --scenario FILE"
            raise InputFault.one(what, fix, Location(str(folder)))
        return str(bundled("inputs") / f"{name}.toml")
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
    claim = verdict.claim
    if claim is None or claim.stands or (verdict.unproved and claim.exact is None):  # what is known to be better is no mere gap
        return []
    return [f"  {claim.what}"]

"""The solver's answers: stopped is never optimal, other solvers agree, prices prove the optimum, Ctrl-C loses nothing."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pulp
import pytest

from planner.core.errors import InputFault, Stopped
from planner.inputs.scenario import Solve
from planner.run import pipeline
from planner.solver import solve
from planner.solver.solve import duality_gap
from tests.command import python
from tests.small import least, model, plan, scenario, value, worth
from tests.test_oracle import OFFER, OTHER, RACK_YEAR, UNSERVED, WORKLOAD
from tests.worlds import world

ROOT = Path(__file__).parents[1]
CBC = "PULP_CBC_CMD"


def large(whole: bool = True) -> str:
    """A world that whole racks make hard: many sizes of rack, little power, a tight budget. Minutes of search."""
    dice = Random(5)
    lines = [
        "schema = 1",
        "profiles = []",
        "[horizon]",
        "start = 2027-01-01",
        "end = 2028-12-31",
        'step = "month"',
        "[solve]",
        f"whole_racks = {str(whole).lower()}",
        "gap = 0",
        "[limits]",
        'budget = { 2027 = "31.7 million USD" }',
        '[[grid]]\nid = "g"\ncountry = "US"',
        '[[provider]]\nid = "p"',
    ]
    for s in range(10):
        lines += [f'[[site]]\nid = "s{s}"\nprovider = "p"\ncountry = "US"\ngrid = "g"\npue = {dice.uniform(1.05, 1.6):.2f}']
        lines += [f'[[site_power]]\nsite = "s{s}"\nfrom = 2026-01-01\npower = "{dice.randint(700, 2000)} kW"']
    for a in range(5):
        chips = dice.choice((8, 16, 72))
        lines += [f'[[accelerator]]\nid = "a{a}"\nvendor = "v"\nchips_per_rack = "{chips} gpu/rack"']
        lines += [f'rack_power = "{round(chips * dice.uniform(0.8, 1.9))} kW/rack"']
        lines += [f'throughput_{kind} = "{dice.uniform(1, 3):.2f} h100e/gpu"' for kind in ("training", "chat")]
        lines += [f'[[offer]]\nid = "o{a}"\nprovider = "p"\naccelerator = "a{a}"\nterm = "0.5 year"']
        lines += [f'price = "{dice.uniform(1, 3):.2f} USD/gpu/hour"']
        lines += [f'[[supply]]\naccelerator = "a{a}"\nfrom = 2026-01-01\nrate = "{dice.randint(5, 20)} rack/quarter"']
    for kind in ("training", "chat"):
        lines += [f'[[workload]]\nid = "{kind}"\nkind = "{kind}"\nunserved = "6 USD/h100e/hour"']
        points = '{ at = 2027-01-01, value = "1000 h100e" }, { at = 2029-01-01, value = "9000 h100e" }'
        lines += [f'demand = {{ interpolate = "linear", points = [ {points} ] }}']
    return "\n".join(lines) + "\n"


# --- stopped ----------------------------------------------------------------------------------------------------------


def test_a_time_limit_stops_and_proves_nothing() -> None:
    result = plan(large(), ["solve.time_limit=0.2 s"])
    assert result.status == "stopped"
    assert isinstance(pipeline.unproved(result), Stopped)
    if result.plan is not None:
        assert result.plan.status == "stopped"
        assert result.audit is not None
        assert result.audit.passed  # a plan that is not the best is still a plan
        assert pipeline.manifest(result, Path())["status"] == "stopped"
        found = pipeline.certificate(result)
        assert not found["proved"]
        assert found["gap"] is None or found["gap"] > 0  # how far from the best at most, if the relaxation was done by then
    else:
        assert pipeline.certificate(result) == {"proved": False, "gap": None, "what": "stopped before proof"}
    assert all(not limit.worth for limit in result.limits)


def test_stopped_ends_with_exit_code_4(tmp_path: Path) -> None:
    path = tmp_path / "large.toml"
    path.write_text(large(), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "planner",
        "solve",
        str(path),
        "--set",
        "solve.time_limit=0.3 s",
        "-o",
        str(tmp_path / "plan"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    assert "nothing is proved" in done.stderr or "from the best" in done.stderr
    assert ": optimal" not in done.stdout
    manifest = tmp_path / "plan" / "plan.json"
    if manifest.exists():
        found = json.loads(manifest.read_text(encoding="utf-8"), parse_constant=lambda text: pytest.fail(f"{text} is not JSON"))
        assert found["status"] == "stopped"


def test_a_linear_programme_that_is_cut_off_gives_no_plan() -> None:
    made = model(large(whole=False))
    found = solve.solve(made, Solve(time_limit="0.000001 s"))
    assert found.status == "stopped" or found.seconds < 0.05
    if found.status == "stopped":
        assert not found.values
        assert not found.duals


def test_whole_racks_have_a_gap_and_no_prices() -> None:
    result = plan(scenario(), ["solve.whole_racks=true"])
    assert result.status == "optimal"
    assert result.solution.gap == 0
    assert result.solution.duals == []
    found = pipeline.certificate(result)
    assert found["proved"], "the optimum is ten racks, whole or not, so that of the relaxation proves it"


# --- other solvers ----------------------------------------------------------------------------------------------------


def test_an_unknown_solver() -> None:
    with pytest.raises(InputFault, match="solver `HIGSH` is not installed") as caught:
        plan(scenario(), ["solve.solver=HIGSH"])
    assert "HiGHS" in str(caught.value)
    with pytest.raises(InputFault, match="is not installed"):
        plan(scenario(), ["solve.solver=CPLEX_DLL"])


@pytest.mark.skipif(CBC not in pulp.listSolvers(onlyAvailable=True), reason="this PuLP brings no CBC")
@pytest.mark.parametrize("seed", range(4100, 4112))
def test_cbc_finds_the_same_optimum(seed: int) -> None:
    text = world(seed)
    try:
        ours, theirs = plan(text), plan(text, [f"solve.solver={CBC}"])
    except InputFault:
        return
    assert ours.status == theirs.status
    if ours.status == "optimal":
        assert value(theirs) == pytest.approx(value(ours), rel=1e-6, abs=1e-6)
        assert theirs.totals["cost_usd"] == pytest.approx(ours.totals["cost_usd"], rel=1e-5, abs=1.0)
        assert theirs.audit is not None
        assert theirs.audit.passed
        assert CBC in theirs.solution.solver


def test_a_claim_that_breaks_a_row_is_not_believed() -> None:
    made = model(scenario())
    good = solve.solve(made, Solve()).values
    assert solve._holds(made.program, good)
    assert not solve._holds(made.program, [x * 1.001 for x in good])
    assert not solve._holds(made.program, [0.0] * len(good))


# --- statuses ---------------------------------------------------------------------------------------------------------


def test_unbounded() -> None:
    """Nothing is demanded, so any multiple of it can be met."""
    text = scenario(objective='[objective]\nmaximize = "demand_scale"', workload=WORKLOAD.replace("200 h100e", "0 h100e"))
    assert solve.solve(model(text), Solve()).status == "unbounded"
    result = plan(text)
    assert result.status == "unbounded"
    assert result.plan is None


def test_infeasible_has_no_values() -> None:
    found = solve.solve(model(scenario(limits='[limits]\nfleet_power = "1 MW"')), Solve())
    assert (found.status, found.values, found.duals) == ("infeasible", [], [])
    assert math.isnan(found.objective)


# --- ties and proofs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["peak_power", "energy", "carbon"])
def test_ties_are_broken_by_least_cost(name: str) -> None:
    # the same chips on the same grid for 2 and 3 USD: the same draw, energy and carbon, so the cheaper is taken
    result = plan(scenario(objective=f'[objective]\nminimize = "{name}"', more=OTHER))
    assert result.status == "optimal"
    assert result.totals["cost_usd"] == pytest.approx(10 * RACK_YEAR, rel=1e-6)
    made = model(scenario(objective=f'[objective]\nminimize = "{name}"', more=OTHER))
    assert value(result) == pytest.approx(worth(made, least(made)), rel=1e-8)


def test_the_duality_gap_is_small() -> None:
    worst = (0.0, 0.0)
    seen = 0
    for seed in range(6000, 6080):
        made = model_or_none(seed)
        if made is None or made.instance.objective != "cost":
            continue
        found = solve.solve(made, Solve())
        if found.status != "optimal":
            continue
        seen += 1
        worst = tuple(map(max, worst, duality_gap(made.program, found.duals, found.objective)))  # type: ignore[assignment]
    assert seen > 20
    assert worst[0] < 1e-9
    assert worst[1] < 1e-6


def test_the_duality_gap_sees_a_wrong_price_and_a_wrong_objective() -> None:
    made = model(scenario(workload=UNSERVED, offer=OFFER))
    found = solve.solve(made, Solve())
    assert duality_gap(made.program, found.duals, found.objective)[0] < 1e-12
    assert duality_gap(made.program, found.duals, found.objective * 0.99)[0] > 1e-3
    demand = made.program.rows.index(("demand", 0, 0, 0))
    gap, infeasible = duality_gap(
        made.program, [y * (2 if i == demand else 1) for i, y in enumerate(found.duals)], found.objective
    )
    assert max(gap, infeasible) > 1e-3


def model_or_none(seed: int) -> solve.Model | None:
    try:
        return model(world(seed))
    except InputFault:
        return None


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_during_the_simplex_method_is_130(tmp_path: Path) -> None:
    """A solver that is still at work must not abort the process as it ends."""
    code = """
import os, signal, sys, threading, time
from planner import cli
from planner.solver import solve
def interrupt():
    while not any(thread.name.endswith("(run)") for thread in threading.enumerate()):
        time.sleep(0.01)
    time.sleep(1)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
sys.argv = ["planner", "solve", "azure-loss", "-q"]
cli.main()
"""
    done = python(code)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted; nothing was changed\n")


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_during_a_solve_keeps_the_old_folder(tmp_path: Path) -> None:
    path, folder = tmp_path / "large.toml", tmp_path / "plan"
    path.write_text(scenario(), encoding="utf-8")
    command = [sys.executable, "-m", "planner", "solve", str(path), "-o", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    before = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()}
    path.write_text(large(), encoding="utf-8")
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(6)  # well inside the search for whole racks
        assert running.poll() is None, running.communicate()
        running.send_signal(signal.SIGINT)
        begun = time.monotonic()
        out, err = running.communicate(timeout=20)
        assert time.monotonic() - begun < 3
    finally:
        if running.poll() is None:
            running.kill()
    assert running.returncode == 130, err
    assert "Traceback" not in err
    assert "interrupted" in err
    assert not out
    assert {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()} == before
    assert {item.name for item in tmp_path.iterdir()} == {"large.toml", "plan"}

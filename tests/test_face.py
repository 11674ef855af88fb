"""The planner from Python: results as DataFrames with units, scenarios as dictionaries, errors as exceptions, no print."""

from __future__ import annotations

import doctest
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

import planner
from planner import face
from tests.command import ROOT, environment

CLASSROOM = tomllib.loads((ROOT / "inputs" / "classroom.toml").read_text("utf-8"))


def test_the_examples_of_the_page_are_true() -> None:
    assert doctest.testmod(face, optionflags=doctest.NORMALIZE_WHITESPACE).attempted > 3
    assert doctest.testmod(face, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


def test_a_plan_and_its_tables() -> None:
    plan = planner.solve("classroom", set=["limits.fleet_power='90 MW'"])
    assert (plan.status, plan.proved) == ("optimal", True) and plan.totals["cost_usd"] > 2.3e9
    assert isinstance(plan.mix, pd.DataFrame) and plan.mix.attrs["name"] == "mix"
    assert plan.mix.attrs["units"]["spend_usd"] == "USD"
    assert {"fleet", "demand", "cost", "constraints", "sources"} <= set(plan.tables) and "mix" in dir(plan)
    assert plan.ties().empty and repr(plan).startswith("<Plan 'Classroom")
    with pytest.raises(AttributeError, match="has no `mixx`; its tables: "):
        _ = plan.mixx


def test_a_scenario_as_a_dictionary_is_that_of_the_file() -> None:
    one, other = planner.solve(CLASSROOM), planner.solve("classroom")
    assert one.totals == other.totals
    pd.testing.assert_frame_equal(one.mix, other.mix)
    assert one.sources["file"].unique().tolist() == ["the dictionary"]


def test_a_dictionary_extends_a_bundled_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plan = planner.solve({"schema": 1, "extends": "classroom", "limits": {"fleet_power": "90 MW"}})
    assert plan.totals == planner.solve("classroom", set=["limits.fleet_power='90 MW'"]).totals


def test_what_no_file_could_hold_is_named() -> None:
    wrong = CLASSROOM | {"horizon": {"start": date(2025, 1, 1), "end": object(), "step": "year"}}
    with pytest.raises(planner.InputFault, match=r"the dictionary: horizon\.end: a object is nothing that a scenario can hold"):
        planner.solve(wrong)
    with pytest.raises(planner.InputFault, match="unknown key `limts`"):
        planner.solve(CLASSROOM | {"limts": {}})


def test_faults_are_returned_by_check_and_raised_by_the_others() -> None:
    (found,) = planner.check("classroom", set=["limits.fleet_power='30 mW'"])
    assert "MW" in found.fix
    with pytest.raises(planner.InputFault) as caught:
        planner.load("classroom", set=["limits.fleet_power='30 mW'"])
    assert list(caught.value.findings) == [found]
    assert planner.check("classroom") == ()


def test_load_says_what_would_be_solved() -> None:
    found = planner.load("classroom")
    assert found.outline["objective"] == "cost" and found.inputs.name == "classroom"


def test_nothing_fits() -> None:
    with pytest.raises(planner.NoPlan) as caught:
        planner.solve("classroom", set=["limits.fleet_power='70 MW'"])
    plan = caught.value.plan
    assert (plan.status, plan.proved, plan.tables) == ("infeasible", True, {}) and plan.conflict
    assert isinstance(caught.value, planner.PlannerError) and caught.value.exit_code == 3


def test_reasons_mixes_and_the_curve() -> None:
    plan = planner.solve("classroom")
    assert plan.explain().binding["constraint"].tolist() == ["fleet_power"]
    pd.testing.assert_frame_equal(planner.explain("classroom").binding, plan.explain().binding)
    around = planner.mixes("classroom", within="5%")
    assert {"intervals", "mixes"} <= set(around.tables)
    curve = planner.frontier("classroom", points=3).frontier
    assert curve["peak_power_mw"].is_monotonic_increasing
    with pytest.raises(planner.NoPlan):
        planner.mixes("classroom", set=["limits.fleet_power='70 MW'"])


def test_compare_and_verify(tmp_path: Path) -> None:
    plan = planner.solve("classroom")
    folder = plan.write(tmp_path / "plan")
    assert planner.verify(folder, exact=True).passed
    found = planner.compare(folder, planner.solve("classroom", set=["limits.fleet_power='90 MW'"]))
    assert set(found.tables) == {"results", "inputs"} and "limits.fleet_power" in found.inputs["what"].tolist()
    with pytest.raises(planner.InputFault):
        planner.compare(plan)


def test_the_package_alone_loads_nothing() -> None:
    code = "import sys, planner; print(planner.__version__, {'pandas', 'pulp', 'pint', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    assert done.stdout == f"{planner.__version__} set()\n"
    assert set(planner.__all__) <= set(dir(planner))
    with pytest.raises(AttributeError, match="no `solv`"):
        _ = planner.solv  # type: ignore[attr-defined]


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    planner.solve("classroom")
    assert capfd.readouterr() == ("", "")

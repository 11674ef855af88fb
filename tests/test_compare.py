"""`planner compare`: results and inputs of plans against the first."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from tests.command import CLASSROOM, planner


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders: classroom under 100 MW (`narrow`) and under 120 MW (`wide`)."""
    home = tmp_path_factory.mktemp("plans")
    assert planner("solve", "classroom", "-q", "-o", home / "narrow").code == 0
    assert planner("solve", "classroom", "-q", "-o", home / "wide", "--set", "limits.fleet_power='120 MW'").code == 0
    return home


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def test_folders_side_by_side(plans: Path, tmp_path: Path) -> None:
    done = planner("compare", plans / "narrow", plans / "wide", "-o", tmp_path / "out")
    assert (done.code, done.err) == (0, "")
    cost = "2.278 billion USD +1.927 billion USD +-15.4%"  # 2 × 20 MW × 8.76 million USD less
    assert re.search(f"^cost +{cost}$", done.out, re.M)
    assert "wide: 1 number of its inputs differ from narrow" in done.out
    assert "limits.fleet_power: 100 MW -> 120 MW" in done.out
    (changed,) = rows(tmp_path / "out" / "inputs.csv")
    assert changed == {"plan": "wide", "what": "limits.fleet_power", "baseline": "100 MW", "value": "120 MW"}
    results = {(r["plan"], r["what"], r["period"], r["provider"]): r for r in rows(tmp_path / "out" / "results.csv")}
    row = results["wide", "cost_usd", "total", ""]
    assert float(row["difference"]) == pytest.approx(-2 * 20 * 8.76e6, rel=1e-6)
    assert float(row["ratio"]) == pytest.approx(float(row["value"]) / float(row["baseline"]), rel=1e-9)
    assert float(results["narrow", "power_mw", "2027", "north"]["value"]) == pytest.approx(40)
    assert float(results["wide", "power_mw", "2027", "north"]["value"]) == pytest.approx(80)


def test_scenarios_and_folders_mix_and_names_stay_apart(plans: Path) -> None:
    done = planner("compare", CLASSROOM, plans / "narrow", "classroom", "--json")
    found = json.loads(done.out, parse_constant=pytest.fail)
    assert [plan["name"] for plan in found["plans"]] == ["classroom", "narrow", "classroom-2"]
    assert found["plans"][0]["totals"]["cost_usd"] == pytest.approx(found["plans"][1]["totals"]["cost_usd"], rel=1e-9)
    assert found["plans"][0]["mix"] == pytest.approx(found["plans"][1]["mix"])
    assert found["inputs"] == []


def test_different_worlds(plans: Path) -> None:
    """Providers that only one of them has show a dash."""
    done = planner("compare", plans / "narrow", "dantzig")
    assert done.code == 0
    assert any(line.split()[-1] == "-" for line in done.out.splitlines() if line.startswith("north"))


def test_nothing_to_compare(plans: Path, tmp_path: Path) -> None:
    assert planner("compare", plans / "narrow", "nix").code == 1
    assert planner("compare", plans / "narrow", tmp_path).code == 1


def test_a_scenario_that_nothing_fits_is_a_column(plans: Path, tmp_path: Path) -> None:
    """It has a status and its inputs; where it is the baseline there are no differences. Nothing but such ends with 3."""
    tight = ("classroom", "--set", "limits.fleet_power='50 MW'")
    done = planner("compare", plans / "narrow", *tight, "-o", tmp_path / "c")
    assert done.code == 0 and "has no feasible plan; `planner explain classroom` says why" in done.err
    lines = [line.split() for line in done.out.splitlines()]
    assert ["status", "optimal", "infeasible"] in lines and lines[[line[:1] for line in lines].index(["cost"])][-1] == "-"
    assert "limits.fleet_power: 100 MW -> 50 MW" in done.out
    assert planner("solve", *tight, "-q", "-o", tmp_path / "none").code == 3
    if (tmp_path / "none").is_dir():
        done = planner("compare", tmp_path / "none", plans / "narrow", "-o", tmp_path / "d")
        rows = list(csv.DictReader((tmp_path / "d" / "results.csv").open(encoding="utf-8")))
        assert done.code == 0 and rows and not any(row["difference"] or row["ratio"] for row in rows)
    assert planner("compare", "classroom", *tight).code == 3


def test_a_damaged_folder(plans: Path, tmp_path: Path) -> None:
    assert planner("solve", "classroom", "-q", "-o", tmp_path / "plan").code == 0
    (tmp_path / "plan" / "mix.csv").unlink()
    done = planner("compare", plans / "narrow", tmp_path / "plan")
    assert done.code == 1 and "cannot be compared" in done.err

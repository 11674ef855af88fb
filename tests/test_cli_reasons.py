"""The commands explain, mixes and frontier as a user types them: what they print, write, refuse, and their exit codes."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from planner.cli.reasons import MEASURED
from planner.model.measures import MEASURES
from tests.command import planner

TIGHT = ["--set", "limits.fleet_power='70 MW'"]  # classroom needs 80 MW


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open(encoding="utf-8", newline="")))


def test_explain_says_what_binds(tmp_path: Path) -> None:
    done = planner("explain", "classroom", "-o", tmp_path)
    assert (done.code, done.err) == (0, "")
    assert "power of the whole fleet binds (2026 to 2027, 2 periods; 100.0 MW)" in done.out
    assert "write 110 MW instead of 100 MW in inputs/classroom.toml:91" in done.out
    (found,) = rows(tmp_path / "binding.csv")
    assert float(found["saves"]) == pytest.approx(175.2e6) and found["worth_unit"] == "USD"
    assert {"shadow_price", "shadow_price_less"} <= set(rows(tmp_path / "constraints.csv")[0])
    assert json.loads(planner("explain", "classroom", "--json").out)["binding"][0]["constraint"] == "fleet_power"


def test_explain_knows_a_plan_folder(tmp_path: Path) -> None:
    """Its scenario with what it overrode; not once a file has changed."""
    assert planner("solve", "classroom", "-q", "--set", "limits.fleet_power='90 MW'", "-o", tmp_path / "plan").code == 0
    done = planner("explain", tmp_path / "plan")
    assert done.code == 0 and "2 periods; 90.00 MW)" in done.out
    assert planner("explain", tmp_path).code == 1
    plan = tmp_path / "plan" / "plan.json"
    changed = json.loads(plan.read_text("utf-8"))
    changed["inputs"] = dict.fromkeys(changed["inputs"], "0" * 64)
    plan.write_text(json.dumps(changed), encoding="utf-8")
    done = planner("explain", tmp_path / "plan")
    assert done.code == 1 and "inputs have changed" in done.err


def test_explain_answers_only_what_is_asked(tmp_path: Path) -> None:
    asked = ["--entry-prices", "--cost-of-rules", "--losses", "--trace", "mix.csv:north:2026", "--trace", "plan.json:cost_usd"]
    done = planner("explain", "classroom", *asked, "-o", tmp_path)
    assert done.code == 0 and "What binds" not in done.out
    names = {"entry_prices", "cost_of_rules", "losses", "trace"}
    assert {path.stem for path in tmp_path.glob("*.csv")} == names
    assert {row["result"] for row in rows(tmp_path / "trace.csv")} == {
        "compute of north in 2026", "cost of the whole plan in the whole horizon",
    }  # fmt: skip
    assert set(json.loads(planner("explain", "classroom", *asked, "--json").out)) == names
    assert "limits.fleet_power" in done.out and "+2.50 %" in done.out


def test_explain_says_why_nothing_fits() -> None:
    done = planner("explain", "classroom", *TIGHT)
    assert done.code == 3 and done.err == ""
    assert "need 80,000 h100e: demand of training, 2027" in done.out and "short 10,000 h100e" in done.out
    ways = [line for line in done.out.splitlines() if line[:1].isdigit()]
    assert len(ways) == 2 and "+10.00 MW" in ways[1] and ways[1].endswith("all")
    locked = planner("explain", "classroom", *TIGHT, "--lock", "demand")
    assert [line[:1] for line in locked.out.splitlines() if line[:1].isdigit()] == ["1"] and "+10.00 MW" in locked.out
    found = json.loads(planner("explain", "classroom", *TIGHT, "--json").out)
    assert found["status"] == "infeasible" and found["conflict"]["proved"]


@pytest.mark.parametrize("tight", [[], TIGHT])
@pytest.mark.parametrize("command", ["solve", "explain"])
def test_an_unknown_lock_is_a_fault(command: str, tight: list[str]) -> None:
    done = planner(command, "classroom", *tight, "--lock", "limits.fleet_powre")
    assert done.code == 1 and "did you mean `limits.fleet_power`" in done.err


def test_explain_has_no_prices_for_whole_racks() -> None:
    done = planner("explain", "classroom", "--set", "solve.whole_racks=true")
    assert done.code == 0 and "no shadow prices" in done.out


@pytest.mark.parametrize("text", ["mix.csv", "mix.csv:nobody:2026", "mix.csv:north:2062"])
def test_a_cell_that_there_is_not(text: str) -> None:
    done = planner("explain", "classroom", "--trace", text)
    assert done.code == 1 and "fix:" in done.err


def test_mixes(tmp_path: Path) -> None:
    done = planner("mixes", "classroom", "--within", "5%", "-o", tmp_path)
    assert done.code == 0
    assert {path.stem for path in tmp_path.glob("*.csv")} == {"mixes", "mix_shares", "intervals"}
    assert list(rows(tmp_path / "intervals.csv")[0]) == ["provider", "of", "within", "low", "high"]
    assert rows(tmp_path / "mixes.csv")[0]["mix"] == "optimum"
    printed = json.loads(planner("mixes", "classroom", "--within", "0.05", "--json").out)
    assert set(printed) == {"mixes", "mix_shares", "intervals"}


def test_frontier(tmp_path: Path) -> None:
    done = planner("frontier", "classroom", "--points", "5", "-o", tmp_path)
    assert done.code == 0
    found = rows(tmp_path / "frontier.csv")
    assert list(found[0])[:2] == ["peak_power_mw", "cost_usd"] and list(found[0])[-4:] == ["kink", "limit", "slope", "slope_unit"]
    assert {float(row["peak_power_mw"]) for row in found} >= {80.0, 100.0}
    assert (tmp_path / "frontier.svg").is_file() and (tmp_path / "frontier.png").is_file()
    assert json.loads(planner("frontier", "classroom", "--points", "2", "--json").out)["frontier"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mixes", "classroom", "--within", "5 MW"], "--within"),
        (["mixes", "classroom", "--within", "-1%"], "within"),
        (["frontier", "classroom", "--x", "cost", "--y", "cost"], "cost"),
        (["frontier", "classroom", "--x", "power"], "peak_power"),
        (["frontier", "classroom", "--x", "unserved"], "unserved"),
        (["frontier", "classroom", "--x", "demand_scale", "--y", "largest_share"], "share"),
    ],
)
def test_what_cannot_be_asked(arguments: list[str], said: str) -> None:
    done = planner(*arguments)
    assert done.code == 1 and said in done.err and "fix:" in done.err


@pytest.mark.parametrize("command", ["mixes", "frontier"])
def test_alternatives_where_nothing_fits(command: str) -> None:
    done = planner(command, "classroom", *TIGHT)
    assert done.code == 3 and "infeasible, no plan keeps all limits" in done.out


def test_the_measures_of_the_help_are_those_there_are() -> None:
    axes = {name for name, measure in MEASURES.items() if measure.axis}
    assert axes == set(MEASURED.split(", ")) <= set(re.findall(r"\w+", planner("frontier", "--help").out))

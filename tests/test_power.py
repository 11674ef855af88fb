"""Where the power comes from, as the answer and the comparison show it."""

from __future__ import annotations

from pathlib import Path

from planner.results.power import energy_by_source, standing_by_source
from tests.command import planner

ROWS = [
    {"source": "grid", "mwh": 10.0, "cost_usd": 500.0, "carbon_t": 4.0},
    {"source": "sun", "mwh": 30.0, "cost_usd": None, "carbon_t": 0.0},
    {"source": "cell charge", "mwh": -5.0, "cost_usd": 0.0, "carbon_t": 0.0},
    {"source": "grid", "mwh": "15", "cost_usd": "700", "carbon_t": "6"},
]


def test_energy_is_summed_by_source_and_charging_is_left_out() -> None:
    assert energy_by_source(ROWS) == {"sun": (30.0, 0.0, 0.0), "grid": (25.0, 1200.0, 10.0)}
    assert list(energy_by_source(ROWS)) == ["sun", "grid"]


def test_standing_power_is_the_largest_of_the_periods() -> None:
    rows = [{"source": "sun", "there_mw": 0.0}, {"source": "sun", "there_mw": 7.5}, {"source": "sun", "there_mw": "3"}]
    assert standing_by_source(rows) == {"sun": 7.5}


def test_the_answer_and_the_comparison_show_it(tmp_path: Path) -> None:
    done = planner("solve", "green-hours", "-o", str(tmp_path / "hours"), "--quiet")
    assert done.code == 0
    assert "Energy by source" in done.out
    assert "\ngrid " in done.out
    side = planner("compare", str(tmp_path / "hours"), "green-hours", "--quiet")
    assert side.code == 0
    line = next(line for line in side.out.splitlines() if line.startswith("energy from grid [MWh]"))
    assert "0.0%" in line


def test_a_plan_without_hours_has_no_such_block() -> None:
    assert "Energy by source" not in planner("solve", "classroom").out

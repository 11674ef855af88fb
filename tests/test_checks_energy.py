# ruff: noqa: E501 - a case of a table stays on one line
"""Energy tables that cannot be planned with: each is an InputFault with file, line, key and fix, and never anything else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from planner.checks.energy import ENERGY_CHECKS
from planner.core.errors import InputFault
from planner.run import pipeline
from tests.command import planner
from tests.small import scenario
from tests.test_oracle import BLOCKS, OTHER
from tests.test_oracle_energy import BATTERY, BY_DAY, DAY, DAY_ROWS, GAS, METERED, PEAKY, PPA, SEASON_ROWS, SHAPED, SOLAR

GAS_THERE = GAS + 'capacity = "1 MW"\n'
LATE = GAS + 'max_build = "1 MW"\nlead_time = "2 year"\n'
Case = tuple[dict[str, str], str, str, str]  # blocks, key, what, fix


def rows(*found: tuple[str, str, str]) -> str:
    return "".join(
        f'[[slice]]\nset = "S"\nid = "{name}"\n'
        + (f'months = "{months}"\n' if months else "")
        + (f'hours = "{hours}"\n' if hours else "")
        for name, months, hours in found
    )


CASES: dict[str, Case] = {
    # slices
    "overlap": ({"more": rows(("day", "", "8-20"), ("night", "", "20-23;0-7"))}, "slice.S.night", "shares month 1 hour 20 with slice day", "one slice"),
    "overlap in one month": ({"more": rows(("a", "1-6", ""), ("b", "6-12", ""))}, "slice.S.b", "shares month 6 hour 0 with slice a", "one slice"),
    "months overlap": ({"more": rows(("a", "1-6", "0-11"), ("b", "1-12", "12-23"), ("c", "7-12", "0-11"))}, "slice.S.a", "its months overlap those of slice b", "the same months or none"),
    "an empty hour": ({"more": rows(("day", "", "8-18"), ("night", "", "20-23;0-7"))}, "slice.S", "no slice of set S has month 1 hour 19 (12 of 288 cells are missing)", "add a slice"),
    "an empty cell": ({"more": rows(("a", "1-6;8-12", ""), ("b", "7", "0-22"))}, "slice.S", "no slice of set S has month 7 hour 23 (1 of 288 cells are missing)", "widen one"),
    "unknown set": ({"policy": '[energy]\nslices = "T"', "more": DAY_ROWS}, "energy.slices", "there is no set of slices `T`", "`S`"),
    "near set": ({"policy": '[energy]\nslices = "saesons"', "more": DAY_ROWS.replace('"S"', '"seasons"')}, "energy.slices", "no set of slices `saesons`", "did you mean `seasons`?"),
    "twice": ({"more": DAY_ROWS + rows(("day", "", "8-19"))}, "slice", "`S day` stands twice", "an id names one row"),
    "month 13": ({"more": rows(("a", "1-13", ""))}, "slice.S.a.months", "`1-13` does not lie in 1 to 12", "12;1-2"),
    "hour 24": ({"more": rows(("a", "", "0-24"))}, "slice.S.a.hours", "`0-24` does not lie in 0 to 23", "12;1-2"),
    "backwards": ({"more": rows(("a", "", "22-5"))}, "slice.S.a.hours", "`22-5`", "upwards"),
    "no numbers": ({"more": rows(("a", "", "night"))}, "slice.S.a.hours", "`night` is not a list of numbers", "0-5;22-23"),
    "a number twice": ({"more": rows(("a", "", "0-5;5-23"))}, "slice.S.a.hours", "names a number twice", "once"),
    # shapes
    "missing hours": ({"more": DAY_ROWS + '[[shape]]\nid = "h"\nhours = "0-22"\nvalue = 1\n', "workload": SHAPED}, "shape.h", "has no value for month 1 hour 23 (12 of 288 cells)", "every month and hour once"),
    "missing month": ({"more": DAY_ROWS + '[[shape]]\nid = "h"\nmonths = "1-11"\nvalue = 1\n', "workload": SHAPED}, "shape.h", "has no value for month 12 hour 0 (24 of 288 cells)", "once"),
    "doubled hours": ({"more": DAY_ROWS + PEAKY + '[[shape]]\nid = "h"\nmonths = "7"\nhours = "3"\nvalue = 1\n', "workload": SHAPED}, "shape.h", "has two values for month 7 hour 3 (1 of 288 cells)", "once"),
    "no value": ({"more": DAY_ROWS + '[[shape]]\nid = "h"\n'}, "shape.h", "value", "value"),
    "unknown shape of a price": ({"more": DAY_ROWS + PEAKY.replace('"h"', '"hourly"'), "places": BLOCKS["places"] + 'price_shape = "houry"\n'}, "grid.g", "there is no shape `houry`", "did you mean `hourly`?"),
    "unknown shape of carbon": ({"more": DAY_ROWS, "places": BLOCKS["places"] + 'carbon_shape = "h"\n'}, "grid.g", "there is no shape `h`", "none"),
    "unknown shape of a demand": ({"more": DAY_ROWS, "workload": SHAPED}, "workload.w.demand_shape", "there is no shape `h`", "none"),
    "unknown shape of a source": ({"more": DAY_ROWS + SOLAR.format(1)}, "power_source.x.shape", "there is no shape `h`", "none"),
    # sources
    "efficiency above 1": ({"more": DAY_ROWS + BATTERY.replace("0.8", "1.1")}, "power_source.x.efficiency", "1.1", ""),
    "efficiency 0": ({"more": DAY_ROWS + BATTERY.replace("0.8", "0")}, "power_source.x.efficiency", "0", ""),
    "no duration": ({"more": DAY_ROWS + BATTERY.replace('duration = "6 hour"\n', "")}, "power_source.x", "a battery needs duration and efficiency", "duration ="),
    "no efficiency": ({"more": DAY_ROWS + BATTERY.replace("efficiency = 0.8\n", "")}, "power_source.x", "a battery needs duration and efficiency", "efficiency ="),
    "battery on a grid": ({"more": DAY_ROWS + BATTERY.replace('site = "s"', 'grid = "g"')}, "power_source.x", "stands at a site", ""),
    "duration of gas": ({"more": DAY_ROWS + GAS_THERE + 'duration = "4 hour"\n'}, "power_source.x", "are of batteries, not of gas", "leave them out"),
    "unknown site": ({"more": DAY_ROWS + OTHER.replace('"z"', '"hall"') + GAS_THERE.replace('"s"', '"hal"')}, "power_source.x", "there is no site `hal`", "did you mean `hall`?"),
    "unknown grid": ({"more": DAY_ROWS + PPA.format(1, 1).replace('"g"', '"gg"')}, "power_source.x", "there is no grid `gg`", "`g`"),
    "site and grid": ({"more": DAY_ROWS + GAS_THERE + 'grid = "g"\n'}, "power_source.x", "stands at a site or on a grid", "exactly one"),
    "neither": ({"more": DAY_ROWS + GAS_THERE.replace('site = "s"\n', "")}, "power_source.x", "stands at a site or on a grid", "exactly one"),
    "included offer": ({"more": DAY_ROWS + GAS_THERE, "offer": BLOCKS["offer"]}, "power_source.x", "offer o includes its energy, but site s has a power source", "make the offer metered"),
    "no site_power": ({"more": DAY_ROWS + GAS_THERE, "power": "", "offer": METERED + 'billing = "on_demand"\nmax = "500 gpu"'}, "power_source.x", "site s has no site_power", "0 MW"),
    "nothing there": ({"more": DAY_ROWS + GAS}, "power_source.x", "has neither capacity nor max_build", "drop the row"),
    "no lifetime": ({"more": DAY_ROWS + GAS + 'max_build = "1 MW"\ncapex = "1 USD/kW"\n'}, "power_source.x", "a lifetime that is missing", "20 year"),
    "unknown kind": ({"more": DAY_ROWS + GAS_THERE.replace('"gas"', '"gass"')}, "power_source.x.kind", "gass", "gas"),
    "twice x": ({"more": DAY_ROWS + GAS_THERE + GAS_THERE}, "power_source", "`x` stands twice", "one row"),
    "to before from": ({"more": DAY_ROWS + GAS_THERE + "from = 2027-05-01\nto = 2027-04-01\n"}, "power_source.x", "from", ""),
    **{
        f"negative {key}": ({"more": DAY_ROWS + (GAS_THERE if key in ("capex", "fixed_om") else GAS_THERE.replace('variable_cost = "60 USD/MWh"\n', "")) + f'{key} = "-1 {unit}"\n'}, f"power_source.x.{key}", "is below 0", "0 or more")
        for key, unit in (("capex", "USD/kW"), ("fixed_om", "USD/kW/year"), ("variable_cost", "USD/MWh"), ("carbon", "g/kWh"), ("water", "L/kWh"))
    },
    "negative lead time": ({"more": DAY_ROWS + GAS_THERE + 'lead_time = "-1 year"\n'}, "power_source.x.lead_time", "is below 0", "0 or more"),
    "negative capacity": ({"more": DAY_ROWS + GAS + 'capacity = "-1 MW"\n'}, "power_source.x.capacity", "is below 0", "0 or more"),
    "min_take above 1": ({"more": DAY_ROWS + GAS_THERE + "min_take = 1.5\n"}, "power_source.x.min_take", "1.5", ""),
    "a bare number": ({"more": DAY_ROWS + GAS_THERE + "water = 2\n"}, "power_source.x.water", "2", "L/kWh"),
    "min_take beside a share of spend": (
        {"more": DAY_ROWS + GAS_THERE + "min_take = 0.5\n", "limits": '[limits]\nprovider_share = [ { provider = "p", of = "spend", max = 0.9 } ]'},
        "power_source.x.min_take", "a share of spend", "min_take = 0",
    ),
    # the rest
    "idle load above 1": ({"more": DAY_ROWS, "accelerator": BLOCKS["accelerator"] + "idle_load = 1.2\n"}, "accelerator.a.idle_load", "1.2", ""),
    "flexible as it likes": ({"more": DAY_ROWS, "workload": BLOCKS["workload"] + '\nflexible = "week"'}, "workload.w.flexible", "week", "day"),
    "unknown key": ({"policy": '[energy]\nslice = "S"', "more": DAY_ROWS}, "energy.slice", "slice", "slices"),
    "slices is no name": ({"policy": "[energy]\nslices = 3", "more": DAY_ROWS}, "energy.slices", "3", "quotes"),
}  # fmt: skip

OPEN: dict[str, Case] = {
    "negative shape of a demand": ({"more": DAY_ROWS + BY_DAY.format(-1, 1), "workload": SHAPED}, "shape.h", "", ""),
    "negative shape of a source": ({"more": DAY_ROWS + BY_DAY.format(-1, 1) + SOLAR.format(1)}, "shape.h", "", ""),
    "negative shape of carbon": ({"more": DAY_ROWS + BY_DAY.format(-1, 0.5), "places": BLOCKS["places"] + 'carbon_shape = "h"\n'}, "shape.h", "", ""),
    "a source by the name of the grid": ({"more": DAY_ROWS + GAS_THERE.replace('"x"', '"grid"')}, "power_source.grid", "grid", ""),
}  # fmt: skip


def written(tmp_path: Path, blocks: dict[str, str]) -> Path:
    path = tmp_path / "world.toml"
    path.write_text(scenario(**({"policy": DAY, "offer": METERED} | blocks)), "utf-8")
    return path


def refused(tmp_path: Path, case: Case) -> None:
    blocks, key, what, fix = case
    path = written(tmp_path, blocks)
    with pytest.raises(InputFault) as caught:
        pipeline.prepare(str(path))
    errors = [f for f in caught.value.findings if f.severity == "error"]
    found = [f for f in errors if f.where.key.startswith(key) and what in f.what]
    assert found, str(caught.value)
    (finding, *_) = found
    assert finding.fix and fix in finding.fix, finding
    # the line is one of the row that the key names, or of its section
    lines = path.read_text("utf-8").split("\n")
    assert finding.where.file.endswith("world.toml")
    assert 0 < finding.where.line <= len(lines)
    table = key.split(".")[0]
    begin = next(line for line in reversed(lines[: finding.where.line]) if line.startswith("["))
    assert begin.strip("[]") == table
    assert str(finding).startswith(f"{finding.where.file}:{finding.where.line}: {finding.where.key}: ")


def test_the_clean_world_passes(tmp_path: Path) -> None:
    _, warnings = pipeline.prepare(
        str(written(tmp_path, {"more": SEASON_ROWS + PEAKY + BATTERY + GAS_THERE.replace('"x"', '"y"')}))
    )
    assert warnings == []


@pytest.mark.parametrize("case", CASES)
def test_bad_energy_tables_are_refused(tmp_path: Path, case: str) -> None:
    refused(tmp_path, CASES[case])


def test_the_command_ends_with_1_and_the_message(tmp_path: Path) -> None:
    path = written(tmp_path, CASES["an empty hour"][0])
    for command in ("solve", "check"):
        done = planner(command, path)
        assert (done.code, done.out) == (1, "")
        assert "world.toml:" in done.err and "slice.S: no slice of set S has month 1 hour 19" in done.err and "fix: " in done.err
        assert "Traceback" not in done.err


def test_all_are_said_at_once(tmp_path: Path) -> None:
    more = (
        rows(("day", "", "8-20"), ("night", "", "20-22;0-7"))
        + '[[shape]]\nid = "h"\nhours = "0-22"\nvalue = 1\n'
        + LATE.replace('"s"', '"t"')
    )
    with pytest.raises(InputFault) as caught:
        pipeline.prepare(str(written(tmp_path, {"more": more, "workload": SHAPED})))
    assert {f.where.key for f in caught.value.findings} >= {"slice.S", "slice.S.night", "shape.h", "power_source.x"}


def test_too_late_is_a_warning_and_never_built(tmp_path: Path) -> None:
    path = written(tmp_path, {"more": DAY_ROWS + LATE})
    result = pipeline.plan_scenario(str(path))
    (warning,) = result.warnings
    assert warning.severity == "warning" and warning.where.line > 0
    assert warning.where.key == "power_source.x"
    assert "its lead time of 2 years is longer than the horizon: it is never built" in warning.what
    assert result.status == "optimal" and result.audit is not None and result.audit.passed
    assert result.totals["cost_usd"] == pytest.approx(1_752_000 + 547_500)
    assert result.texts["built"].splitlines()[1:] == []
    done = planner("check", path)
    assert done.code == 0 and "never built" in done.out + done.err


def test_a_lead_time_beyond_all_time(tmp_path: Path) -> None:
    path = written(tmp_path, {"more": DAY_ROWS + LATE.replace("2 year", "1e12 year")})
    assert "never built" in str(pipeline.prepare(str(path))[1][0])


def test_without_the_section_faults_across_tables_do_not_matter(tmp_path: Path) -> None:
    """Slices with gaps, shapes that are not there, sources at unknown sites: they take no part."""
    blocks = CASES["an empty hour"][0] | {"workload": SHAPED, "policy": ""}
    blocks["more"] += GAS_THERE.replace('"s"', '"nowhere"')
    result = pipeline.plan_scenario(str(written(tmp_path, blocks)))
    assert result.status == "optimal"


def test_every_check_of_energy_is_tripped_above(tmp_path: Path) -> None:
    def tripped() -> Iterator[str]:
        for blocks, *_ in CASES.values():
            try:
                inputs = pipeline.assemble(pipeline.read(str(written(tmp_path, blocks))))
            except InputFault:
                continue
            yield from (check.__name__ for check in ENERGY_CHECKS if list(check(inputs)))

    assert set(tripped()) == {check.__name__ for check in ENERGY_CHECKS}


# --- faults of the planner that are not mended yet ---------------------------------------------------------------------


@pytest.mark.parametrize("case", OPEN)
def test_what_cannot_be_is_refused(tmp_path: Path, case: str) -> None:
    """Negative demand or carbon fails the audit, negative power is infeasible, `grid` means two things in energy.csv."""
    refused(tmp_path, OPEN[case])

"""The command line: every command, its exit codes, and what goes to stdout and to stderr."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from planner.core.errors import InputFault
from planner.run import pipeline
from planner.solver import solve
from tests.command import CLASSROOM, command, environment, planner, process, python
from tests.test_skypilot import h100
from tests.test_skypilot import write as catalogue

COMMANDS = ["solve", "check", "compare", "verify", "profiles", "init", "schema", "doctor"]
COMMANDS += ["explain", "mixes", "frontier", "import"]
TOO_LITTLE = ["--set", "limits.fleet_power='50 MW'"]  # classroom needs 80 MW


# --- help ---------------------------------------------------------------------------------------------------------------


def test_help_lists_every_command() -> None:
    done = planner("--help")
    assert done.code == 0 and done.err == ""
    assert re.findall(r"^  ([a-z]+)  ", done.out.partition("Commands:")[2], re.M) == COMMANDS
    assert "..." not in done.out.partition("Commands:")[2], "a command's line is cut off"


@pytest.mark.parametrize("name", [*([c] for c in COMMANDS), ["import", "skypilot"]], ids=" ".join)
def test_help_of_a_command(name: list[str]) -> None:
    done = planner(*name, "--help")
    assert done.code == 0 and done.err == ""
    assert done.out.startswith(f"Usage: planner {' '.join(name)} ")
    assert all(len(line) <= 80 for line in done.out.splitlines())


def test_help_imports_no_library_that_it_does_not_need() -> None:
    """Neither pandas nor PuLP, nor anything else that only an answer needs."""
    code = (
        "import sys, time\nbegun = time.perf_counter()\nfrom planner.cli.app import main\nsys.argv = ['planner', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(time.perf_counter() - begun, *sorted({m.partition('.')[0] for m in sys.modules}), file=sys.stderr)"
    )
    done = python(code)
    seconds, *modules = done.stderr.split()
    assert not {"pandas", "pulp", "highspy", "numpy", "pint", "pydantic", "rich"} & set(modules)
    assert float(seconds) < 1.0


def test_version() -> None:
    assert re.fullmatch(r"planner \d+\.\d+\.\d+\n", planner("--version").out)


def test_completion() -> None:
    """The shell gets a script, and names of bundled scenarios and tables."""
    call = f"{shlex.join(command('--show-completion'))}; true"  # asked from a shell, which it finds among its parents
    shown = subprocess.run(["bash", "-c", call], capture_output=True, text=True, env=environment(), timeout=60, check=False)
    assert "_planner_completion" in shown.stdout
    for words, expected in (("planner solve class", "classroom"), ("planner profiles site_p", "site_power")):
        env = environment(_PLANNER_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD="2")
        assert process([], env=env).stdout.split() == [expected]


# --- solve --------------------------------------------------------------------------------------------------------------


def test_solve_prints_an_answer() -> None:
    done = planner("solve", "classroom")
    assert done.code == 0
    assert done.err == ""
    head, standing, *_ = done.out.splitlines()
    assert head == "Classroom: two clouds under one power cap"
    assert re.fullmatch(r"optimal; audit passed \(\d+ checks\)", standing)
    assert "cost   2.278 billion USD, not discounted\n" in done.out
    assert re.search(r"^south +- +20% +20\.0 +60% +60\.0 +1\.402$", done.out, re.M)
    assert re.search(r"^power of the whole fleet +2026 to 2027 +MW +17\.52 million USD$", done.out, re.M)
    assert "unserved  nothing\n" in done.out
    assert "\x1b" not in done.out


def test_the_answer_on_openai_base_fits_a_screen() -> None:
    done = planner("solve", "openai-base")
    assert done.code == 0
    assert len(done.out.splitlines()) <= 40
    assert all(line.startswith(("warning: ", "and ")) and len(line) <= 101 for line in done.err.splitlines())
    for name in ("azure", "aws", "oracle", "google", "unserved", "because", "rests on"):
        assert re.search(f"^{name} ", done.out, re.M), name
    quiet = planner("solve", "openai-base", "--quiet")
    assert (quiet.code, quiet.err, quiet.out) == (0, "", done.out)


def test_solve_as_json() -> None:
    done = planner("solve", "classroom", "--json")
    plan = json.loads(done.out, parse_constant=pytest.fail)
    assert done.code == 0 and plan["status"] == "optimal" and plan["audit"]["passed"] is True
    assert set(plan["totals"]) == {
        "cost_usd", "spend_usd", "peak_power_mw", "energy_mwh", "carbon_t", "unserved_h100e_h", "shortfall_usd",
    }  # fmt: skip
    assert plan["totals"]["cost_usd"] == pytest.approx(2277.6e6, rel=1e-9)


def test_solve_with_an_override() -> None:
    done = planner("solve", "classroom", "--set", "limits.fleet_power=120 MW", "--json")
    plan = json.loads(done.out)
    assert plan["totals"]["cost_usd"] == pytest.approx(2277.6e6 - 2 * 20 * 8.76e6, rel=1e-9)
    assert plan["set"] == ["limits.fleet_power=120 MW"]


def test_timings_are_split_by_stage(tmp_path: Path) -> None:
    done = planner("solve", "classroom", "--timings", "-q", "-o", tmp_path / "plan")
    found = re.fullmatch(r"timings \[s\]: (.*); total ([\d.]+)\n", done.err)
    assert found, done.err
    parts = {name: float(seconds) for name, seconds in (part.split() for part in found[1].split(", "))}
    assert list(parts) == ["imports", "read", "check", "build", "solve", "certificate", "tables", "audit", "write"]
    assert sum(parts.values()) == pytest.approx(float(found[2]), abs=0.1)


def test_all_libraries_are_loaded_in_the_stage_that_counts_imports() -> None:
    code = """
import sys
from contextlib import contextmanager
from planner.run import pipeline

class Watch(pipeline.Timings):
    @contextmanager
    def of(self, stage):
        before = set(sys.modules)
        with super().of(stage):
            yield
        if stage != "imports":
            new = {m.partition(".")[0] for m in set(sys.modules) - before}
            print(stage, *sorted(new - {"planner", *sys.stdlib_module_names}))

pipeline.plan_scenario("classroom", (), Watch())
print("pandas" in sys.modules)
"""
    done = python(code)
    assert done.stderr == ""
    *stages, pandas = done.stdout.splitlines()
    assert [stage for stage in stages if " " in stage] == []
    assert pandas == "False", "solve needs no pandas"


# --- exit codes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["solve", "check"])
def test_a_fault_in_the_input_is_1(name: str) -> None:
    done = planner(name, "clasroom")
    assert (done.code, done.out) == (1, "")
    assert done.err == "there is no scenario `clasroom`\n  fix: did you mean `classroom`? (or give a path)\n"


def test_a_fault_for_machines(tmp_path: Path) -> None:
    scenario = tmp_path / "bad.toml"
    scenario.write_text(CLASSROOM.read_text("utf-8").replace('fleet_power = "100 MW"', 'fleet_power = "100 mW"'), "utf-8")
    done = planner("solve", scenario, "--json")
    found = json.loads(done.out)
    line = scenario.read_text("utf-8").splitlines().index('fleet_power = "100 mW"') + 1
    assert done.code == 1 and found["status"] == "fault"
    assert found["findings"][0]["where"] == {"file": str(scenario), "line": line, "key": "limits.fleet_power"}
    assert f"{scenario}:{line}: limits.fleet_power: " in done.err and "did you mean `MW`" in done.err


@pytest.mark.parametrize("arguments", [["solve"], ["solve", "classroom", "--colour"], ["paint"], ["compare", "classroom"], []])
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    assert planner(*arguments).code == 2


def test_no_feasible_plan_is_3(tmp_path: Path) -> None:
    done = planner("solve", "classroom", *TOO_LITTLE, "-o", tmp_path / "plan")
    assert (done.code, done.err) == (3, "")
    assert done.out.startswith("Classroom: two clouds under one power cap: infeasible, no plan keeps all limits\n")
    assert "power of the whole fleet: 50.00 MW" in done.out
    plan = json.loads((tmp_path / "plan" / "plan.json").read_text("utf-8"))
    assert plan["status"] == "infeasible" and plan["certificate"]["proved"] and plan["conflict"]["short"]
    assert not list((tmp_path / "plan").glob("*.csv"))
    found = json.loads(planner("solve", "classroom", *TOO_LITTLE, "--json").out)
    assert found["status"] == "infeasible" and found["conflict"]["short"]


def stop(monkeypatch: pytest.MonkeyPatch, with_plan: bool) -> None:
    """Lets the solver stop before proof, with an incumbent or without."""
    real = solve.solve

    def stopped(*arguments: Any) -> solve.Solution:
        found = real(*arguments)
        found.status, found.duals, found.gap = "stopped", [], 0.25 if with_plan else float("inf")
        found.values = found.values if with_plan else []
        return found

    monkeypatch.setattr(solve, "solve", stopped)


def test_stopped_with_a_plan_is_written_and_4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop(monkeypatch, with_plan=True)
    done = planner("solve", "classroom", "-o", tmp_path / "plan")
    assert done.code == 4
    assert "stopped before proof: a plan that keeps all limits, at most 25.00% from the best; audit passed" in done.out
    assert "optimal" not in done.out
    assert done.err.startswith("stopped before proof: proved: values and prices agree")  # the relaxation knows no better plan
    assert json.loads((tmp_path / "plan" / "plan.json").read_text("utf-8"))["status"] == "stopped"
    plan = json.loads(planner("solve", "classroom", "--json").out, parse_constant=pytest.fail)
    assert plan["status"] == "stopped" and plan["certificate"]["gap"] == 0.0
    verified = planner("verify", tmp_path / "plan")
    assert verified.code == 0 and "/plan: verified, " in verified.out and "; proved: values and prices agree" in verified.out


def test_stopped_without_a_plan_is_4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop(monkeypatch, with_plan=False)
    done = planner("solve", "classroom", "-o", tmp_path / "plan")
    assert (done.code, done.out) == (4, "")
    assert done.err == "stopped before proof: nothing is proved and there is no plan\n"
    assert not (tmp_path / "plan").exists()
    assert json.loads(planner("solve", "classroom", "--json").out, parse_constant=pytest.fail)["status"] == "stopped"


def test_a_time_limit_stops_for_real(tmp_path: Path) -> None:
    done = planner("solve", "openai-base", "-q", "--set", "solve.time_limit='0.01 s'", "-o", tmp_path / "plan")
    assert done.code == 4 and done.err.startswith("stopped after the time limit of 0.01 s: nothing is proved")
    assert "optimal" not in done.out


def test_a_plan_that_fails_its_audit_is_5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = pipeline.rows_of

    def cooked(texts: dict[str, str]) -> Any:
        rows = real(texts)
        rows["fleet"][0]["racks_online"] = "1e9"
        return rows

    monkeypatch.setattr(pipeline, "rows_of", cooked)
    done = planner("solve", "classroom", "-o", tmp_path / "plan")
    assert (done.code, done.out) == (5, "")
    assert done.err.startswith("the plan does not stand up to the audit and is not an answer:\n  ")
    assert not (tmp_path / "plan").exists()


def test_interrupted_is_130_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert planner("solve", "classroom", "-o", tmp_path / "plan").code == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "plan").iterdir()}

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(solve, "solve", interrupt)
    done = planner("solve", "classroom", "-o", tmp_path / "plan")
    assert (done.code, done.out, done.err) == (130, "", "interrupted; nothing was changed\n")
    assert {path.name: path.read_bytes() for path in (tmp_path / "plan").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["plan"]


def test_no_traceback_without_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(solve, "solve", broken)
    done = planner("solve", "classroom")
    assert done.code == 1 and "Traceback" not in done.err
    assert done.err.startswith("a fault of the planner itself: ZeroDivisionError: oh\n")
    with pytest.raises(ZeroDivisionError):
        planner("solve", "classroom", "--debug")


@pytest.mark.parametrize("arguments", [["--debug", "solve", "nix"], ["solve", "--debug", "nix"], ["solve", "nix", "--debug"]])
def test_debug_may_stand_anywhere(arguments: list[str]) -> None:
    with pytest.raises(InputFault):
        planner(*arguments)


# --- pipes and terminals ------------------------------------------------------------------------------------------------


def test_a_reader_that_leaves_early() -> None:
    line = " ".join(f"'{part}'" for part in command("profiles", "sites"))
    script = f"set -o pipefail; {line} | head -n 1"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment(), timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("id ")


def test_a_closed_stdout_and_a_poor_encoding() -> None:
    line = " ".join(f"'{part}'" for part in command("solve", "classroom"))
    done = subprocess.run(
        ["bash", "-c", line + " >&-"], capture_output=True, text=True, env=environment(), timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    poor = process(["compare", "classroom", "classroom"], env=environment(PYTHONIOENCODING="ascii"))
    assert poor.returncode == 0 and "Totals" in poor.stdout


def on_terminal(*arguments: object, columns: int = 80, **env: str) -> str:
    """What a terminal of some width is sent."""
    leader, follower = pty.openpty()
    size = environment(COLUMNS=str(columns), LINES="40", TERM="xterm-256color", **env)
    child = subprocess.Popen(command(*arguments), stdout=follower, stderr=follower, stdin=follower, env=size)
    os.close(follower)
    sent, begun = b"", time.monotonic()
    while time.monotonic() - begun < 60 and select.select([leader], [], [], 30)[0]:
        try:
            chunk = os.read(leader, 65536)
        except OSError:
            break
        if not chunk:
            break
        sent += chunk
    os.close(leader)
    assert child.wait(timeout=30) == 0
    return sent.decode("utf-8")


def plain(text: str) -> list[str]:
    return [re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", line.rpartition("\r")[2]) for line in text.replace("\r\n", "\n").splitlines()]


def test_on_a_terminal_nothing_is_cut_and_nothing_too_wide() -> None:
    sent = on_terminal("solve", "openai-base")
    lines = plain(sent)
    assert "\x1b[1m" in sent, "heads are bold"
    assert all(len(line) <= 80 for line in lines)
    start = next(i for i, line in enumerate(lines) if line.startswith("OpenAI"))
    assert len(lines[start:]) <= 40
    table = next(i for i, line in enumerate(lines) if line.startswith("provider"))
    assert not any("…" in line for line in lines[table:]), "a number is cut"


def test_a_wide_table_is_continued_below() -> None:
    lines = plain(on_terminal("compare", *["classroom"] * 6, columns=60))
    assert all(len(line) <= 60 for line in lines)
    for i in range(2, 7):
        assert sum(f"classroom-{i}" in line for line in lines) >= 2


def test_no_color() -> None:
    sent = on_terminal("solve", "classroom", NO_COLOR="1")
    assert not re.search(r"\x1b\[[\d;]*3\dm", sent)


# --- the other commands -------------------------------------------------------------------------------------------------


def test_check_says_what_would_be_solved() -> None:
    done = planner("check", "classroom")
    assert done.code == 0 and done.out.endswith("no errors\n")
    for line in ("horizon +2025-01-01 to 2027-12-31, 3 years", "providers +north, south", "limits +fleet_power", r"rows +\d+"):
        assert re.search(f"^{line}$", done.out, re.M), line
    found = json.loads(planner("check", "classroom", "--json").out)
    assert found["offers"] == 2 and found["warnings"] == [] and found["columns"] > 0


def test_check_finds_what_only_the_model_can_know(tmp_path: Path) -> None:
    scenario = tmp_path / "huge.toml"
    scenario.write_text(CLASSROOM.read_text("utf-8").replace('"10 gpu/rack"', '"100000000 gpu/rack"'), "utf-8")
    checked, solved = planner("check", scenario), planner("solve", scenario)
    assert checked.code == solved.code, "check passes what solve refuses"


def test_profiles() -> None:
    overview = planner("profiles")
    assert overview.code == 0 and re.search(r"^sites +\d+ ", overview.out, re.M)
    table = planner("profiles", "sites")
    assert table.code == 0 and re.search(r"^abilene ", table.out, re.M) and "…" not in table.out
    row = planner("profiles", "sites", "abilene")
    assert row.code == 0 and re.search(r"^pue +1\.40 +reported$", row.out, re.M)
    assert re.search(r"^line +profiles/openai/sites\.csv:2$", row.out, re.M) and re.search(r"^source +Epoch AI", row.out, re.M)
    for arguments in ([], ["sites"], ["sites", "abilene"]):
        assert json.loads(planner("profiles", *arguments, "--json").out)


@pytest.mark.parametrize(("arguments", "hint"), [(["site"], "`sites`"), (["sites", "abilen"], "`abilene`")])
def test_profiles_of_an_unknown_name(arguments: list[str], hint: str) -> None:
    done = planner("profiles", *arguments)
    assert (done.code, done.out) == (1, "") and f"did you mean {hint}" in done.err


def test_init_starts_a_project_that_can_be_solved(tmp_path: Path) -> None:
    done = planner("init", tmp_path / "mine")
    assert done.code == 0 and "scenario.toml" in done.out
    assert planner("check", tmp_path / "mine" / "scenario.toml").code == 0
    assert planner("solve", tmp_path / "mine" / "scenario.toml", "-q").code == 0
    again = planner("init", tmp_path / "mine")
    assert again.code == 1 and "is not empty" in again.err
    assert len(json.loads(planner("init", tmp_path / "other", "--json").out)) == 8


def test_schema() -> None:
    found = json.loads(planner("schema").out)
    assert found["$schema"].startswith("https://json-schema.org/") and "workload" in found["properties"]


def test_doctor() -> None:
    done = planner("doctor")
    assert done.code == 0 and done.out.endswith("self-test (classroom): passed\n")
    found = json.loads(planner("doctor", "--json").out)
    assert found["passed"] is True and {"python", "pulp", "highspy"} <= set(found["versions"])


def test_import_skypilot(tmp_path: Path) -> None:
    folder = catalogue(tmp_path / "catalogue", "aws/vms.csv", [h100()])
    done = planner("import", "skypilot", folder)
    assert done.code == 0 and done.out.startswith("id,provider,accelerator,") and len(done.out.splitlines()) == 2
    assert done.err.startswith("1 offers from 1 files; 0 rows left out")
    found = json.loads(planner("import", "skypilot", folder, "--json").out)
    assert len(found["offers"]) == 1 and found["left_out"] == {}
    written = planner("import", "skypilot", folder, "-o", tmp_path / "profiles" / "offers.csv")
    assert (written.code, written.out) == (0, "")
    assert (tmp_path / "profiles" / "offers.csv").read_text("utf-8") == done.out
    assert planner("import", "skypilot", tmp_path / "nix").code == 1

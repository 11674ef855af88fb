"""`planner verify`: a plan folder is judged by its inputs and tables alone, and no edit goes unseen."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
from pathlib import Path

import pytest

from planner.run import verification
from tests.command import CLASSROOM, planner, process, python


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a scenario and its plan."""
    shutil.copy(CLASSROOM, tmp_path / "scenario.toml")
    assert planner("solve", tmp_path / "scenario.toml", "-q", "-o", tmp_path / "plan").code == 0
    return tmp_path


def rewrite(path: Path, rows: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    path.write_text(text.getvalue(), "utf-8")


def sign(plan: Path) -> None:
    """Makes the manifest agree with the tables: only the audit can tell now."""
    manifest = json.loads((plan / "plan.json").read_text("utf-8"))
    manifest["tables"] = {name: hashlib.sha256((plan / name).read_bytes()).hexdigest() for name in manifest["tables"]}
    (plan / "plan.json").write_text(json.dumps(manifest), "utf-8")


def test_it_passes(home: Path) -> None:
    done = planner("verify", home / "plan")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{home}/plan: verified, ") and done.out.endswith(" checks passed\n")
    found = json.loads(planner("verify", home / "plan", "--json").out)
    assert found["passed"] is True and found["same_inputs"] is True and found["changed"] == []


def test_it_needs_no_solver(home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from planner.run.verification import verify\n"
        "assert verify(Path(sys.argv[1])).passed; "
    )
    done = python(code + "print({'pulp', 'highspy'} & set(sys.modules))", home / "plan")
    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_an_edit_of_any_cell_is_seen(home: Path) -> None:
    """Every cell of every table, one after the other: the file is named."""
    edits = 0
    for path in sorted((home / "plan").glob("*.csv")):
        text = path.read_text("utf-8")
        rows = list(csv.reader(io.StringIO(text, newline="")))
        for i in range(0, len(rows), max(1, len(rows) // 4)):
            for j in range(len(rows[i])):
                rewrite(
                    path, [[cell + ("1" if (a, b) == (i, j) else "") for b, cell in enumerate(row)] for a, row in enumerate(rows)]
                )
                verdict = verification.verify(home / "plan")
                assert not verdict.passed and verdict.changed == (path.name,), f"{path.name} row {i} column {j}"
                edits += 1
        path.write_text(text, "utf-8")
    assert edits > 200 and verification.verify(home / "plan").passed


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("fleet", "racks_online"), ("fleet", "racks_held"), ("fleet", "power_mw"), ("allocation", "racks"),
        ("allocation", "compute_h100e"), ("demand", "served_h100e"), ("demand", "demand_h100e"), ("cost", "amount_usd"),
        ("cost", "discounted_usd"), ("mix", "spend_usd"), ("mix", "share_compute"), ("power", "draw_mw"), ("power", "energy_mwh"),
    ],
)  # fmt: skip
def test_an_edit_that_is_signed_is_found_by_the_audit(home: Path, table: str, column: str) -> None:
    """With the hashes forged too, the rule that fails is named."""
    path = home / "plan" / f"{table}.csv"
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8"), newline="")))
    at = rows[0].index(column)
    rows[1][at] = str(float(rows[1][at]) * 1.01 + 0.1)
    rewrite(path, rows)
    sign(home / "plan")
    done = planner("verify", home / "plan")
    assert (done.code, done.out) == (5, "")
    head, first, *_ = done.err.splitlines()
    assert head == f"{home}/plan: verification failed"
    assert " against " in first and "is not the file" not in done.err


@pytest.mark.parametrize("total", ["cost_usd", "spend_usd", "peak_power_mw", "energy_mwh"])
def test_a_total_that_is_not_so(home: Path, total: str) -> None:
    path = home / "plan" / "plan.json"
    manifest = json.loads(path.read_text("utf-8"))
    manifest["totals"][total] *= 0.99
    path.write_text(json.dumps(manifest), "utf-8")
    done = planner("verify", home / "plan", "--json")
    assert done.code == 5 and json.loads(done.out)["passed"] is False
    assert f"totals {total}" in done.err


def test_files_that_are_gone_added_or_changed(home: Path) -> None:
    plan = home / "plan"
    kept = (plan / "datapackage.json").read_text("utf-8")
    (plan / "datapackage.json").write_text(kept.replace("number", "string"), "utf-8")
    assert "datapackage.json is not the file that was written" in planner("verify", plan).err
    (plan / "datapackage.json").write_text(kept, "utf-8")
    (plan / "extra.csv").write_text("a\n1\n", "utf-8")
    assert "extra.csv is not the file that was written" in planner("verify", plan).err
    (plan / "extra.csv").unlink()
    (plan / "sources.csv").unlink()
    done = planner("verify", plan)
    assert done.code == 5 and "sources.csv is not the file that was written" in done.err


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("status", "best", "the status is none of a plan"),
        ("status", None, "the status is none of a plan"),
        ("status", "infeasible", "it says that nothing fits, and there are tables of a plan"),
        ("name", "Another", "the name is not that of the scenario"),
        ("horizon", ["2025-01-01", "2029-12-31", "year"], "the horizon is not that of the scenario"),
        ("objective", {"name": "carbon", "value": 1.0}, "the objective is not that of the scenario"),
        ("objective", {"name": "cost", "value": 1.0}, "the objective is 1.0, the tables come to "),
        ("objective", {"name": "cost", "value": 10**400}, "the objective is None, the tables come to "),
        ("objective", [], "the objective is not that of the scenario"),
        ("totals", {}, "the totals are not those of a plan: carbon_t, cost_usd, "),
    ],
)
def test_what_plan_json_says_is_judged(home: Path, key: str, value: object, said: str) -> None:
    path = home / "plan" / "plan.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {key: value}), "utf-8")
    done = planner("verify", home / "plan")
    assert (done.code, done.out) == (5, "") and f"  plan.json: {said}" in done.err
    assert f"plan.json: {said}" in json.loads(planner("verify", home / "plan", "--json").out)["untrue"][0]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("totals", {"cost_usd": float("inf")}), ("totals", {"cost_usd": float("nan")}), ("totals", {"cost_usd": 10**400}),
        ("totals", {"cost_usd": "1"}), ("inputs", {"a": []}), ("inputs", {"a": 1}), ("tables", {"mix.csv": None}),
        ("set", None), ("set", "limits"), ("set", [1]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["verify", "explain"])
def test_a_manifest_of_other_kinds_is_a_fault_of_the_input(home: Path, command: str, key: str, value: object) -> None:
    path = home / "plan" / "plan.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {key: value}), "utf-8")
    done = planner(command, home / "plan")
    assert (done.code, done.out) == (1, "") and f"plan.json holds no plan: `{key}` must be " in done.err


def test_a_table_and_its_hash_gone(home: Path) -> None:
    """Also of tables that no rule of the audit needs."""
    for name in ("constraints.csv", "contracts.csv", "sources.csv"):
        shutil.copytree(home / "plan", home / name)
        (home / name / name).unlink()
        path = home / name / "plan.json"
        manifest = json.loads(path.read_text("utf-8"))
        del manifest["tables"][name]
        path.write_text(json.dumps(manifest), "utf-8")
        done = planner("verify", home / name)
        assert done.code == 5 and f"  {name}: not there" in done.err


def test_sources_are_those_of_the_inputs(home: Path) -> None:
    path = home / "plan" / "sources.csv"
    path.write_text(path.read_text("utf-8").replace(",100,MW,", ",101,MW,"), "utf-8")
    sign(home / "plan")
    done = planner("verify", home / "plan")
    assert done.code == 5 and "  sources.csv does not hold the numbers of the inputs" in done.err


def test_that_nothing_fits_is_proved_in_any_case(home: Path) -> None:
    """A plan whose tables are taken away is not an answer that nothing fits."""
    plan = home / "plan"
    assert planner("solve", home / "scenario.toml", "-q", "-o", home / "tight", "--set", "limits.fleet_power='10 MW'").code == 3
    done = planner("verify", home / "tight")
    assert done.code == 0 and "nothing fits: " in done.out and "in exact arithmetic" in done.out
    manifest = json.loads((plan / "plan.json").read_text("utf-8"))
    for path in [*plan.glob("*.csv"), plan / "datapackage.json"]:
        path.unlink()
    manifest |= {"status": "infeasible", "totals": {}, "objective": {"name": "cost", "value": None}}
    manifest["tables"] = {"certificate.json": manifest["tables"]["certificate.json"]}
    (plan / "plan.json").write_text(json.dumps(manifest), "utf-8")
    done = planner("verify", plan)
    assert done.code == 5 and "not proved: plan.json says infeasible, certificate.json says optimum" in done.err
    (plan / "certificate.json").unlink()
    (plan / "plan.json").write_text(json.dumps(manifest | {"tables": {}}), "utf-8")
    done = planner("verify", plan)
    assert done.code == 5 and "not proved: certificate.json holds no proof" in done.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
@pytest.mark.parametrize("name", ["certificate.json", "mix.csv"])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(home: Path, name: str) -> None:
    (home / "plan" / name).unlink()
    os.mkfifo(home / "plan" / name)
    done = process(["verify", home / "plan"])
    assert done.returncode == 5 and f"{name} is not the file that was written" in done.stderr


def test_a_changed_scenario_is_a_fault_of_the_input(home: Path) -> None:
    path = home / "scenario.toml"
    path.write_text(path.read_text("utf-8") + "\n# a remark\n", "utf-8")
    done = planner("verify", home / "plan")
    assert (done.code, done.out) == (1, "")
    assert "its inputs have changed since: " in done.err and "scenario.toml" in done.err and "--scenario FILE" in done.err


def test_moved_together_it_is_found(home: Path) -> None:
    (home / "new").mkdir()
    for name in ("plan", "scenario.toml"):
        (home / name).rename(home / "new" / name)
    assert planner("verify", home / "new" / "plan").code == 0


def test_moved_alone_it_wants_its_scenario(home: Path) -> None:
    (home / "a" / "b").mkdir(parents=True)
    (home / "plan").rename(home / "a" / "b" / "plan")
    done = planner("verify", home / "a" / "b" / "plan")
    assert done.code == 1 and "is not there any more" in done.err and "--scenario FILE" in done.err
    named = planner("verify", home / "a" / "b" / "plan", "--scenario", home / "scenario.toml")
    assert (named.code, named.err) == (0, "")


def test_another_scenario_is_judged_and_said(home: Path) -> None:
    text = (home / "scenario.toml").read_text("utf-8")
    (home / "other.toml").write_text(text + "\n# a remark\n", "utf-8")
    done = planner("verify", home / "plan", "--scenario", home / "other.toml")
    assert done.code == 0 and "are not what the plan was made from" in done.err
    (home / "tighter.toml").write_text(text.replace('"100 MW"', '"99 MW"'), "utf-8")
    done = planner("verify", home / "plan", "--scenario", home / "tighter.toml")
    assert done.code == 5 and "fleet_power" in done.err


def test_overrides_are_kept(home: Path) -> None:
    planner("solve", home / "scenario.toml", "-q", "-o", home / "wide", "--set", "limits.fleet_power='120 MW'")
    assert planner("verify", home / "wide").code == 0


def test_a_bundled_scenario_is_found_from_anywhere(tmp_path: Path) -> None:
    assert planner("solve", CLASSROOM, "-q", "-o", tmp_path / "plan").code == 0
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "plan").rename(tmp_path / "deep" / "er" / "plan")
    (tmp_path / "classroom").write_text("not a scenario", "utf-8")  # must not be taken for the bundled one
    done = process(["verify", "deep/er/plan"], cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("manifest", [None, "", "{}", "[1]", "[" * 100_000, '{"totals": 1, "tables": {}, "inputs": {}}'])
def test_what_is_not_a_plan(tmp_path: Path, manifest: str | None) -> None:
    if manifest is not None:
        (tmp_path / "plan.json").write_text(manifest, "utf-8")
    for arguments in (["verify", tmp_path], ["compare", tmp_path, tmp_path]):
        done = planner(*arguments)
        assert done.code == 1 and str(tmp_path) in done.err and "fix: " in done.err


@pytest.mark.parametrize(("old", "new"), [("8760000", "876000"), ("fleet_power", "fleet_powers")])
def test_a_forged_shadow_price_is_found_by_the_proof(tmp_path: Path, old: str, new: str) -> None:
    """The audit knows no prices; the exact ones are those of the basis. A clever forger mends the hash as well."""
    plan = tmp_path / "plan"
    assert planner("solve", "classroom", "-q", "-o", plan).code == 0
    assert planner("verify", plan, "--exact").code == 0
    text = (plan / "constraints.csv").read_text("utf-8")
    assert old in text  # USD per MW of the cap, in 2026 and in 2027
    (plan / "constraints.csv").write_text(text.replace(old, new, 1), "utf-8")
    sign(plan)
    done = planner("verify", plan, "--exact")
    assert done.code == 5 and "constraints.csv" in done.err

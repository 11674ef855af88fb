"""`planner verify`: a plan folder is judged by its inputs and tables alone, and no edit goes unseen."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from planner.audit import audit
from planner.proof import certificate
from planner.results.folder import write
from planner.run import pipeline, verification
from tests.command import CLASSROOM, planner, process, python
from tests.forged import sign


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


def test_it_passes_and_says_of_what(home: Path) -> None:
    done = planner("verify", home / "plan")
    assert (done.code, done.err) == (0, "")
    line, *subject = done.out.splitlines()
    assert line.startswith(f"{home}/plan: verified, ") and "checks passed; proved: " in line
    digest = json.loads((home / "plan" / "plan.json").read_text("utf-8"))["digest"]
    assert [text.strip() for text in subject] == [
        f"scenario  {home}/plan/../scenario.toml (a file, not bundled)",
        "set       nothing",
        "cost      2,277,600,000 USD",
        f"inputs    {digest}",
    ]
    found = json.loads(planner("verify", home / "plan", "--json").out)
    assert found["passed"] is True and found["same_inputs"] is True and found["changed"] == []
    assert (found["known"], found["bundled"], found["set"], found["cost_usd"]) == ("verified", False, [], 2277600000.0)
    assert (found["scenario"], found["digest"]) == (f"{home}/plan/../scenario.toml", digest)


def test_the_digest_is_of_contents_and_overrides(home: Path) -> None:
    """The same wherever the files lie and whoever asks; another for another price, and for another override."""

    def digest(*arguments: object) -> str:
        return str(json.loads(planner("check", *arguments, "--json").out)["digest"])

    own = digest(home / "scenario.toml")
    assert own == digest("classroom") == json.loads((home / "plan" / "plan.json").read_text("utf-8"))["digest"]
    assert own != digest("classroom", "--set", "limits.fleet_power='120 MW'")
    text = (home / "scenario.toml").read_text("utf-8")
    (home / "scenario.toml").write_text(text + "\n", "utf-8")
    assert own != digest(home / "scenario.toml")


def test_it_needs_no_solver(home: Path) -> None:
    code = (
        "import sys; sys.modules['highspy'] = None; from pathlib import Path\n"
        "from planner.run.verification import verify\n"
        "print([verify(Path(sys.argv[1]), exact=exact).word for exact in (False, True)])"
    )
    done = python(code, home / "plan")
    assert (done.stdout, done.stderr) == ("['verified', 'verified']\n", "")


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
    done = planner("verify", plan)
    assert done.code == 0 and "note: " in done.err and "no part of the plan and was not judged: extra.csv" in done.err
    assert json.loads(planner("verify", plan, "--json").out)["strangers"] == ["extra.csv"]
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
    sign(home / "plan", **{key: value})
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
        sign(home / name)
        done = planner("verify", home / name)
        assert done.code == 5 and f"  {name}: is not there" in done.err


def test_sources_are_those_of_the_inputs(home: Path) -> None:
    path = home / "plan" / "sources.csv"
    path.write_text(path.read_text("utf-8").replace(",100,MW,", ",101,MW,"), "utf-8")
    sign(home / "plan")
    done = planner("verify", home / "plan")
    assert done.code == 5 and "  sources.csv row " in done.err and ": value is 101, not 100" in done.err


def test_that_nothing_fits_is_proved_in_any_case(home: Path) -> None:
    """A plan whose tables are taken away is not an answer that nothing fits."""
    plan = home / "plan"
    assert planner("solve", home / "scenario.toml", "-q", "-o", home / "tight", "--set", "limits.fleet_power='10 MW'").code == 3
    done = planner("verify", home / "tight")
    assert done.code == 0 and "nothing fits: " in done.out and "in exact arithmetic" in done.out
    for path in [*plan.glob("*.csv"), plan / "datapackage.json"]:
        path.unlink()
    nothing = {"status": "infeasible", "totals": {}, "objective": {"name": "cost", "value": None}}
    sign(plan, **nothing)
    done = planner("verify", plan)
    assert done.code == 5 and "not proved: plan.json says infeasible, certificate.json says optimum" in done.err
    (plan / "certificate.json").unlink()
    sign(plan)
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


# --- what is known of a plan ------------------------------------------------------------------------------------------


def test_without_a_proof_it_is_not_called_verified(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the proof takes long it is tried only if asked for, and what is not known is said."""
    monkeypatch.setattr(verification, "EASY", 10)
    done = planner("verify", home / "plan")
    line = done.out.splitlines()[0]
    assert done.code == 0 and ": feasible; optimality not checked, 333 checks passed (the proof is one of 27 rows; " in line
    assert "verified" not in done.out
    assert json.loads(planner("verify", home / "plan", "--json").out)["known"] == "feasible; optimality not checked"
    assert "/plan: verified, 333 checks passed; proved: " in planner("verify", home / "plan", "--exact").out


LOUD = {"proved": True, "gap": 0.0, "what": "proved: values and prices agree without tolerance in exact arithmetic"}
WIDE = {"proved": False, "gap": 10.0, "what": "not the best: 10 of the objective above the exact optimum", "pivots": 0}
MEEK = {"proved": False, "gap": None, "what": "nobody tried"}


@pytest.mark.parametrize("stated", [LOUD, WIDE, MEEK])
@pytest.mark.parametrize("kind", ["optimum", "values", "gone"])
def test_a_dearer_plan_sold_as_the_best_is_refused(home: Path, kind: str, stated: dict[str, object]) -> None:
    """The plan of a tighter cap keeps every rule of the wider one and passes the audit; it is not its optimum.

    Only a folder that says itself that nothing is proved passes, as what it is, and not if a proof is asked for.
    """
    honest = pipeline.plan_scenario(str(home / "scenario.toml"))
    tight = pipeline.plan_scenario(str(home / "scenario.toml"), ["limits.fleet_power='90 MW'"])
    assert honest.claim is not None and tight.solution.objective > honest.solution.objective
    solution = replace(honest.solution, values=tight.solution.values, objective=tight.solution.objective)
    made = pipeline.tabled(honest.inputs, honest.model, solution, None)
    found = audit(honest.inputs, pipeline.rows_of(made["texts"]), made["totals"])
    assert found.passed
    claim = honest.claim if kind == "optimum" else certificate.Claim(False, False, None, "nobody tried")
    claim = certificate.witnessed(claim, honest.model, solution.values, solution.duals)
    forged = replace(honest, solution=solution, claim=claim, audit=found, **made)
    shutil.rmtree(home / "plan")
    write(home / "plan", pipeline.files(forged, home / "plan"))
    if kind == "gone":
        (home / "plan" / "certificate.json").unlink()
    sign(home / "plan", certificate=stated)
    for arguments in ([], ["--exact"]):
        done = planner("verify", home / "plan", *arguments)
        assert " against " not in done.err, "the audit has nothing to say against it"
        if kind == "values" and stated is MEEK and not arguments:
            assert done.code == 0 and ": feasible; optimality not checked, " in done.out and "verified" not in done.out
            continue
        assert (done.code, done.out) == (5, ""), done
        assert (
            "the exact optimum is 2277600000"
            if kind == "optimum"
            else " holds neither a proof "
            if kind == "gone" and stated is MEEK
            else "certificate.json holds no proof"
        ) in done.err


@pytest.mark.parametrize(
    "name", ["../../../evil/classroom", "/evil/classroom", "classroom.toml", "Classroom", "", "a/../classroom"]
)
def test_bundled_takes_a_bare_name(home: Path, name: str) -> None:
    sign(home / "plan", scenario=f"bundled:{name}")
    for command in ("verify", "explain"):
        done = planner(command, home / "plan")
        assert (done.code, done.out) == (1, "") and "is none that is bundled with the planner" in done.err, done


def test_an_own_scenario_in_the_folder_is_named_as_such(home: Path) -> None:
    """A forger may bring the inputs along; whoever reads the verdict sees whose they are."""
    text = (home / "scenario.toml").read_text("utf-8").replace("2 USD/gpu/hour", "1 USD/gpu/hour")
    (home / "plan" / "classroom.toml").write_text(text, "utf-8")
    assert planner("solve", home / "plan" / "classroom.toml", "-q", "-o", home / "own").code == 0
    shutil.copy(home / "plan" / "classroom.toml", home / "own" / "classroom.toml")
    sign(home / "own", scenario="classroom.toml")
    done = planner("verify", home / "own")
    assert done.code == 0 and f"scenario  {home}/own/classroom.toml (a file, not bundled)" in done.out
    assert "no part of the plan and was not judged: classroom.toml" in done.err


def test_what_a_terminal_would_obey_is_not_printed(home: Path) -> None:
    sign(home / "plan", scenario="bundled:\x1b[2J")
    assert "\x1b" not in planner("verify", home / "plan").err


# --- folders that cannot be read --------------------------------------------------------------------------------------


def test_links_that_lead_round_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for arguments in (["verify", tmp_path / "a"], ["compare", tmp_path / "a", tmp_path / "a"]):
        done = planner(*arguments)
        assert done.code == 1 and "fault of the planner" not in done.err, done
    assert "is a link that leads round in a circle" in planner("verify", tmp_path / "a").err


@pytest.mark.parametrize("name", ["mix.csv", "plan.json", "certificate.json"])
def test_what_is_too_large_is_refused_before_it_is_read(home: Path, name: str) -> None:
    with (home / "plan" / name).open("ab") as file:
        file.truncate(10_000_000_000)
    done = planner("verify", home / "plan")
    assert done.code == 1 and f"{home}/plan/{name}: is 10,000 MB; at most 200 MB of a file " in done.err


def test_a_file_beside_the_plan_is_not_read(home: Path) -> None:
    with (home / "plan" / "huge.csv").open("wb") as file:
        file.truncate(10_000_000_000)
    assert planner("verify", home / "plan").code == 0


@pytest.mark.parametrize("name", ["../scenario.toml", "/etc/passwd", "", ".", "a/b.csv", "plan.json", "a\\b.csv"])
def test_tables_are_files_of_the_folder(home: Path, name: str) -> None:
    tables = json.loads((home / "plan" / "plan.json").read_text("utf-8"))["tables"]
    manifest = json.loads((home / "plan" / "plan.json").read_text("utf-8")) | {"tables": tables | {name: ""}}
    (home / "plan" / "plan.json").write_text(json.dumps(manifest), "utf-8")
    done = planner("verify", home / "plan")
    assert done.code == 1 and "`tables` must name files beside it" in done.err

"""The plan folder: whole or not at all, reproducible, complete, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from planner.core.errors import InputFault
from planner.results import folder
from tests.command import ROOT, environment, planner

SHARED = "provider racks_held gpus compute_h100e power_mw spend_usd share_compute share_power share_spend"
RACKS = "racks_added racks_removed racks_held racks_online racks_dark"
PRICES = "shadow_price shadow_price_less shadow_unit"
COLUMNS = {
    "mix": f"period start end {SHARED}",
    "summary": f"span start end {SHARED}",
    "allocation": "period start end workload provider site country accelerator offer racks gpus compute_h100e",
    "fleet": f"period start end provider site accelerator offer {RACKS} power_mw",
    "demand": "period start end workload demand_h100e served_h100e unserved_h100e",
    "cost": "period start end provider site accelerator offer contract item amount_usd discounted_usd",
    "power": "period start end scope id draw_mw limit_mw headroom_mw energy_mwh carbon_t",
    "constraints": f"constraint subject period start end value limit unit slack binding {PRICES}",
    "sources": "what value unit file line source confidence note",  # confidence: section 12
    "compute": "period start end provider kind compute_h100e share",
    "contracts": "contract provider year committed_usd spent_usd counted_usd shortfall_usd paid_usd gpu_hours usd_per_gpu_hour",
}
OLD, NEW = {"a.csv": "x\n1\n"}, {"a.csv": "x\n2\n"}


def files(tables: dict[str, str], **more: Any) -> dict[str, str]:
    """The tables with a manifest that names them."""
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in tables.items()}
    return tables | {"plan.json": json.dumps({"tables": hashes, "totals": {}, "inputs": {}} | more)}


def content(path: Path) -> dict[str, str]:
    return {file.name: file.read_text("utf-8") for file in path.iterdir()}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan folder of the base scenario: contracts, export rules, unserved demand."""
    path = tmp_path_factory.mktemp("base") / "plan"
    assert planner("solve", "openai-base", "-q", "-o", path).code == 0
    return path


# --- what is in it ------------------------------------------------------------------------------------------------------


def test_the_columns_are_those_of_the_design(base: Path) -> None:
    heads = {path.stem: path.read_text("utf-8").splitlines()[0].replace(",", " ") for path in base.glob("*.csv")}
    assert {name: heads.get(name) for name in COLUMNS} == COLUMNS
    assert set(heads) - set(COLUMNS) <= {"licences", "resilience"}


def test_every_file_is_listed(base: Path) -> None:
    names = {path.name for path in base.iterdir()}
    package = json.loads((base / "datapackage.json").read_text("utf-8"))
    manifest = json.loads((base / "plan.json").read_text("utf-8"))
    tables = {resource["path"] for resource in package["resources"]}
    assert names == tables | {"certificate.json", "datapackage.json", "plan.json"} == {*manifest["tables"], "plan.json"}
    for name, sha in manifest["tables"].items():
        assert hashlib.sha256((base / name).read_bytes()).hexdigest() == sha


def test_the_data_package_fits_the_tables(base: Path) -> None:
    package = json.loads((base / "datapackage.json").read_text("utf-8"))
    assert package["name"] == "openai-base"
    readers = {"integer": int, "number": float, "string": str, "date": date.fromisoformat}
    for resource in package["resources"]:
        with (base / resource["path"]).open(encoding="utf-8", newline="") as text:
            head, *rows = csv.reader(text)
        fields = resource["schema"]["fields"]
        assert [field["name"] for field in fields] == head
        assert resource["name"] + ".csv" == resource["path"]
        for i, field in enumerate(fields):
            kind = readers[field["type"]]
            assert all(row[i] == "" or kind(row[i]) is not None for row in rows)
            if field["name"].rpartition("_")[2] in ("usd", "mw", "mwh", "t", "h100e"):
                assert field["type"] in ("number", "integer"), f"{resource['name']}.{field['name']}"


def test_the_manifest_says_all_that_it_should(base: Path) -> None:
    manifest = json.loads((base / "plan.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert {"status", "objective", "totals", "solver", "versions", "inputs", "options", "timings", "audit", "certificate"} <= set(
        manifest
    )
    assert manifest["status"] == "optimal" and manifest["audit"]["passed"] is True
    assert {"proved", "gap", "what", "pivots", "exact"} == set(manifest["certificate"])
    assert manifest["scenario"] == "bundled:openai-base"
    for shown, sha in manifest["inputs"].items():
        assert hashlib.sha256((ROOT / shown).read_bytes()).hexdigest() == sha


def test_the_summary_is_of_the_mix(base: Path) -> None:
    """No row of mix.csv is a sum of others; its sums by year and in all are in summary.csv."""
    with (base / "mix.csv").open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    with (base / "summary.csv").open(encoding="utf-8", newline="") as text:
        spans = list(csv.DictReader(text))
    assert {row["span"] for row in spans} == {"2026", "2027", "2028", "2029", "2030", "total"}
    total = [row for row in spans if row["span"] == "total"]
    assert {row["provider"] for row in total} == {row["provider"] for row in rows}
    for share in ("share_compute", "share_power", "share_spend"):
        assert sum(float(row[share]) for row in total) == pytest.approx(1.0, abs=1e-9)
    spend = sum(float(row["spend_usd"]) for row in rows)
    assert sum(float(row["spend_usd"]) for row in spans if row["span"] != "total") == pytest.approx(spend, rel=1e-9)
    assert sum(float(row["spend_usd"]) for row in total) == pytest.approx(spend, rel=1e-9)


def test_the_same_bytes_every_time(base: Path, tmp_path: Path) -> None:
    """But for the timings; also from another folder, and in another process with another hash seed."""
    other = tmp_path / "other"
    call = [sys.executable, "-m", "planner", "solve", "openai-base", "-q", "-o", str(other)]
    subprocess.run(call, env=environment(PYTHONHASHSEED="77"), cwd=tmp_path, check=True, capture_output=True, timeout=60)
    first, second = content(base), content(other)
    assert first.keys() == second.keys()
    for name in first:
        one, two = first[name], second[name]
        if name == "plan.json":
            one, two = ({**json.loads(text), "timings": {}, "seal": {}} for text in (one, two))
        assert one == two, name


# --- cells --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (-2.5, "-2.5"),
        (-0.0, "0"),
        (1e-12, "0"),
        (0.1 + 0.2, "0.3"),
        (1234567.891, "1234567.891"),
        (7, "7"),
        ("-3", "-3"),
    ],
)
def test_numbers_as_written(value: Any, text: str) -> None:
    assert folder.cell(value) == text


def test_a_hostile_name_stays_a_name(tmp_path: Path) -> None:
    """A scenario whose texts are formulas: nothing in its tables starts like one."""
    scenario = tmp_path / "s.toml"
    text = (ROOT / "inputs" / "classroom.toml").read_text("utf-8")
    text = text.replace("pue = 2\n", "pue = 2\nsource = \"=cmd|' /C calc'!A0\"\nnote = '@x'\n")
    scenario.write_text(text, "utf-8")
    assert planner("solve", scenario, "-q", "-o", tmp_path / "plan").code == 0
    with (tmp_path / "plan" / "sources.csv").open(encoding="utf-8", newline="") as table:
        cells = [cell for row in csv.reader(table) for cell in row]
    assert "'=cmd|' /C calc'!A0" in cells and "'@x" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t"))]


def test_json_has_no_nan() -> None:
    assert json.loads(folder.json_text({"a": [float("nan"), float("inf"), 1.5], "b": ("x",)})) == {
        "a": [None, None, 1.5],
        "b": ["x"],
    }


# --- where it may go ----------------------------------------------------------------------------------------------------


def test_new_empty_and_old_plan_folders_are_taken(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "new", tmp_path / "a" / "b" / "deep", tmp_path / "empty", tmp_path / "with space é"):
        folder.write(path, files(OLD))
        folder.write(path, files(NEW | {"b.csv": "y\n"}))
        folder.write(path, files(NEW))
        assert content(path) == files(NEW)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "empty", "new", "with space é"]


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    folder.write(tmp_path / "link", files(NEW))
    assert (tmp_path / "link").is_symlink() and content(tmp_path / "real") == files(NEW)


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda p: p.write_text("mine"), "is a file, not a folder"),
        (lambda p: (p.mkdir(), (p / "thesis.doc").write_text("mine")), r"holds something else than a plan \(thesis.doc\)"),
        (
            lambda p: (folder.write(p, files(OLD)), (p / "notes.txt").write_text("mine")),
            r"something else than a plan \(notes.txt\)",
        ),
        (lambda p: (folder.write(p, files(OLD)), (p / ".git").mkdir()), r"something else than a plan \(.git\)"),
        (
            lambda p: (p.mkdir(), (p / "plan.json").write_text('{"format_version": "1.2"}')),
            r"something else than a plan \(plan.json\)",
        ),
    ],
)
def test_what_is_not_a_plan_is_left_alone(tmp_path: Path, make: Any, what: str) -> None:
    path = tmp_path / "x"
    make(path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(InputFault, match=what):
        folder.write(path, files(NEW))
    with pytest.raises(InputFault, match=what):
        folder.check_target(path)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    done = planner("solve", "classroom", "-o", path)
    assert done.code == 1 and str(path) in done.err and done.out == ""


@pytest.mark.parametrize("command", [["explain", "classroom"], ["mixes", "classroom"], ["frontier", "classroom"], ["compare"]])
def test_nothing_is_added_to_a_plan_folder(tmp_path: Path, command: list[str]) -> None:
    """Tables of other commands would make of a plan one that is not what was written."""
    plan, file = tmp_path / "plan", tmp_path / "file"
    folder.write(plan, files(OLD))
    file.touch()
    more = [plan, plan] if command == ["compare"] else []
    done = planner(*command, *more, "-q", "-o", plan)
    assert (done.code, done.out) == (1, "") and f"{plan}: holds a plan, not an answer of `{command[0]}`" in done.err
    done = planner(*command, *more, "-q", "-o", file)
    assert (done.code, done.out) == (1, "") and f"{file}: is a file, not a folder" in done.err
    assert content(plan) == files(OLD) and {path.name for path in tmp_path.iterdir()} == {"plan", "file"}


def test_what_a_desktop_leaves_is_no_obstacle(tmp_path: Path) -> None:
    folder.write(tmp_path / "x", files(OLD))
    (tmp_path / "x" / ".DS_Store").write_text("")
    (tmp_path / "x" / ".~lock.a.csv#").write_text("")
    folder.write(tmp_path / "x", files(NEW))
    assert content(tmp_path / "x") == files(NEW)


def test_the_folder_that_one_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write(tmp_path / "x", files(OLD))
    monkeypatch.chdir(tmp_path / "x")
    with pytest.raises(InputFault, match="is the folder that you are in"):
        folder.write(Path(), files(NEW))


@pytest.mark.parametrize("path", ["/proc/planner/x", "/dev/null/x"])
def test_a_place_that_cannot_be_written(path: str) -> None:
    done = planner("solve", "classroom", "-o", path)
    assert done.code == 1 and path in done.err and "written" in done.err


def test_a_folder_without_rights(tmp_path: Path) -> None:
    """Said before the solve; as another user where the test runs as root."""
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    code = f"from pathlib import Path; from planner.results import folder; folder.check_target(Path({str(locked / 'plan')!r}))"
    if os.geteuid() == 0:
        for path in (tmp_path, *tmp_path.parents):
            if path.name.startswith(("pytest-", "popen-", "test_")):
                path.chmod(0o755)
        code = "import os; os.setuid(65534)\n" + code
        code = "import planner.results.folder\n" + code
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), cwd="/", check=False)
    assert "InputFault" in done.stderr and "does not allow it" in done.stderr
    locked.chmod(0o755)


# --- faults while writing -----------------------------------------------------------------------------------------------


def left_whole(tmp_path: Path, expected: dict[str, str]) -> None:
    assert [path.name for path in tmp_path.iterdir()] == ["x"], "a temporary folder stays behind"
    assert content(tmp_path / "x") == expected


@contextmanager
def small_disk(path: Path) -> Iterator[None]:
    """64 KiB of disk, where the system lets us."""
    path.mkdir(exist_ok=True)
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", path], capture_output=True).returncode
    ):
        pytest.skip("no right to mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


def test_a_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk):
        folder.write(disk / "x", files(OLD))
        with pytest.raises(InputFault, match="could not be written: No space left on device"):
            folder.write(disk / "x", files({"a.csv": "x" * 200_000}))
        left_whole(disk, files(OLD))
        with pytest.raises(InputFault, match="No space left"):
            folder.write_file(disk / "table.csv", "x" * 200_000)
        left_whole(disk, files(OLD))
        done = planner("solve", "openai-base", "-q", "-o", disk / "x")
        assert done.code == 1 and done.out == "" and "No space left on device" in done.err
        left_whole(disk, files(OLD))


def test_a_mount_point_cannot_be_replaced(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk):
        with pytest.raises(InputFault, match=r"could not be written: .*busy\n  fix: give a folder inside it: -o .*/disk/plan"):
            folder.write(disk, files(NEW))
        assert list(disk.iterdir()) == []


@pytest.mark.parametrize("step", ["write", "fsync", "rename", "swap"])
def test_a_fault_at_any_step_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    folder.write(tmp_path / "x", files(OLD))

    def full(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if step == "write":
        monkeypatch.setattr(folder, "_write", full)
    elif step == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    elif step == "swap":
        monkeypatch.setattr(folder, "_swap", full)
    else:  # without a swap, the second rename fails
        monkeypatch.setattr(folder, "_swap", lambda *_: False)
        real, calls = Path.rename, []

        def rename(path: Path, to: Path) -> Path:
            calls.append(path)
            return full() if len(calls) == 2 else real(path, to)

        monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(InputFault, match="No space left on device"):
        folder.write(tmp_path / "x", files(NEW))
    left_whole(tmp_path, files(OLD))


def test_without_a_swap_it_works_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "_swap", lambda *_: False)
    folder.write(tmp_path / "x", files(OLD))
    folder.write(tmp_path / "x", files(NEW))
    left_whole(tmp_path, files(NEW))


def test_what_a_killed_process_left_is_healed(tmp_path: Path) -> None:
    """The old folder comes back if it was set aside; half a new one is cleared away; a living process is left alone."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    folder.write(tmp_path / f".x.old-{gone.pid}", files(OLD))
    (tmp_path / f".x.new-{gone.pid}").mkdir()
    (tmp_path / f".x.new-{os.getppid()}").mkdir()
    assert folder.read_folder(tmp_path / "x").tables == {"a": [{"x": "1"}]}
    assert sorted(path.name for path in tmp_path.iterdir()) == [f".x.new-{os.getppid()}", "x"]


@pytest.mark.parametrize("swap", [True, False])
def test_killed_at_any_moment_old_or_new_is_whole(tmp_path: Path, swap: bool) -> None:
    """A process that writes one plan after the other is killed at many moments; every time one of the plans is there, whole."""
    path = tmp_path / "x"
    plans = [files({f"{i}.csv": f"{n}\n" * 2000 for i in range(6)}) for n in range(2)]
    folder.write(path, plans[0])
    (tmp_path / "plans.json").write_text(json.dumps(plans), "utf-8")
    code = f"""
import json, sys
from pathlib import Path
from planner.results import folder
if not {swap}: folder._swap = lambda *_: False
plans = json.loads(Path(sys.argv[2]).read_text("utf-8"))
print("go", flush=True)
while True:
    for plan in plans: folder.write(Path(sys.argv[1]), plan)
"""
    moments = random.Random(1)
    for _ in range(10):
        call = [sys.executable, "-c", code, str(path), str(tmp_path / "plans.json")]
        writer = subprocess.Popen(call, env=environment(), stdout=subprocess.PIPE)
        assert writer.stdout and writer.stdout.readline() == b"go\n"
        time.sleep(moments.random() * 0.03)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        if swap:
            assert content(path) in plans, "between two moments there is no plan"
        folder.read_folder(path)
        assert content(path) in plans
    folder.write(path, plans[0])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["plans.json", "x"]

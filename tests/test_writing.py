"""Whatever a command writes appears whole or not at all, never over what is somebody else's; a terminal obeys nothing in it."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.core.errors import Finding, InputFault, Location
from planner.core.format import printable
from planner.core.table import make
from planner.results import folder
from tests.command import ROOT, command, environment, planner

ANSWERS = [
    ("mixes", "classroom"),
    ("explain", "classroom"),
    ("frontier", "classroom", "--points", "2"),
    ("compare", "classroom", "dantzig"),
]
KINDS = [answer[0] for answer in ANSWERS]


def content(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


@pytest.mark.parametrize("asked", ANSWERS, ids=KINDS)
def test_foreign_files_are_never_replaced(asked: tuple[str, ...], tmp_path: Path) -> None:
    """Also those that bear the names of our tables, and in any folder that is not ours as a whole."""
    made = planner(*asked, "-o", tmp_path / "own")
    assert made.code == 0, made.err
    names = [path.name for path in (tmp_path / "own").iterdir()]
    for name in names:
        theirs = tmp_path / f"theirs-{name}"
        theirs.mkdir()
        (theirs / name).write_text("MINE\n", "utf-8")
        done = planner(*asked, "-o", theirs)
        assert done.code == 1 and f"holds something else than an answer of `{asked[0]}` ({name})" in done.err
        assert content(theirs) == {name: b"MINE\n"}
    (tmp_path / "own" / names[0]).write_text("changed by hand\n", "utf-8")
    done = planner(*asked, "-o", tmp_path / "own")
    assert done.code == 1 and "nothing was overwritten" in done.err


def test_a_second_answer_replaces_the_first_as_a_whole(tmp_path: Path) -> None:
    where = tmp_path / "d"
    assert planner("explain", "classroom", "--losses", "--entry-prices", "-o", where).code == 0
    assert planner("explain", "dantzig", "-o", where).code == 0
    told = json.loads((where / "manifest.json").read_text("utf-8"))
    assert (
        sorted(content(where)) == ["binding.csv", "constraints.csv", "manifest.json"] == sorted([*told["files"], "manifest.json"])
    )
    assert (told["command"], told["scenario"], told["set"]) == ("explain", "bundled:dantzig", [])
    assert told["inputs"] and told["versions"]["planner"]


def test_kinds_do_not_replace_each_other(tmp_path: Path) -> None:
    assert planner("solve", "classroom", "-q", "-o", tmp_path / "d").code == 0
    before = content(tmp_path / "d")
    done = planner("explain", "classroom", "-o", tmp_path / "d")
    assert done.code == 1 and "holds a plan, not an answer of `explain`" in done.err and content(tmp_path / "d") == before
    assert planner("explain", "classroom", "-o", tmp_path / "e").code == 0
    assert "holds an answer of `explain`, not a plan" in planner("solve", "classroom", "-o", tmp_path / "e").err


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_an_answer_killed_while_it_is_written_is_old_or_new(tmp_path: Path) -> None:
    where, plans = tmp_path / "x", []
    for n in range(2):
        plans.append(folder.answer("mixes", {f"{i}.csv": f"{n}\n" * 3000 for i in range(6)}, {}))
    folder.write(where, plans[0], "mixes")
    (tmp_path / "plans.json").write_text(json.dumps(plans), "utf-8")
    code = """
import json, sys
from pathlib import Path
from planner.results import folder
plans = json.loads(Path(sys.argv[2]).read_text("utf-8"))
print("go", flush=True)
while True:
    for plan in plans: folder.write(Path(sys.argv[1]), plan, "mixes")
"""
    for moment in range(8):
        call = [sys.executable, "-c", code, str(where), str(tmp_path / "plans.json")]
        writer = subprocess.Popen(call, env=environment(), stdout=subprocess.PIPE)
        assert writer.stdout and writer.stdout.readline() == b"go\n"
        time.sleep(0.004 * moment)
        writer.send_signal([signal.SIGKILL, signal.SIGTERM][moment % 2])
        writer.wait()
        folder.check_target(where, "mixes")  # brings back what was set aside
        assert {name: data.decode() for name, data in content(where).items()} in plans
    assert {path.name for path in tmp_path.iterdir()} == {"x", "plans.json"}


def test_litter_is_ours_by_its_mark_and_not_by_its_name(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    theirs, ours = tmp_path / f".x.new-{gone.pid}", tmp_path / f".x.old-{gone.pid}"
    theirs.mkdir()
    (theirs / "letters.txt").write_text("dear me", "utf-8")
    ours.mkdir()
    (ours / folder.MARK).write_text(folder.MARKED, "utf-8")
    (tmp_path / f".y.new-{gone.pid}").write_text("a file of such a name", "utf-8")
    folder.write(tmp_path / "x", folder.answer("mixes", {"a.csv": "1\n"}, {}), "mixes")
    folder.write(tmp_path / "y", folder.answer("mixes", {"a.csv": "1\n"}, {}), "mixes")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([theirs.name, f".y.new-{gone.pid}", "x", "y"])


def test_an_import_of_nothing_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "aws").mkdir()
    (tmp_path / "aws" / "vms.csv").write_bytes("InstanceType,AcceleratorName\n".encode("utf-16"))
    mine = tmp_path / "offers.csv"
    mine.write_text("id,provider\nmine,me\n", "utf-8")
    done = planner("import", "skypilot", tmp_path, "-o", mine)
    assert done.code == 1 and "nothing was written" in done.err and mine.read_text("utf-8") == "id,provider\nmine,me\n"


def test_an_import_says_what_check_would_not_know(tmp_path: Path) -> None:
    """Rows of a cloud that no table has: its provider and sites are named, and no longer once they stand beside the offers."""
    (tmp_path / "nebius").mkdir()
    head = "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Region,AvailabilityZone,Price,SpotPrice\n"
    (tmp_path / "nebius" / "vms.csv").write_text(head + "m8,H100,8,128,1600,,eu-north1,,23.6,\n", "utf-8")
    done = planner("import", "skypilot", tmp_path, "-o", tmp_path / "p" / "offers.csv")
    assert done.code == 0 and "providers that no table knows yet: nebius; add them to providers.csv (id, name)" in done.err
    assert "sites that no table knows yet: nebius-eu-north1" in done.err
    (tmp_path / "p" / "providers.csv").write_text("id,name\nnebius,Nebius\n", "utf-8")
    again = planner("import", "skypilot", tmp_path, "-o", tmp_path / "p" / "offers.csv")
    assert again.code == 0 and "providers that no table" not in again.err and "sites that no table" in again.err


def test_what_is_true_after_an_interrupt(tmp_path: Path) -> None:
    """The folder is in place before the answer is drawn: who stops the drawing is told so."""
    code = """
import sys
from planner.cli import app, main
from planner.terminal import plan
def stop(*_, **__): raise KeyboardInterrupt
plan.show = stop
sys.argv = ["planner", "solve", "classroom", "-o", sys.argv[1]]
main()
"""
    call = [sys.executable, "-c", code, str(tmp_path / "plan")]
    done = subprocess.run(call, capture_output=True, text=True, env=environment(), cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (130, f"interrupted; {tmp_path / 'plan'} had been written\n")


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_while_the_program_loads(tmp_path: Path) -> None:
    for moment in (0.03, 0.06, 0.12, 0.2):
        run = subprocess.Popen(
            command("solve", "classroom"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
        )
        time.sleep(moment)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=30)
        if run.returncode not in (0, -signal.SIGINT):  # done already, or Python itself was still starting
            assert run.returncode == 130 and "Traceback" not in err, err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("asked", [("--version",), ("--help",), ("check", "classroom"), ("profiles",)], ids=" ".join)
def test_a_full_disk_behind_stdout_is_said_in_one_line(asked: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command(*asked), stdout=full, stderr=subprocess.PIPE, text=True, env=environment(), check=False)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "No space left" in done.stderr


def test_native_code_cannot_speak_on_stdout() -> None:
    code = """
import os, sys
from planner.cli import app, main
from planner.run import pipeline
before = pipeline.plan_scenario
def noisy(*a, **k):
    os.write(1, b"Running some solver: all rights reserved\\n")
    return before(*a, **k)
pipeline.plan_scenario = noisy
sys.argv = ["planner", "solve", "classroom", "--json"]
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), cwd=ROOT, check=False)
    assert done.returncode == 0 and json.loads(done.stdout)["status"] == "optimal" and "Running some solver" in done.stderr


# --- what a terminal would obey -----------------------------------------------------------------------------------------

NASTY = "\x1b]0;PWNED\x07\x1b[2J\x9b31m\u202egpj.exe\u200b\ufeff\x00"


def test_printable_by_hand() -> None:
    assert printable("30 GW · ünïcode — ok\n") == "30 GW · ünïcode — ok\n"
    assert printable(NASTY) == r"\x1b]0;PWNED\x07\x1b[2J\x9b31m\u202egpj.exe\u200b\ufeff\x00"
    assert printable("a\u2028b\n", "") == r"a\u2028b\x0a"


@given(st.text())
def test_nothing_unseen_is_printed(text: str) -> None:
    shown = printable(text)
    assert printable(shown) == shown and not any(ord(c) < 32 and c != "\n" or 0x7F <= ord(c) < 0xA0 for c in shown)


def test_a_finding_is_one_line_and_a_short_one() -> None:
    text = str(InputFault([Finding(Location("f.toml", 3, NASTY), "x" * 10**6 + NASTY, "fix\nme")]))
    assert len(text) < 2500 and text.count("\n") == 1 and "\x1b" not in text and "characters left out" in text


@pytest.mark.parametrize("asked", ["solve", "check", "explain"])
def test_names_of_a_scenario_are_not_obeyed(asked: str, tmp_path: Path) -> None:
    path = tmp_path / "esc.toml"
    name = json.dumps(NASTY.replace("\x00", ""))
    path.write_text(f'schema = 1\nextends = "classroom"\nname = {name}\n', "utf-8")
    done = planner(asked, path)
    assert done.code == 0 and "PWNED" in done.out
    for stream in (done.out, done.err):
        assert not set(stream) & {"\x1b", "\x9b", "\x07", "\u202e", "\u200b"}
    told = planner("solve", path, "--json").out
    assert "\x9b" not in told and "\u202e" not in told and json.loads(told)["name"] == NASTY.replace("\x00", "")


BEFORE = ["", " ", "\u00a0", "\u200b", "\ufeff", "\x0b", "\x0c", "\x07", "\t", "\r", "\n", "\x1b", "a;", "a; "]
FORMULAS = [f"{before}=1+1" for before in BEFORE] + ["@A1", "+1+1", "-1+1", "＝1+1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula(text: str) -> None:
    """Neither where commas part the cells nor where semicolons do, whatever a spreadsheet skips before it looks."""
    line = folder.csv_text(make("t", "a", [(text,)])).splitlines()[1]
    for delimiter in (",", ";"):
        for cell in next(csv.reader(io.StringIO(line), delimiter=delimiter)):
            seen = cell.strip().strip("\u00a0\u200b\ufeff")
            assert not seen or seen[0] not in folder.FORMULA, cell
    assert not any(ord(c) < 32 for c in line)


def test_numbers_stay_numbers() -> None:
    told = ["-5", "+3.5", "-2.5", "1e5", "GB300 + rack", "a;b"]
    assert [folder.cell(x) for x in ("-5", "+3.5", -2.5, "1e5", "GB300 + rack", "a;b")] == told

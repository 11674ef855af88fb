"""`./run` and `.ci/run`: the set-up that happens once, heals, and passes its arguments on. No package is downloaded here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import ROOT
from tests.requirements import EXTRAS, SUPPORTED

# stands for `python -m venv --clear DIR` and for the python in it; every call is noted
FAKE = """#!/bin/sh
printf '%s\\n' "$*" >> "$LOG"
case "$1" in
-V) echo "Python ${FAKE_VERSION:-3.11.0}" ;;
-c) case "$2" in
    *version_info*) [ -z "${OLD:-}" ] ;;
    *ensurepip*) [ -z "${NO_VENV:-}" ] ;;
    esac ;;
-m) case "$2" in
    venv)
        rm -rf "$4"; mkdir -p "$4/bin"; cp "$0" "$4/bin/python"
        printf '#!/bin/sh\\nprintf "<%%s>" "$@"\\n' > "$4/bin/planner"; chmod +x "$4/bin/planner" ;;
    pip)
        echo "constraints <${PIP_CONSTRAINT:-}><${PIP_BUILD_CONSTRAINT:-}> in $(pwd)" >> "$LOG"
        if [ -n "${KILL_PIP:-}" ]; then kill -INT $PPID; sleep 1; exit 130; fi
        [ -z "${NO_NET:-}" ] ;;
    pytest) shift 2; pwd; printf '[%s]' "$@" ;;
    esac ;;
esac
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A checkout with a space in its path, and a false python beside it."""
    place = tmp_path / "my checkout"
    place.mkdir()
    for name in ("run", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, place / name)
    (tmp_path / "python").write_text(FAKE, "utf-8")
    (tmp_path / "python").chmod(0o755)
    return place


def run(place: Path, *arguments: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    more = {"PYTHON": str(place.parent / "python"), "LOG": str(place.parent / "log"), "PATH": "/usr/bin:/bin"}
    call = [str(place / "run"), *arguments]
    return subprocess.run(
        call, capture_output=True, text=True, env=more | env, cwd=cwd, timeout=30, check=False, start_new_session=True
    )


def log(place: Path) -> str:
    path = place.parent / "log"
    return path.read_text("utf-8") if path.exists() else ""


def set_ups(place: Path) -> int:
    return log(place).count("-m pip install")


def environments(place: Path) -> int:
    """How many were made from nothing."""
    return log(place).count("-m venv --clear")


@pytest.mark.parametrize("shell", ["sh", "dash", "bash"])
def test_the_scripts_are_well_formed(shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    assert subprocess.run([shell, "-n", ROOT / "run"], check=False).returncode == 0
    assert (ROOT / "run").stat().st_mode & 0o111 and (ROOT / ".ci" / "run").stat().st_mode & 0o111
    if shell == "bash":
        assert subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=False).returncode == 0


def test_it_sets_up_once_and_passes_arguments_on(place: Path, tmp_path: Path) -> None:
    first = run(place, "solve", "a b.toml", "--set", "limits.fleet_power='20 GW'", "", "*", cwd=tmp_path)
    assert first.returncode == 0
    assert first.stdout == "<solve><a b.toml><--set><limits.fleet_power='20 GW'><><*>"
    assert first.stderr == f"setting up {place}/.venv (once) ...\n"
    assert f"-e {place}\n" in log(place)
    second = run(place, "check", "x")
    assert (second.stdout, second.stderr) == ("<check><x>", "")
    assert set_ups(place) == 1


def test_the_tests_have_their_own_needs(place: Path) -> None:
    run(place, "check", "x")
    done = run(place, "test", "-k", "a or b", cwd=Path("/"))
    assert done.stdout == f"{place}\n[-n][2][--dist][loadfile][-k][a or b]"
    assert done.stderr == f"adding test to {place}/.venv (once) ...\n"
    assert f"-e {place}[test]\n" in log(place)
    run(place, "test")
    assert run(place, "check", "x").stderr == "", "what the tests need is enough for the planner"
    assert (set_ups(place), environments(place)) == (2, 1), "added to what is there"


def test_an_extra_is_added_and_remembered(place: Path) -> None:
    run(place, "check", "x")
    own = place / ".venv" / "own"
    own.touch()
    done = run(place, "--with", "report", "frontier", "a b", "--with", "y")
    assert (done.stdout, done.stderr) == ("<frontier><a b><--with><y>", f"adding report to {place}/.venv (once) ...\n")
    assert f"-e {place}[report]\n" in log(place) and own.exists()
    assert run(place, "--with=report", "check", "x").stderr == ""
    assert run(place, "check", "x").stderr == ""
    assert set_ups(place) == 2
    run(place, "test")
    assert f"-e {place}[report,test]\n" in log(place) and own.exists()
    (place / ".venv" / "ready").unlink()
    done = run(place, "check", "x")
    assert done.stderr == f"setting up {place}/.venv with report,test (once) ...\n" and not own.exists()
    assert set_ups(place) == 4


@pytest.mark.parametrize("asked", [["--with", "report, test"], ["--with", "test", "--with=report"], ["--with=test,report,,test"]])
def test_several_extras_at_once(place: Path, asked: list[str]) -> None:
    done = run(place, *asked, "check", "x")
    assert (done.stdout, done.stderr) == ("<check><x>", f"setting up {place}/.venv with report,test (once) ...\n")
    assert f"-e {place}[report,test]\n" in log(place)


@pytest.mark.parametrize("asked", [["--with", "pictures"], ["--with", "report,*"], ["--with=repor"], ["--with", "-e"]])
def test_an_unknown_extra_is_named(place: Path, asked: list[str]) -> None:
    done = run(place, *asked, "check", "x", cwd=place)
    name = asked[-1].removeprefix("--with=").removeprefix("report,")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"there is no extra {name}; --with takes: {','.join(EXTRAS)}\n"
    assert not log(place) and not (place / ".venv").exists()


def test_with_alone_says_what_it_needs(place: Path) -> None:
    done = run(place, "--with")
    assert (done.returncode, done.stderr) == (2, "--with needs the name of an extra\n")


def test_an_extra_that_could_not_be_added_leaves_what_was_there(place: Path) -> None:
    run(place, "check", "x")
    done = run(place, "--with", "report", "check", "x", NO_NET="1")
    assert (done.returncode, done.stdout) == (1, "") and "run again to retry" in done.stderr
    done = run(place, "check", "x", NO_NET="1")
    assert (done.stdout, done.stderr) == ("<check><x>", "")
    run(place, "--with", "report", "check", "x")
    assert (set_ups(place), environments(place)) == (3, 1)


def test_an_extra_whose_installation_was_interrupted_starts_over(place: Path) -> None:
    run(place, "--with", "report", "check", "x")
    done = run(place, "test", KILL_PIP="1")
    assert done.returncode != 0 and done.stdout == ""
    done = run(place, "check", "x")
    assert done.stderr == f"setting up {place}/.venv with report (once) ...\n", "only what was there is remembered"
    assert (set_ups(place), environments(place)) == (3, 2)


def test_it_installs_the_versions_of_constraints_txt(place: Path) -> None:
    run(place, "check", "x", cwd=Path("/"))
    assert f"constraints <constraints.txt><constraints.txt> in {place}\n" in log(place)


@pytest.mark.parametrize(("version", "minor"), [("3.99.0rc1", "3.99"), ("3.1.0", "3.1"), ("3.111.0", "3.111")])
def test_a_python_that_constraints_txt_does_not_know(place: Path, version: str, minor: str) -> None:
    done = run(place, "check", "x", FAKE_VERSION=version)
    assert (done.returncode, done.stdout) == (0, "<check><x>")
    says = f"constraints.txt does not know Python {minor}: taking the newest versions that pyproject.toml allows"
    assert done.stderr == f"setting up {place}/.venv (once) ...\n{says}\n"
    assert f"constraints <><> in {place}\n" in log(place)
    assert run(place, "check", "x", FAKE_VERSION=version).stderr == ""


@pytest.mark.parametrize("minor", SUPPORTED)
def test_every_python_of_pyproject_is_known(place: Path, minor: str) -> None:
    assert "does not know" not in run(place, "check", "x", FAKE_VERSION=f"{minor}.2").stderr


def test_a_missing_venv_module_is_named(place: Path) -> None:
    done = run(place, "check", "x", NO_VENV="1")
    assert (done.returncode, done.stdout) == (1, "") and "apt-get install python3-venv" in done.stderr


@pytest.mark.parametrize("how", ["missing", "old"])
def test_a_missing_or_old_python_is_named(place: Path, how: str) -> None:
    done = run(place, "check", "x", PYTHON="python3.99") if how == "missing" else run(place, "check", "x", OLD="1")
    assert done.returncode == 1 and "is missing or older than 3.11" in done.stderr and "PYTHON=" in done.stderr


def test_a_set_up_that_failed_starts_over(place: Path) -> None:
    done = run(place, "check", "x", NO_NET="1")
    assert (done.returncode, done.stdout) == (1, "") and "run again to retry" in done.stderr
    assert run(place, "check", "x").stdout == "<check><x>"
    assert set_ups(place) == 2


def test_a_set_up_that_was_interrupted_starts_over(place: Path) -> None:
    """Ctrl-C while pip works."""
    done = run(place, "check", "x", KILL_PIP="1")
    assert done.returncode != 0 and done.stdout == ""
    assert run(place, "check", "x").stdout == "<check><x>"
    assert set_ups(place) == 2


@pytest.mark.parametrize("change", ["stamp", "pyproject.toml", "constraints.txt", "python", "place"])
def test_a_change_sets_up_anew(place: Path, change: str) -> None:
    run(place, "check", "x")
    more = {}
    if change == "stamp":
        (place / ".venv" / "ready").unlink()
    elif change in ("pyproject.toml", "constraints.txt"):
        with (place / change).open("a", encoding="utf-8") as text:
            text.write("\n# more\n")
    elif change == "python":
        more = {"FAKE_VERSION": "3.12.1"}
    else:
        place = place.rename(place.with_name("elsewhere"))
    assert run(place, "check", "x", **more).stdout == "<check><x>"
    assert set_ups(place) == 2


def test_ci_runs_the_command_of_the_readme_then_lint_types_and_other_versions() -> None:
    lines = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    assert "set -euo pipefail" in lines
    assert [line for line in lines if line.startswith(("./run", ".venv/bin/"))] == [
        "./run test",
        ".venv/bin/ruff check .",
        ".venv/bin/ruff format --check --quiet .",
        ".venv/bin/mypy",
        ".venv/bin/python -m tests.versions newest lowest --answers",
    ]
    assert sys.version_info >= (3, 11)

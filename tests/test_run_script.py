"""`./run` and `.ci/run`: the set-up that happens once, heals, and passes its arguments on. No package is downloaded here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import ROOT

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
    for name in ("run", "pyproject.toml"):
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


def set_ups(place: Path) -> int:
    log = place.parent / "log"
    return log.read_text("utf-8").count("-m pip install") if log.exists() else 0


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
    assert f"-e {place}\n" in (tmp_path / "log").read_text("utf-8")
    second = run(place, "check", "x")
    assert (second.stdout, second.stderr) == ("<check><x>", "")
    assert set_ups(place) == 1


def test_the_tests_have_their_own_needs(place: Path) -> None:
    run(place, "check", "x")
    done = run(place, "test", "-k", "a or b", cwd=Path("/"))
    assert done.stdout == f"{place}\n[-n][2][--dist][loadfile][-k][a or b]"
    assert f"-e {place}[test]\n" in (place.parent / "log").read_text("utf-8")
    run(place, "test")
    assert run(place, "check", "x").stderr == "", "what the tests need is enough for the planner"
    assert set_ups(place) == 2


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


@pytest.mark.parametrize("change", ["stamp", "pyproject", "python", "place"])
def test_a_change_sets_up_anew(place: Path, change: str) -> None:
    run(place, "check", "x")
    more = {}
    if change == "stamp":
        (place / ".venv" / "ready").unlink()
    elif change == "pyproject":
        with (place / "pyproject.toml").open("a", encoding="utf-8") as text:
            text.write("\n# more\n")
    elif change == "python":
        more = {"FAKE_VERSION": "3.12.1"}
    else:
        place = place.rename(place.with_name("elsewhere"))
    assert run(place, "check", "x", **more).stdout == "<check><x>"
    assert set_ups(place) == 2


def test_ci_runs_the_command_of_the_readme_then_lint_and_types() -> None:
    lines = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    assert "set -euo pipefail" in lines
    assert [line for line in lines if line.startswith(("./run", ".venv/bin/"))] == [
        "./run test",
        ".venv/bin/ruff check .",
        ".venv/bin/mypy",
    ]
    assert sys.version_info >= (3, 11)

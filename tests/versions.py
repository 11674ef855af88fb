"""Runs the planner with sets of versions of its packages, each in an environment that is thrown away afterwards.

    python -m tests.versions lowest            the lower bounds of pyproject.toml
    python -m tests.versions locked            the exact versions of constraints.txt
    python -m tests.versions newest            the newest that pyproject.toml allows
    python -m tests.versions all               the three

runs all tests. With `--answers` it solves every bundled scenario instead and holds status and cost against tests/golden.toml. The
CSV tables of several sets are then compared byte for byte too, and with `--same-bytes` they must be the same.

    python -m tests.versions lock              writes constraints.txt anew

asks pip for the newest versions allowed, for each Python that pyproject.toml names and that is here (the others keep theirs). To
take new versions: raise the upper bounds in pyproject.toml if need be, `lock`, then `locked` with each Python, then commit both.

`--python python3.12` chooses the interpreter and can be given more than once. Ends with 1 if anything failed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from tests import requirements as asked
from tests.requirements import CONSTRAINTS, ROOT

SETS = ("lowest", "locked", "newest")
GOLDEN = tomllib.loads((ROOT / "tests" / "golden.toml").read_text("utf-8"))
NEAR = 1e-6  # relative, as in tests/test_golden.py
BUILD = ["editables"]  # what `pip install -e` needs for a moment, beside hatchling


class Broken(Exception):
    """An environment that could not be made."""


@dataclass(frozen=True)
class Env:
    """One set of versions on one Python."""

    label: str
    python: str  # the interpreter it is made from
    minor: str
    kind: str
    folder: Path

    @property
    def program(self) -> Path:
        return self.folder / "bin" / "python"

    def answer(self, name: str) -> Path:
        return self.folder / "answers" / name


def call(*command: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)


def minor(python: str) -> str | None:
    """`3.12`, or None if there is no such interpreter or it does not start."""
    if not shutil.which(python):
        return None
    done = call(python, "-c", "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])")
    return done.stdout.strip() or None


def fresh(python: str, folder: Path) -> None:
    done = call(python, "-m", "venv", folder)
    if done.returncode:
        raise Broken(f"{python} -m venv: {last(done)}")


def pip(folder: Path, *arguments: object) -> None:
    done = call(folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", *arguments, cwd=ROOT)
    if done.returncode:
        causes = re.search(r"The conflict is caused by:\n(?: +\S.*\n)+", done.stdout)
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise Broken(causes[0].rstrip() if causes else "\n".join(errors) or last(done))


def last(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]


# --- constraints.txt --------------------------------------------------------------------------------------------------


def resolved(python: str) -> asked.Pins:
    """The newest versions allowed of everything that is installed, extras and tests included."""
    with tempfile.TemporaryDirectory(prefix="versions-") as place:
        folder = Path(place)
        fresh(python, folder / "env")
        whole = f".[{','.join(asked.EXTRAS)}]"
        pip(folder / "env", "install", "--dry-run", "--report", folder / "report.json", "-e", whole, *BUILD)
        found = json.loads((folder / "report.json").read_text("utf-8"))["install"]
    pins: asked.Pins = {canonicalize_name(one["metadata"]["name"]): one["metadata"]["version"] for one in found}
    del pins[canonicalize_name(asked.NAME)]
    return pins


def lock(pythons: Sequence[str]) -> None:
    """Writes constraints.txt; a Python that is not here keeps the versions that it had."""
    old = CONSTRAINTS.read_text("utf-8") if CONSTRAINTS.exists() else ""
    pins = {python: asked.pinned(old, python) for python in asked.known(old) if python in asked.SUPPORTED}
    here = {version: python for python in pythons if (version := minor(python)) in asked.SUPPORTED}
    for version in asked.SUPPORTED:
        if version in here:
            pins[version] = resolved(here[version])
            print(f"{version}: {len(pins[version])} packages")
        else:
            print(f"{version}: not here, {'kept as it was' if version in pins else 'left out'}; --python names one")
    CONSTRAINTS.write_text(asked.written(pins), "utf-8")


# --- sets -------------------------------------------------------------------------------------------------------------


def set_up(env: Env, extras: list[str]) -> str:
    """Makes the environment; what went wrong, or nothing."""
    if env.kind == "locked" and env.minor not in asked.known(CONSTRAINTS.read_text("utf-8")):
        return f"constraints.txt does not know Python {env.minor}"
    constraints: list[object] = []
    if env.kind == "locked":
        constraints = ["-c", CONSTRAINTS]
    if env.kind == "lowest":
        bounds = env.folder.with_suffix(".txt")
        bounds.write_text("".join(f"{name}=={low}\n" for name, low in asked.lowest(env.minor, extras).items()), "utf-8")
        constraints = ["-c", bounds]
    try:
        fresh(env.python, env.folder)
        pip(env.folder, "install", *constraints, "-e", f".[{','.join(extras)}]" if extras else ".")
    except Broken as why:
        return str(why)
    return ""


def solve(env: Env, name: str) -> str:
    """Solves a bundled scenario into a folder; what is wrong with the answer, or nothing."""
    done = call(env.program, "-m", "planner", "solve", name, "--json", "-o", env.answer(name), cwd=env.folder)
    try:
        answer = json.loads(done.stdout)
    except json.JSONDecodeError:
        return f"no JSON: {last(done)}"
    return differs(answer, GOLDEN[name])


def differs(answer: dict[str, Any], kept: dict[str, Any]) -> str:
    """What an answer has otherwise than tests/golden.toml, or nothing."""
    if answer.get("status") != kept["status"]:
        return f"status {answer.get('status')}, not {kept['status']}"
    if "cost_usd" in kept["totals"]:
        cost, expected = answer.get("totals", {}).get("cost_usd"), kept["totals"]["cost_usd"]["value"]
        if not isinstance(cost, (int, float)) or not math.isclose(cost, expected, rel_tol=NEAR, abs_tol=1e-6):
            return f"cost {cost} USD, not {expected}"
    return ""


def tables_that_differ(one: Path, other: Path) -> list[str]:
    """Names of CSV tables that are not the same bytes in two folders."""
    names = sorted({path.name for folder in (one, other) for path in folder.glob("*.csv")})
    return [name for name in names if not same(one / name, other / name)]


def same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()


def answers(envs: Sequence[Env], must_be_same: bool, jobs: int) -> bool:
    """Whether every set gives the answers of tests/golden.toml; a line for each scenario and set."""
    good = True
    with ThreadPoolExecutor(jobs) as pool:
        cases = [(env, name) for name in GOLDEN for env in envs]
        for (env, name), wrong in zip(cases, pool.map(lambda case: solve(*case), cases), strict=True):
            print(f"{env.label:14} {name:32} {wrong or 'as expected'}", flush=True)
            good &= not wrong
    for one, other in combinations(envs, 2):
        for name in GOLDEN:
            if found := tables_that_differ(one.answer(name), other.answer(name)):
                print(f"{one.label} / {other.label}: {name}: other bytes in {', '.join(found)}", flush=True)
                good &= not must_be_same
    return good


def suite(envs: Sequence[Env]) -> bool:
    """Whether all tests pass with every set."""
    good = True
    for env in envs:
        print(f"{env.label}: all tests", flush=True)
        tests = [str(env.program), "-m", "pytest", "-n", "2", "--dist", "loadfile"]
        failed = subprocess.run(tests, cwd=ROOT, check=False).returncode
        print(f"{env.label}: {'failed' if failed else 'passed'}", flush=True)
        good &= not failed
    return good


def environments(kinds: Sequence[str], pythons: Sequence[str], place: Path) -> Iterator[Env]:
    for python in pythons:
        version = minor(python)
        if version is None:
            sys.exit(f"{python} is missing or has no venv module")
        for kind in kinds:
            yield Env(f"{version} {kind}", python, version, kind, place / f"{version}-{kind}")


def run(wanted: argparse.Namespace, place: Path) -> bool:
    kinds = SETS if "all" in wanted.what else tuple(dict.fromkeys(wanted.what))
    envs = list(environments(kinds, wanted.python or [sys.executable], place))
    with ThreadPoolExecutor(wanted.jobs) as pool:
        faults = list(pool.map(lambda env: set_up(env, [] if wanted.answers else asked.EXTRAS), envs))
    for env, fault in zip(envs, faults, strict=True):
        if fault:
            print(f"{env.label}: could not be installed: {fault}", flush=True)
    made = [env for env, fault in zip(envs, faults, strict=True) if not fault]
    good = answers(made, wanted.same_bytes, wanted.jobs) if wanted.answers else suite(made)
    return good and not any(faults)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.versions", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="+", choices=[*SETS, "all", "lock"])
    parser.add_argument("--answers", action="store_true", help="solve the bundled scenarios instead of running the tests")
    parser.add_argument("--same-bytes", action="store_true", help="with --answers: fail if the CSV tables of two sets differ")
    parser.add_argument("--python", action="append", metavar="PROGRAM", help="the interpreter (default: this one)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how much at once (default: one for each core)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave environments and answers there")
    wanted = parser.parse_args()
    if "lock" in wanted.what:
        if wanted.what != ["lock"]:
            parser.error("lock goes alone")
        lock(wanted.python or [sys.executable, *(f"python{version}" for version in asked.SUPPORTED)])
        return
    if wanted.keep:
        wanted.keep.mkdir(parents=True)
        sys.exit(not run(wanted, wanted.keep.resolve()))
    with tempfile.TemporaryDirectory(prefix="versions-") as place:
        good = run(wanted, Path(place))
    sys.exit(not good)


if __name__ == "__main__":
    main()

"""The wheel holds the data too: installed, the planner works from any folder."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.command import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not importlib.util.find_spec("hatchling"), reason="hatchling is not installed here"),
    pytest.mark.skipif(not importlib.util.find_spec("pip"), reason="pip is not installed here"),
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the checkout, without the network."""
    copy = tmp_path_factory.mktemp("copy") / "checkout"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    for name in ("planner", "profiles", "inputs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    call = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run([*call, "--wheel-dir", copy.parent, copy], check=True, timeout=120)
    (found,) = copy.parent.glob("compute_energy_planner-*.whl")
    return found


@pytest.fixture(scope="module")
def home(wheel: Path) -> Path:
    """Where the wheel is installed, without its dependencies."""
    target = wheel.parent / "site"
    call = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*call, "--target", target, wheel], check=True, timeout=120)
    return target


def planner(home: Path, *arguments: str, cwd: Path | str = "/") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(home)}
    call = [sys.executable, "-P", "-m", "planner", *arguments]
    return subprocess.run(call, capture_output=True, text=True, env=env, cwd=cwd, timeout=60, check=False)


def test_it_holds_data_types_and_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for kind in ("profiles", "inputs"):
        data = [path for path in (ROOT / kind).rglob("*") if path.suffix in (".csv", ".toml")]
        assert data and {f"planner/bundled/{path.relative_to(ROOT).as_posix()}" for path in data} <= names
    assert "planner/py.typed" in names and any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if "tests" in name or "__pycache__" in name]


def test_it_solves_a_bundled_scenario_from_anywhere(home: Path, tmp_path: Path) -> None:
    done = planner(home, "solve", "classroom", "-o", str(tmp_path / "plan"))
    assert (done.returncode, done.stderr) == (0, "") and "cost   2.278 billion USD" in done.stdout
    verified = planner(home, "verify", str(tmp_path / "plan"))
    assert (verified.returncode, verified.stderr) == (0, "")
    assert planner(home, "profiles", "sites", "abilene").returncode == 0


def test_own_profiles_beside_a_scenario_win(home: Path, tmp_path: Path) -> None:
    assert planner(home, "init", "mine", cwd=tmp_path).returncode == 0
    for name in ("grids", "sites"):
        path = tmp_path / "mine" / "profiles" / f"{name}.csv"
        path.write_text(path.read_text("utf-8").replace("MY-GRID", "ERCOT"), "utf-8")
    done = planner(home, "solve", "mine/scenario.toml", "-q", "-o", "plan", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    sources = (tmp_path / "plan" / "sources.csv").read_text("utf-8")
    assert "grid.ERCOT.2025-01-01.price,60,USD/MWh,mine/profiles/grids.csv,2" in sources


def test_its_command_is_there(home: Path) -> None:
    script = home / "bin" / "planner"
    env = {**os.environ, "PYTHONPATH": str(home)}
    done = subprocess.run([script, "--version"], capture_output=True, text=True, env=env, cwd="/", timeout=60, check=False)
    assert done.returncode == 0 and done.stdout.startswith("planner ")

"""What pyproject.toml asks for and what constraints.txt fixes, for one version of Python at a time.

A Python is written `3.12` here. Only what holds for every machine is read and written: names, versions and the Python.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
NAME: str = PROJECT["name"]
EXTRAS: list[str] = sorted(PROJECT["optional-dependencies"])
SUPPORTED: list[str] = [
    found[1] for line in PROJECT["classifiers"] if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line))
]
Pins = dict[str, str]  # name: version

HEAD = """\
# The versions that were tested together: every package that the planner, its extras and its tests bring. `./run` installs them.
# Made by `python -m tests.versions lock`, not by hand; what to do then stands at the top of tests/versions.py.
# Python: {pythons}
"""


def holds(requirement: Requirement, python: str) -> bool:
    """Whether a requirement counts for a Python; what it says of the machine is taken as it is here."""
    here = {"python_version": python, "python_full_version": f"{python}.0"}
    return requirement.marker is None or requirement.marker.evaluate(here)


def required(python: str, extras: Iterable[str] = EXTRAS) -> list[Requirement]:
    """What pyproject.toml asks for."""
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    return [one for one in map(Requirement, lines) if holds(one, python)]


def lowest(python: str, extras: Iterable[str] = EXTRAS) -> Pins:
    """The lower bound of each package that pyproject.toml names; the highest one where it is named more than once."""
    found: dict[str, Version] = {}
    for one in required(python, extras):
        bounds = [Version(part.version) for part in one.specifier if part.operator == ">="]
        found[canonicalize_name(one.name)] = max([*bounds, found.get(canonicalize_name(one.name), Version("0"))])
    return {name: str(version) for name, version in sorted(found.items())}


# --- constraints.txt --------------------------------------------------------------------------------------------------


def known(text: str) -> list[str]:
    """The Pythons for which constraints.txt was made."""
    found = re.search(r"^# Python:(.*)$", text, re.MULTILINE)
    return found[1].split() if found else []


def pinned(text: str, python: str) -> Pins:
    """name: version, for one Python."""
    lines = [Requirement(line) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in lines if holds(one, python)}


def written(pins: Mapping[str, Pins]) -> str:
    """constraints.txt from the pins of each Python: one line a package, more only where the Pythons differ."""
    pythons = sorted(pins, key=Version)
    lines = [HEAD.format(pythons=" ".join(pythons))]
    for name in sorted({name for one in pins.values() for name in one}):
        by_version: dict[str, list[str]] = {}
        for python in pythons:
            if name in pins[python]:
                by_version.setdefault(pins[python][name], []).append(python)
        for version, some in by_version.items():
            marker = _marker(some, pythons)
            lines.append(f"{name}=={version}{' ; ' if marker else ''}{marker}\n")
    return "".join(lines)


def _marker(some: list[str], pythons: list[str]) -> str:
    if some == pythons:
        return ""
    if some == pythons[: len(some)]:
        return f'python_version < "{pythons[len(some)]}"'
    if some == pythons[-len(some) :]:
        return f'python_version >= "{some[0]}"'
    return " or ".join(f'python_version == "{python}"' for python in some)

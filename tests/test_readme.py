"""The README is run as written: its commands, its scenario, and the answer that it shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"


def blocks(language: str) -> list[tuple[str, str]]:
    """(comment before the block, its text) of every fenced block of a language."""
    pattern = rf"(?:<!-- (?P<mark>[^>]*) -->\n)?```{language}\n(?P<text>.*?)```"
    return [(match["mark"] or "", match["text"]) for match in re.finditer(pattern, README.read_text("utf-8"), re.DOTALL)]


def planner(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "planner", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("readme")


def test_the_commands_run_in_order(folder: Path) -> None:
    lines = [line for _, text in blocks("sh") for line in text.splitlines() if line.startswith("./run ")]
    assert "./run test" in lines  # that one is this suite
    assert len(lines) >= 8
    for line in lines:
        arguments = shlex.split(line)[1:]
        if arguments != ["test"]:
            done = planner(arguments, folder)
            assert done.returncode == 0, f"{line}\n{done.stderr}"
            assert done.stdout.strip(), line


def test_the_answers_shown_are_the_answers_given(folder: Path) -> None:
    found = blocks("text")
    assert len(found) == 2
    for mark, shown in found:
        done = planner(shlex.split(mark.removeprefix("answer: ")), folder)
        assert done.returncode in (0, 3), done.stderr  # 3: the README shows why nothing fits
        assert shown.rstrip() == done.stdout.rstrip(), "python -m tests.refresh_readme writes it anew"


def test_the_scenario_shown_solves(folder: Path) -> None:
    (mark, text), *_ = blocks("toml")
    name = mark.removeprefix("file: ")
    (folder / name).write_text(text, encoding="utf-8")
    assert len(text.splitlines()) <= 15
    done = planner(["solve", name], folder)
    assert done.returncode == 0, done.stderr
    assert "audit passed" in done.stdout

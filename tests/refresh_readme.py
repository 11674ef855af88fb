"""Writes the answer that the README shows anew: python -m tests.refresh_readme"""

from __future__ import annotations

import re
import shlex
import tempfile
from pathlib import Path

from tests.test_readme import README, planner


def main() -> None:
    text = README.read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder:

        def answer(match: re.Match[str]) -> str:
            done = planner(shlex.split(match["command"]), Path(folder))
            return f"<!-- answer: {match['command']} -->\n```text\n{done.stdout.rstrip()}\n```"

        pattern = r"<!-- answer: (?P<command>.*?) -->\n```text\n.*?```"
        README.write_text(re.sub(pattern, answer, text, flags=re.DOTALL), "utf-8")


if __name__ == "__main__":
    main()

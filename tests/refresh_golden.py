"""Writes the golden files anew: `python -m tests.refresh_golden`. Look at the difference before you commit it.

tests/lp/*.lp: the programme of every case of tests/test_formulation.py as text.
"""

from __future__ import annotations

from tests.small import written
from tests.test_formulation import CASES, LP, made


def programmes() -> None:
    LP.mkdir(exist_ok=True)
    for path in LP.glob("*.lp"):
        path.unlink()
    for name in CASES:
        (LP / f"{name}.lp").write_text(written(made(name)), encoding="utf-8")


if __name__ == "__main__":
    programmes()

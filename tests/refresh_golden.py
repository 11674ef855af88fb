"""Writes the golden files anew; look at the difference before you commit it.

    python -m tests.refresh_golden                        tests/lp/*.lp: the rows of every case of tests/test_formulation.py
    python -m tests.refresh_golden --reason "why"         and tests/golden.toml: the totals of the bundled scenarios

Numbers that have not moved keep their reason; those that have get the new one.
"""

from __future__ import annotations

import argparse
import json

from planner.inputs.load import bundled_scenarios
from tests.small import written
from tests.test_formulation import CASES, LP, made
from tests.test_golden import GOLDEN, kept, moved, solved


def programmes() -> None:
    LP.mkdir(exist_ok=True)
    for path in LP.glob("*.lp"):
        path.unlink()
    for name in CASES:
        (LP / f"{name}.lp").write_text(written(made(name), CASES[name].rules), encoding="utf-8")


def totals(reason: str) -> None:
    old = kept()
    lines = ["# Totals of the bundled scenarios; written by: python -m tests.refresh_golden --reason WHY"]
    for name in sorted(bundled_scenarios()):
        result, before = solved(name), old.get(name, {}).get("totals", {})
        lines += ["", f"[{name}]", f'status = "{result.status}"', f"[{name}.totals]"]
        for what, value in result.totals.items():
            number = before.get(what)
            if number is None or moved(number, value, what):
                print(f"{name}.{what}: {number['value'] if number else 'new'} -> {value!r}")
                near = {"near": number["near"]} if number and "near" in number else {}
                number = {"value": float(f"{value:.12g}"), **near, "reason": reason}
            cells = ", ".join(f"{key} = {json.dumps(cell, ensure_ascii=False)}" for key, cell in number.items())
            lines.append(f"{what} = {{ {cells} }}")
    GOLDEN.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reason", help="why the totals of bundled scenarios have moved")
    wanted = parser.parse_args()
    programmes()
    if wanted.reason:
        totals(wanted.reason)

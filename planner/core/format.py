"""Amounts and numbers in words: the same in every answer, table and picture. Pure text, no screen."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

EVEN = 1e-9  # a share this little below a whole number of percent is that number

STEPS = {
    "USD": ((1e12, "trillion USD"), (1e9, "billion USD"), (1e6, "million USD"), (1.0, "USD")),
    "MW": ((1e3, "GW"), (1.0, "MW")),
    "MWh": ((1e6, "TWh"), (1e3, "GWh"), (1.0, "MWh")),
    "t": ((1e6, "Mt"), (1e3, "kt"), (1.0, "t")),
    "h100e": ((1e6, "million h100e"), (1.0, "h100e")),
    "h100e·h": ((1e9, "billion h100e·h"), (1e6, "million h100e·h"), (1.0, "h100e·h")),
}


def amount(value: float, unit: str) -> str:
    """A number with its unit at a readable size: 595.7 billion USD, 27.30 GW, 3.200 TWh."""
    steps = STEPS.get(unit, ((1.0, unit),))
    for size, name in steps:
        if abs(value) >= size * (1 - 5e-5):
            return f"{number(value / size)} {name}".strip()
    return f"{number(value)} {steps[-1][1]}".strip()


def number(value: float) -> str:
    """Four digits that matter (three below one), thousands separated."""
    size = abs(value)
    if size == 0 or size >= 999.95:
        return f"{value:,.0f}"
    if size < 1:
        return f"{value:.3g}"
    return f"{value:.1f}" if size >= 99.995 else f"{value:.2f}" if size >= 9.9995 else f"{value:.3f}"


def percents(shares: Sequence[float], digits: int = 0) -> list[str]:
    """Shares of one whole in percent, rounded so that what is printed adds up to the whole as it rounds (largest remainder).

    Three thirds are 34 %, 33 %, 33 %: of equal remainders the first is rounded up. No text is off by a whole last digit.
    """
    parts = [share * 100 * 10**digits for share in shares]
    floors = [math.floor(part + EVEN) for part in parts]
    missing = round(math.fsum(parts)) - sum(floors)
    by_remainder = sorted(range(len(parts)), key=lambda i: (-round(parts[i] - floors[i], 9), i))
    for i in by_remainder[:missing]:
        floors[i] += 1
    return [f"{floor / 10**digits:.{digits}f}%" for floor in floors]


def clip(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


# how a unit of room is spoken of: its size in the unit of the rule, and its name
UNIT_OF_ROOM = {"MW": (1.0, "MW"), "USD": (1e6, "million USD"), "share": (0.01, "percentage point"), "t": (1e3, "kt")}


UNSEEN = ("Cc", "Cf", "Zl", "Zp", "Cs", "Cn")  # control, format (bidi, zero width), line and paragraph separators, no characters


def printable(text: str, keep: str = "\n") -> str:
    """Text with everything written out that a terminal would obey or nobody could see: \\x1b, \\u202e. `keep` stays as it is."""
    if text.isprintable():  # says no to other blanks too, which are fine
        return text
    return "".join(c if c in keep or unicodedata.category(c) not in UNSEEN else _written_out(c) for c in text)


def _written_out(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

"""Text to number and back, at the boundary; inside the planner all numbers are floats of the canonical units.

A quantity is a decimal number, an optional `million`, `billion` or `trillion`, and unit words joined by `/`. The text is held
against that grammar and the words against an allow-list before pint sees anything: pint's own parser would evaluate `9**9**9`,
read `1,5 GW` as 15 GW and `mW` as milliwatt. pint then answers what it is good at: the dimension and the exact factor.

Energy years have 8766 hours and quarters are a fourth of that; the lengths of planning periods come from the calendar instead.
Heat of fuel (Btu, `MWh_th`) is a dimension of its own: a price of fuel can never stand where one of electricity is due.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

from planner.core.errors import did_you_mean

if TYPE_CHECKING:
    import pint

DEFINITIONS = """
hour = [time] = h
minute = hour / 60
day = 24 hour
year = 8766 hour
month = year / 12
quarter = year / 4
half = year / 2
second = hour / 3600 = s
watt = [power] = W
kW = 1000 watt
MW = 1000 kW
GW = 1000 MW
TW = 1000 GW
Wh = watt * hour
kWh = kW * hour
MWh = MW * hour
GWh = GW * hour
TWh = TW * hour
gram = [mass] = g
kg = 1000 gram
tonne = 1000 kg = t
kt = 1000 tonne
Mt = 1000 kt
Gt = 1000 Mt
lb = 45359237 / 100000 * gram
liter = [volume] = L
byte = [information] = B
GB = 1e9 byte
Btu = [heat]
MMBTU = 1e6 Btu
kWh_th = 3600000 / 1055.05585262 * Btu
MWh_th = 1000 kWh_th
GJ_th = 1000 / 3.6 * kWh_th
TB = 1000 GB
USD = [currency]
gpu = [accelerator]
rack = [rack]
h100e = [compute]
TPP = [processing_performance]
percent = 0.01
"""
# what a user may write -> the word pint knows
WORDS = {
    **{w: w for w in ("h", "hour", "minute", "day", "month", "quarter", "half", "year", "s")},
    **{w: w for w in ("W", "kW", "MW", "GW", "TW", "Wh", "kWh", "MWh", "GWh", "TWh")},
    **{w: w for w in ("g", "kg", "t", "kt", "Mt", "Gt", "lb", "L", "GB", "TB", "Btu", "MMBTU", "kWh_th", "MWh_th", "GJ_th")},
    **{w: w for w in ("USD", "gpu", "rack", "h100e", "TPP")},
    **{w + "s": w for w in ("hour", "minute", "day", "month", "quarter", "year", "gpu", "rack")},
    "lbs": "lb",
    "BTU": "Btu",
    "MMBtu": "MMBTU",
    "gpu-hour": "gpu*hour",
    "gpu-hours": "gpu*hour",
    "tonne": "t",
    "tonnes": "t",
    "liter": "L",
    "litre": "L",
    "%": "percent",
}
MULTIPLIERS = {"million": 10**6, "billion": 10**9, "trillion": 10**12}
REFUSED = {
    "mW": "did you mean `MW`? (`mW` is a milliwatt, a factor of a billion away)",
    "mWh": "did you mean `MWh`? (`mWh` is a milliwatt-hour)",
    "MT": "did you mean `Mt`, million tonnes?",
    "ton": "write `t` or `tonne` (a ton is 907 kg or 1000 kg depending on who writes it)",
    "tons": "write `t` or `tonne` (a ton is 907 kg or 1000 kg depending on who writes it)",
    "$": "write `USD`",
    "Gw": "did you mean `GW`?",
    "KW": "did you mean `kW`?",
    "chip": "chips are counted in `gpu`",
    "MBTU": "a thousand Btu to some, a million to others: write `MMBTU` (a million) or `Btu`",
    "MBtu": "a thousand Btu to some, a million to others: write `MMBTU` (a million) or `Btu`",
    "therm": "write `MMBTU` (a therm is a tenth of it, by one of two Btu)",
    "GJ": "write `GJ_th` for the heat of fuel, or `MWh` for electricity",
}
_NUMBER = r"[+-]?(?:[0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"  # no digits of other scripts
_QUANTITY = re.compile(rf"\s*(?P<number>{_NUMBER})\s*(?P<unit>.*?)\s*", re.DOTALL)
MAX_LENGTH = 200  # of a quantity as text
_WORD = re.compile(r"[A-Za-z$€£%][A-Za-z0-9_$%-]*")
_BASIS = re.compile(r"(?P<unit>[kMGT]?Wh?)_(?P<basis>IT|facility)")
PLAIN = re.compile(rf"\s*{_NUMBER}\s*(?:million|billion|trillion)?\s*")  # a cell under a header that has the unit
QUANTITY_PATTERN = rf"^\s*{_NUMBER}\s*((million|billion|trillion)\s+)?[A-Za-z%][A-Za-z0-9_%-]*(/[A-Za-z0-9_]+)*\s*$"


class UnitError(ValueError):
    """A quantity that cannot be read; the message says what was expected, `fix` how to write it."""

    def __init__(self, what: str, fix: str = ""):
        super().__init__(what)
        self.what, self.fix = what, fix


@dataclass(frozen=True)
class Unit:
    """A parsed unit: `factor` canonical units of `dimension` make one of it; `basis` is IT, facility or empty."""

    factor: Fraction
    dimension: str
    basis: str


@cache
def registry() -> pint.UnitRegistry[Any]:
    """The one pint registry of the planner, with nothing in it but the units above and exact factors."""
    import pint

    reg: pint.UnitRegistry[Any] = pint.UnitRegistry(None, non_int_type=Fraction)
    for line in DEFINITIONS.strip().splitlines():
        reg.define(line)
    return reg


@cache
def unit(text: str, currencies: tuple[tuple[str, Fraction], ...] = ()) -> Unit:
    """The unit written as `text`, such as `USD/gpu/hour` or `million TPP`; UnitError if it is not one we take.

    `currencies` are pairs of a code and its worth in USD, from `money.rates`.
    """
    words = text.split()
    factor = Fraction(1)
    while words and words[0] in MULTIPLIERS:
        factor *= MULTIPLIERS[words.pop(0)]
    rates = dict(currencies)
    basis, spelled = "", []
    for i, word in enumerate("".join(words).split("/") if words else []):
        if word == "1" and i == 0:
            spelled.append("1")
            continue
        if match := _BASIS.fullmatch(word):
            word, basis = match["unit"], match["basis"]
        if word in rates:
            factor = factor * rates[word] if i == 0 else factor / rates[word]
            word = "USD"
        if word in REFUSED:
            raise UnitError(f"the unit `{word}` is refused", REFUSED[word])
        if word not in WORDS:
            raise UnitError(f"`{word or text}` is not a unit that the planner knows", _unit_hint(word, rates))
        spelled.append(f"({WORDS[word]})")
    if len(words) > 1:
        raise UnitError(f"`{text}` is not a unit", "join units with `/`, as in `USD/gpu/hour`")
    if not spelled:
        return Unit(factor, "", basis)
    quantity = registry().Quantity(Fraction(1), "/".join(spelled)).to_base_units()
    dimension = "" if quantity.dimensionless else str(quantity.dimensionality)
    return Unit(factor * Fraction(quantity.magnitude), dimension, basis)


def _unit_hint(word: str, rates: dict[str, Fraction]) -> str:
    if re.fullmatch(r"[A-Z]{3}", word) and word.casefold() not in {known.casefold() for known in WORDS}:
        return f'if it is a currency, say what it is worth: [money] rates = {{ {word} = "0.9 USD" }}'
    return did_you_mean(word, [*WORDS, *rates, *MULTIPLIERS])


def parse(
    text: object, canonical: str, currencies: tuple[tuple[str, Fraction], ...] = (), basis: str = "", example: str = ""
) -> float:
    """The number of `canonical` units that `text` means. Raises UnitError for a bare number, a word that is not a unit,
    a unit of another dimension, or a power written on the other basis (IT or facility)."""
    example = example or f"100 {canonical}"
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        raise UnitError(f"expected a quantity in {canonical}, got {_kind(text)}", f'write it as text, e.g. "{example}"')
    if isinstance(text, (int, float)):
        raise UnitError(f"{text} has no unit", f'write number and unit as text, e.g. "{example}"')
    if not text.strip():
        raise UnitError("is empty where a quantity is due", f'e.g. "{example}"')
    match = _QUANTITY.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if not match or (match["unit"] and match["unit"][0] in "_,.'0123456789" and not match["unit"].startswith("1/")):
        separated = re.match(r"\s*[+-]?[0-9]+[\s,.'_]+[0-9]", text)
        hint = "use a point for decimals and no thousands separators" if separated else "number first, then the unit"
        raise UnitError(f"`{_short(text)}` is not a quantity", f'{hint}, e.g. "{example}"')
    written = match["unit"]
    for word in re.split(r"[\s/]+", written):
        if word and not _WORD.fullmatch(word) and word != "1":
            raise UnitError(f"`{_short(text)}` is not a quantity", f'number first, then the unit, e.g. "{example}"')
    target = unit(canonical)
    if not written and target.dimension:
        raise UnitError(f"`{text.strip()}` has no unit", f'e.g. "{example}"')
    try:
        found = unit(written, currencies)
    except UnitError as error:
        raise UnitError(error.what, f'{error.fix} (expected {canonical}, e.g. "{example}")') from None
    if found.dimension != target.dimension:
        what = (
            f"`{text.strip()}` is not in {canonical}" if canonical else f"`{text.strip()}` is not a plain number or a percentage"
        )
        if "[heat]" in found.dimension and "[heat]" not in target.dimension:
            fix = f'heat of fuel is not electricity: it has a fuel_price and a heat_rate; here e.g. "{example}"'
            raise UnitError(what, fix)
        raise UnitError(what, f'a quantity of that kind is written like "{example}"' if canonical else 'e.g. 0.6 or "60 %"')
    if basis and found.basis and found.basis != basis:
        raise UnitError(
            f"`{text.strip()}` is {found.basis} power and this field wants {basis} power",
            "IT power times PUE is facility power: convert it, then write it here",
        )
    try:
        number = Fraction(Decimal(match["number"].replace("_", "")))
        value = float(number * found.factor / target.factor)
    except (ArithmeticError, ValueError, OverflowError):
        raise UnitError(f"`{_short(text)}` is out of range", "write a number that can be true") from None
    if abs(value) > 1e30 or (number and abs(value) < 1e-30):
        raise UnitError(f"`{_short(text)}` is out of range", "write a number that can be true")
    return value


def spans(text: object) -> list[str]:
    """The units of time that a quantity is per, as in `USD/gpu/month`: month."""
    parts = text.split("/")[1:] if isinstance(text, str) else []
    return [word for word in (part.strip() for part in parts) if word in WORDS and unit(WORDS[word]).dimension == "[time]"]


def compounded(text: object, currencies: tuple[tuple[str, Fraction], ...] = (), example: str = "8 %/year") -> float:
    """The rate per year that a rate per any span comes to, interest on interest: 2 %/quarter is 1.02⁴ − 1 = 8.2432 %/year."""
    yearly = parse(text, "1/year", currencies, example=example)
    times = float(1 / (unit(WORDS[spans(text)[0]]).factor / unit("year").factor))
    if times == 1:
        return yearly
    return record(math.expm1(times * math.log1p(yearly / times))) if yearly > -times else -1.0


def number(text: object, what: str = "a number") -> float:
    """A dimensionless number: plain, or a percentage as text (`60 %`)."""
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        raise UnitError(f"expected {what}, got {_kind(text)}", 'e.g. 0.6 or "60 %"')
    if isinstance(text, str):
        return parse(text, "", example="0.6")
    value = float(text)
    if value != value or abs(value) > 1e30:
        raise UnitError(f"{text} is not {what}", "write a finite number")
    return value


def _kind(value: object) -> str:
    names = {bool: str(value).lower(), dict: "a table", list: "a list", type(None): "nothing"}
    return names.get(type(value), f"`{_short(str(value))}`")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def record(value: float) -> float:
    """`value` rounded once to 15 significant digits: the decimal of record of a derived coefficient."""
    return float(f"{value:.15g}")

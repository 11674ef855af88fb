"""Small models with published optima (R. Fourer, D. M. Gay, B. W. Kernighan: AMPL, 2nd edition, 2003), proved in fractions.

Steel (chapter 1), diet (chapter 2) and transport (chapter 3) with the values, prices and reduced costs that the book prints. The
proof starts from slacks alone, so no solver takes part; the solver's ranges are then held against what the book's numbers imply.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from planner.core.basis import Basis
from planner.model.program import Program, total
from planner.proof.exact import Certificate, Record, certify, farkas, record_of, refutes
from planner.solver.highs import Engine
from planner.solver.ranging import direction, written_twice
from planner.solver.solve import load
from tests.small import loose

ROWS = loose(time=(), commitment=("product",), least=("nutrient",), most=("nutrient",), package=("food",), supply=("mill",),
             demand=("plant",))  # fmt: skip


class Published:
    """A programme with its objective."""

    def __init__(self) -> None:
        self.program = Program(rules=ROWS)
        self.goal: Any = None

    @property
    def record(self) -> Record:
        return record_of(self.program, self.goal)

    def proved(self) -> Certificate:
        """The optimum from slacks, by exact pivots alone."""
        slack = Basis("L" * len(self.program.columns), "B" * len(self.program.rows))
        found = certify(self.record, slack)
        assert found.proved, found.what
        return found

    def engine(self) -> Engine:
        engine = load(self.program, *self.program.minimize(self.goal))
        engine.run()
        return engine


def steel() -> Published:
    """Figure 1-6a: 40 hours of the mill; tons of bands, coils and plate by rate, profit, what is committed and the market."""
    made = Published()
    products = (("bands", 200, 25, 1000, 6000), ("coils", 140, 30, 500, 4000), ("plate", 160, 29, 750, 3500))
    make = {name: made.program.variable(name, up=market) for name, _, _, _, market in products}
    # 1/140 is no decimal: the hours of the mill are counted in 1/1400 h, so that every coefficient is one
    hours = total((1400 / rate, make[name]) for name, rate, *_ in products)
    made.program.add(hours <= 40 * 1400, "time")
    for name, _, _, committed, _ in products:
        made.program.add(total([(1.0, make[name])]) >= committed, "commitment", name)
    made.goal = total((-profit, make[name]) for name, _, profit, _, _ in products)
    return made


def test_steel() -> None:
    """194,828.5714 of profit; an hour more is worth 4,640, a ton more of market for bands 1.8, a ton of commitment −3.14286."""
    made = steel()
    found = made.proved()
    assert found.objective == -(Fraction(25) * 6000 + 30 * 500 + 29 * Fraction(7200, 7))  # 1028.571 t of plate
    engine = made.engine()
    assert engine.values == pytest.approx([6000, 500, 1028.5714286])
    assert engine.prices[0] * 1400 == pytest.approx(-4640)
    assert engine.reduced[0] == pytest.approx(-1.8) and engine.prices[2] == pytest.approx(3.1428571)
    # plate runs from its 750 t to its 3,500 t: from 30 + 500/140 + 750/160 hours on, up to 3,500/160
    assert direction(engine, {0: 1.0}).room == pytest.approx((30 + 500 / 140 + 3500 / 160 - 40) * 1400)
    assert direction(engine, {0: -1.0}).room == pytest.approx((40 - 30 - 500 / 140 - 750 / 160) * 1400)


FOODS = ("BEEF", "CHK", "FISH", "HAM", "MCH", "MTL", "SPG", "TUR")
COSTS = (3.19, 2.59, 2.29, 2.89, 1.89, 1.99, 1.99, 2.49)
HOLDS = {  # figure 2-1 and 2-3: per package, in % of a day's need; sodium in mg, energy in kcal
    "A": (60, 8, 8, 40, 15, 70, 25, 60), "C": (20, 0, 10, 40, 35, 30, 50, 20), "B1": (10, 20, 15, 35, 15, 15, 25, 15),
    "B2": (15, 20, 10, 10, 15, 15, 15, 10), "NA": (938, 2180, 945, 278, 1182, 896, 1329, 1397),
    "CAL": (295, 770, 440, 430, 315, 400, 370, 450),
}  # fmt: skip


def diet(nutrients: dict[str, tuple[float, float | None]], least: float = 0.0, most: float = 100.0) -> Published:
    made = Published()
    buy = [made.program.variable(food, up=most) for food in FOODS]
    for name, (low, high) in nutrients.items():
        held = total(zip(map(float, HOLDS[name]), buy, strict=True))
        made.program.add(held >= low, "least", name)
        if high is not None:
            made.program.add(held <= high, "most", name)
    for food, packages in zip(FOODS, buy, strict=True) if least else ():
        made.program.add(total([(1.0, packages)]) >= least, "package", food)
    made.goal = total(zip(COSTS, buy, strict=True))
    return made


VITAMINS: dict[str, tuple[float, float | None]] = dict.fromkeys(("A", "C", "B1", "B2"), (700.0, None))


def test_diet_of_macaroni() -> None:
    """88.20 a week: 46.667 packages of macaroni and cheese, nothing else."""
    made = diet(VITAMINS)
    assert made.proved().objective == Fraction("1.89") * 700 / 15
    assert made.engine().values == pytest.approx([0, 0, 0, 0, 700 / 15, 0, 0, 0])


def varied(sodium: float) -> Published:
    """Chapter 2.3: two to ten packages of each, 16,000 to 24,000 kcal, and a limit on sodium."""
    wide: dict[str, tuple[float, float | None]] = dict.fromkeys(VITAMINS, (700.0, 20000.0))
    return diet(wide | {"NA": (0.0, sodium), "CAL": (16_000.0, 24_000.0)}, 2, 10)


def test_diet_with_variety() -> None:
    """118.0594 with 50,000 mg of sodium: 5.36061 beef, 9.30605 spaghetti, the others at two or ten packages."""
    made = varied(50_000)
    assert float(made.proved().objective or 0) == pytest.approx(118.0594032, abs=5e-8)
    bought = made.engine().values
    assert bought == pytest.approx([5.360613811, 2, 2, 10, 10, 10, 9.306052855, 2])


def test_diet_that_does_not_exist() -> None:
    """40,000 mg are too little. The refutation is exact, and wrong multipliers refute nothing."""
    made = varied(40_000)
    assert not certify(made.record, Basis("L" * 8, "B" * len(made.program.rows))).proved
    engine = made.engine()
    ray = engine.ray
    hint = {i: float(y) for i, y in enumerate(ray) if y}
    found = farkas(made.record, hint) or farkas(made.record, {i: -y for i, y in hint.items()})
    assert found is not None
    by = refutes(made.record, found)
    assert by is not None and by > 0
    assert refutes(varied(50_000).record, found) is None
    row = made.program.rows.index(("most", "NA"))
    assert row in found, "the limit on sodium takes part"
    assert refutes(made.record, {i: -y for i, y in found.items()}) is None
    assert refutes(made.record, {i: y for i, y in found.items() if i != row}) is None


def test_transport_of_coils() -> None:
    """Chapter 3: 196,200 for three mills and seven plants; supply is demand, so one row says what the others say."""
    mills = {"GARY": 1400, "CLEV": 2600, "PITT": 2900}
    plants = {"FRA": 900, "DET": 1200, "LAN": 600, "WIN": 400, "STL": 1700, "FRE": 1100, "LAF": 1000}
    costs = {"GARY": (39, 14, 11, 14, 16, 82, 8), "CLEV": (27, 9, 12, 9, 26, 95, 17), "PITT": (24, 14, 17, 13, 28, 99, 20)}
    made = Published()
    ship = {(m, p): made.program.variable(m, p) for m in mills for p in plants}
    for m, tons in mills.items():
        made.program.add(total((1.0, ship[m, p]) for p in plants) == tons, "supply", m)
    for p, tons in plants.items():
        made.program.add(total((1.0, ship[m, p]) for m in mills) == tons, "demand", p)
    made.goal = total((float(c), ship[m, p]) for m in mills for p, c in zip(plants, costs[m], strict=True))
    assert made.proved().objective == 196_200
    assert made.engine().objective == pytest.approx(196_200)
    assert written_twice(made.program, list(range(len(made.program.rows)))) == []

"""Exact certificates: known optima as fractions, bases that must be mended, and forgeries that must be refused."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from planner.audit import audit
from planner.core.basis import Basis
from planner.data import instance
from planner.inputs import provenance
from planner.inputs.load import bundled_scenarios
from planner.inputs.scenario import Solve
from planner.model import formulation
from planner.proof import certificate, exact
from planner.proof.elimination import Overlong, total
from planner.proof.exact import Record, bound, certify, check, farkas, make_record, refutes, short
from planner.results import plan as room
from planner.results import shadow_prices as limits
from planner.results import tables as report
from planner.results.folder import csv_text, json_text, write
from planner.results.seal import sealed
from planner.run import pipeline, verification
from planner.solver import solve
from tests.command import planner
from tests.small import model, plan, scenario
from tests.test_oracle import OTHER

F = Fraction
FREE = float("inf")
AT_MOST, EQUAL, AT_LEAST = -1, 0, 1
Row = tuple[Mapping[int, float], int, float]


def record(costs: Sequence[float], rows: Sequence[Row], upper: Sequence[float] | None = None, constant: float = 0.0) -> Record:
    """min costs · x over rows ({column: coefficient}, sense, right side)."""
    starts, indices, coefficients = [0], [], []
    for terms, _, _ in rows:
        indices += list(terms)
        coefficients += list(terms.values())
        starts.append(len(indices))
    senses, rhs = [sense for _, sense, _ in rows], [b for *_, b in rows]
    return make_record(costs, constant, starts, indices, coefficients, senses, rhs, upper or [FREE] * len(costs))


# two machines, two products, in thirds: max 3 x + 2 y over x + y <= 4, x + 3 y <= 6, 3 x <= 10
FACTORY = record([-3, -2], [({0: 1, 1: 1}, AT_MOST, 4), ({0: 1, 1: 3}, AT_MOST, 6), ({0: 3}, AT_MOST, 10)])


# --- the decimals of record -------------------------------------------------------------------------------------------


def test_numbers_are_the_decimals_that_were_written() -> None:
    made = record([0.1, 0.1 + 0.2], [({0: 0.1, 1: 1e-6}, AT_MOST, 0.3), ({1: 1e6}, EQUAL, 0.0)], [FREE, 2.5])
    assert made.costs == (F(1, 10), F(3, 10))  # the noise of 0.1 + 0.2 lies behind the 15th digit
    assert [F(a, made.scales[0]) for _, a in made.row(0)] == [F(1, 10), F(1, 10**6)]
    assert made.right(0) == F(3, 10)
    assert made.upper == (None, F(5, 2))
    assert made.scales == (10**6, 1)


def test_the_hash_tells_programmes_apart() -> None:
    def hashed(cost: float = 1, a: float = 1, sense: int = AT_MOST, b: float = 1, up: float = FREE, constant: float = 0) -> str:
        return record([cost], [({0: a}, sense, b)], [up], constant).sha256()

    found = [hashed(), hashed(2), hashed(a=2), hashed(sense=EQUAL), hashed(b=2), hashed(up=2), hashed(constant=1), hashed(b=0.1)]
    assert len(set(found)) == len(found)
    assert hashed(b=0.3) == hashed(b=0.1 + 0.2)


def test_long_fractions_are_shown_short() -> None:
    assert short(F(1, 3)) == "0.33333333333333333333"
    assert short(F(-5, 2)) == "-2.5"
    assert short(F(10**9)) == "1000000000"
    assert short(F(10**6000, 3)) == "3.3333333333333333333E+5999"


# --- known optima -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("basis", ["BB NBN", "BB NNB", "LL BBB", "LB NBB", "BL BBN", "BB BBB", "LL NNN", "UU NNN", "?? ??!"])
def test_any_basis_leads_to_the_optimum(basis: str) -> None:
    """x = 10/3, y = 2/3 wherever it begins, even from letters that are no basis."""
    found = certify(FACTORY, Basis(*basis.split()))
    assert found.proved
    assert found.objective == -F(34, 3)
    assert found.x == (F(10, 3), F(2, 3))
    assert found.y == (F(-2), F(0), F(-1, 3))
    assert found.basis == Basis("BB", "NBN")
    assert (found.pivots == 0) == (basis in ("BB NBN",))


def test_a_column_that_must_stay_at_zero() -> None:
    made = record([-1], [({0: 1}, AT_MOST, 5)], [0])
    assert check(made, [F(1)], [F(0)]).violated == "column 0 is 1 above its bound"
    assert check(made, [F(0)], [F(0)]).optimal


def test_upper_bounds_count_in_the_bound() -> None:
    """min −x − 2y, x + y ≤ 3, x ≤ 5/2, y ≤ 1: y at its bound, whatever side it is said to be on."""
    made = record([-1, -2], [({0: 1, 1: 1}, AT_MOST, 3)], [2.5, 1])
    for columns in ("BU", "BL", "UB", "LL", "UU"):
        found = certify(made, Basis(columns, "B" if "B" not in columns else "N"))
        assert found.proved
        assert (found.objective, found.x, found.y) == (F(-4), (F(2), F(1)), (F(-1),))


def test_equality_rows_and_constants() -> None:
    made = record([2, 3], [({0: 1, 1: 1}, EQUAL, 1), ({0: 1, 1: -1}, EQUAL, 0.2)], constant=0.5)
    found = certify(made, Basis("LL", "BB"))
    assert found.proved
    assert (found.objective, found.x) == (F(29, 10), (F(3, 5), F(2, 5)))


def test_a_row_that_is_said_twice() -> None:
    """Two equal equations: no basis holds a column for both."""
    made = record([1, 1], [({0: 1, 1: 1}, EQUAL, 1), ({0: 1, 1: 1}, EQUAL, 1)])
    found = certify(made, Basis("BB", "NN"))
    assert found.proved
    assert found.objective == 1


def test_a_degenerate_vertex_ends() -> None:
    """Beale's example, on which the simplex method walks in circles if it may; optimum −1/20 (Beale, 1955)."""
    made = record(
        [-0.75, 150, -0.02, 6],
        [
            ({0: 0.25, 1: -60, 2: -0.04, 3: 9}, AT_MOST, 0),
            ({0: 0.5, 1: -90, 2: -0.02, 3: 3}, AT_MOST, 0),
            ({2: 1}, AT_MOST, 1),
        ],
    )
    found = certify(made, Basis("LLLL", "BBB"))
    assert found.proved
    assert found.objective == F(-1, 20)


def test_a_basis_that_is_right_within_tolerances_is_mended() -> None:
    """Right sides that differ behind the 9th digit: a solver with 1e-7 takes either row for tight; only one of them is."""
    made = record([1], [({0: 1}, AT_LEAST, 1), ({0: 1}, AT_LEAST, 1.0000000001)])
    found = certify(made, Basis("B", "NB"))
    assert found.proved
    assert found.pivots == 1
    assert found.objective == F(10000000001, 10**10)
    assert found.basis == Basis("B", "BN")


def test_a_price_that_is_right_within_tolerances_is_mended() -> None:
    made = record([1.0000000001, 1], [({0: 1, 1: 1}, AT_LEAST, 1)])
    found = certify(made, Basis("BL", "N"))
    assert found.proved
    assert (found.pivots, found.objective, found.x) == (1, F(1), (F(0), F(1)))


def test_both_at_once_are_mended() -> None:
    made = record(
        [1.0000000001, 1, 1],
        [({0: 1, 1: 1}, AT_LEAST, 1), ({2: 1}, AT_LEAST, 1), ({2: 1}, AT_LEAST, 1.0000000001)],
    )
    found = certify(made, Basis("BLB", "NNB"))
    assert found.proved
    assert found.pivots == 2
    assert found.objective == F(20000000001, 10**10)


def test_a_cap_on_the_pivots_is_said() -> None:
    found = certify(FACTORY, Basis("LL", "BBB"), most=1)
    assert not found.proved
    assert found.objective is None
    assert found.what.startswith("1 exact pivots did not mend the basis (a unit more of column 0 would save 3, without end)")


def test_no_end_and_nothing_fits() -> None:
    endless = record([-1, 0], [({0: 1, 1: -1}, AT_MOST, 1)])
    assert certify(endless, Basis("LL", "B")).what == "the objective falls without end"
    empty = record([1, 1], [({0: 1, 1: 1}, AT_MOST, 1), ({0: 1, 1: 1}, AT_LEAST, 1.0000000001)])
    for basis in (Basis("LL", "BB"), Basis("BL", "NB"), Basis("BL", "BN"), Basis("LB", "NB")):
        found = certify(empty, basis)
        assert (found.proved, found.what, found.objective) == (False, "nothing fits", None)
        assert found.ray is not None
        assert refutes(empty, found.ray) == abs(found.ray[0]) * F(1, 10**10)


def test_a_basis_of_another_programme() -> None:
    assert certify(FACTORY, Basis("BBB", "NNB")).what == "the basis is of another programme"


@given(st.integers(0, 10**9))
@example(10100)  # slacks that depend on others leave the basis for the one bound that they have
@settings(max_examples=150, deadline=None)
def test_random_programmes_agree_with_the_solver(seed: int) -> None:
    """From a basis made of random letters: the same status and optimum as HiGHS."""
    dice = Random(seed)
    made, engine = _random(dice)
    letters = Basis("".join(dice.choices("BLU", k=made.columns)), "".join(dice.choices("BN", k=made.rows)))
    found = certify(made, letters)
    status = engine.modelStatusToString(engine.getModelStatus())
    if status == "Optimal":
        assert found.proved
        assert float(found.objective or 0) == pytest.approx(engine.getInfo().objective_function_value, abs=1e-6)
        assert check(made, found.x, found.y).optimal
        lowest = bound(made, list(engine.getSolution().row_dual))
        assert lowest is None or lowest <= (found.objective or 0)
    else:
        assert not found.proved
        if status == "Infeasible" and found.ray is not None:
            assert (refutes(made, found.ray) or 0) > 0
            near = {i: float(y) * (1 + dice.uniform(-1e-9, 1e-9)) for i, y in found.ray.items()}
            ray = farkas(made, near)
            assert ray is not None
            assert (refutes(made, ray) or 0) > 0


def _random(dice: Random) -> tuple[Record, Any]:
    import highspy
    import numpy as np

    columns, count = dice.randint(1, 6), dice.randint(1, 6)
    costs = [dice.choice([-2, -1, 0, 0, 1, 2, 0.1, 0.3]) for _ in range(columns)]
    upper = [dice.choice([FREE, FREE, 0, 1, 2.5]) for _ in range(columns)]
    rows = [
        (
            {j: dice.choice([-2, -1, 1, 1, 2, 0.1, 0.3]) for j in range(columns) if dice.random() < 0.6},
            dice.choice([AT_MOST, AT_MOST, EQUAL, AT_LEAST]),
            dice.choice([0, 0, 1, 2, 3, -1, 0.1]),
        )
        for _ in range(count)
    ]
    engine = highspy.Highs()
    engine.setOptionValue("output_flag", False)
    engine.setOptionValue("presolve", "off")
    for c, up in zip(costs, upper, strict=True):
        engine.addCol(c, 0, up, 0, np.array([], dtype=np.int32), np.array([]))
    for terms, sense, b in rows:
        places, numbers = np.array(list(terms), dtype=np.int32), np.array(list(terms.values()), dtype=float)
        engine.addRow(b if sense >= 0 else -FREE, b if sense <= 0 else FREE, len(terms), places, numbers)
    engine.run()
    return record(costs, rows, upper), engine


# --- prices, bounds and rays ------------------------------------------------------------------------------------------


def test_what_is_violated_is_named() -> None:
    good = certify(FACTORY, Basis("BB", "NBN"))
    assert check(FACTORY, good.x, good.y).gap == 0
    tiny = F(1, 10**30)
    cases = {
        "column 1 is 1E-30 below 0": ((F(10, 3), -tiny), good.y),
        "row 0 is broken by 1E-30": ((F(10, 3), F(2, 3) + tiny), good.y),
        "the price of row 1 has the wrong sign": (good.x, (F(-2), tiny, F(-1, 3))),
        "a unit more of column 0 would save 1E-30, without end": (good.x, (F(-2) + tiny, F(0), F(-1, 3))),
    }
    for said, (x, y) in cases.items():
        found = check(FACTORY, x, y)
        assert not found.optimal
        assert found.violated == said


def test_an_equality_row_is_kept_on_both_sides() -> None:
    made = record([1], [({0: 2}, EQUAL, 1)], [3])
    assert check(made, [F(1, 2)], [F(1, 2)]).optimal
    for x in (F(1, 2) + F(1, 10**20), F(1, 2) - F(1, 10**20)):
        assert check(made, [x], [F(1, 2)]).violated.startswith("row 0 is broken")
    assert check(made, [F(4)], [F(1, 2)]).violated == "column 0 is 1 above its bound"


def test_bounds_from_any_prices() -> None:
    made = record([1, 2], [({0: 1, 1: 1}, AT_LEAST, 10)])
    assert bound(made, [1]) == 10
    assert bound(made, [0.5]) == 5
    assert bound(made, [-1]) == 0  # a price of the wrong sign counts as none
    assert bound(made, [float("nan")]) == 0
    assert bound(made, [1.25]) is None  # both columns would grow without end
    assert bound(record([1, 2], [({0: 1, 1: 1}, AT_LEAST, 10)], [12, FREE]), [1.25]) == F(25, 2) - F(1, 4) * 12
    # the rows imply x0 <= 3 and x1 <= x0 + 1 <= 4
    rows: list[Row] = [({0: 1, 1: 1}, AT_LEAST, 6), ({0: 1}, AT_MOST, 3), ({1: 1, 0: -1}, AT_MOST, 1)]
    chained = record([1, 2], rows)
    assert bound(chained, [2.5, 0, 0]) == 15 - F(3, 2) * 3 - F(1, 2) * 4
    assert certify(chained, Basis("BB", "NNB")).objective == 9


def test_refuting() -> None:
    """x + y ≤ 10 and x + 2y ≥ 21 contradict each other with y ≤ 10."""
    rows: list[Row] = [({0: 1, 1: 1}, AT_MOST, 10), ({0: 1, 1: 2}, AT_LEAST, 20.5)]
    made = record([1, 1], rows)
    assert refutes(made, {0: F(-2), 1: F(1)}) == F(1, 2)
    assert refutes(made, {0: F(2), 1: F(1)}) is None  # wrong sign
    assert refutes(made, {0: F(-1), 1: F(1)}) is None  # y is free to make up for it
    assert refutes(made, {1: F(1)}) is None
    assert refutes(made, {}) is None
    assert refutes(record([1, 1], rows, [FREE, 10]), {0: F(-1), 1: F(1)}) == F(1, 2)
    assert refutes(record([1, 1], rows, [FREE, 10.5]), {0: F(-1), 1: F(1)}) is None
    assert farkas(made, {0: -1.9999999999, 1: 1.0}) == {0: F(-1), 1: F(1, 2)}
    assert farkas(made, {0: -1.0, 1: 1e-3}) is None
    assert farkas(made, {}) is None
    assert farkas(made, {0: float("nan")}) is None


@given(st.integers(0, 1), st.fractions(min_value=-3, max_value=3))
@settings(max_examples=100, deadline=None)
def test_forged_rays_prove_what_they_prove_and_no_more(row: int, by: Fraction) -> None:
    """Where x + y ≤ 10 and x + 2y ≥ 20 can just be met, no multipliers refute it."""
    made = record([1, 1], [({0: 1, 1: 1}, AT_MOST, 10), ({0: 1, 1: 2}, AT_LEAST, 20)])
    ray = {0: F(-2), 1: F(1)}
    ray[row] += by
    assert refutes(made, ray) is None


# --- forgeries --------------------------------------------------------------------------------------------------------


@cache
def _honest(name: str) -> tuple[Record, exact.Certificate]:
    inputs, _ = pipeline.prepare(name)
    made = formulation.build(instance.build(inputs))
    found = solve.solve(made, inputs.scenario.solve)
    assert found.basis is not None
    numbers = exact.record_of(made.program, made.objective)
    return numbers, certify(numbers, found.basis)


@given(
    name=st.sampled_from(["classroom", "dantzig", "power-cap"]),
    where=st.sampled_from(["x", "y", "both"]),
    at=st.integers(0, 10**6),
    by=st.one_of(st.fractions(), st.integers(-(10**6), 10**6).map(Fraction), st.just(F(1, 10**40)), st.just(F(-1, 10**40))),
)
@settings(max_examples=300, deadline=None)
def test_no_forged_proof_proves_another_optimum(name: str, where: str, at: int, by: Fraction) -> None:
    """Values or prices moved by anything: what still passes has the same optimum (a tie), everything else is refused."""
    numbers, honest = _honest(name)
    assert honest.proved
    x, y = list(honest.x), list(honest.y)
    if where in ("x", "both"):
        x[at % len(x)] += by
    if where in ("y", "both"):
        y[at % len(y)] += by
    found = check(numbers, x, y)
    if found.optimal:
        assert found.objective == honest.objective
    if found.fits:
        assert found.objective >= (honest.objective or 0)
    if found.dual and found.bound is not None:
        assert found.bound <= (honest.objective or 0)
    if by and where == "x" and numbers.costs[at % len(x)]:
        assert not found.optimal


@given(st.sampled_from(["classroom", "dantzig"]), st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from("BLUN")), max_size=6))
@settings(max_examples=150, deadline=None)
def test_no_forged_basis_proves_another_optimum(name: str, forged: list[tuple[int, str]]) -> None:
    numbers, honest = _honest(name)
    letters = list(honest.basis.columns + honest.basis.rows)
    for at, letter in forged:
        letters[at % len(letters)] = letter
    text = "".join(letters)
    found = certify(numbers, Basis(text[: numbers.columns], text[numbers.columns :]))
    assert found.proved
    assert found.objective == honest.objective


# --- scenarios --------------------------------------------------------------------------------------------------------


def _solved(name: str, folder: Path, *overrides: str) -> pipeline.Result:
    result = pipeline.plan_scenario(name, overrides)
    write(folder, pipeline.files(result, folder))
    return result


LONG = (
    "azure-loss",
    "behind-the-meter",
    "behind-the-meter-as-announced",
)  # ten seconds with their solve; the others one to three


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in LONG)) for n in bundled_scenarios()])
def test_every_bundled_scenario_is_proved_and_proved_again(name: str, tmp_path: Path) -> None:
    result = _solved(name, tmp_path / "plan")
    found = pipeline.certificate(result)
    assert found["proved"], found
    assert found["gap"] == (None if result.status == "infeasible" else 0.0)
    verdict = verification.verify(tmp_path / "plan", exact=True)
    assert verdict.passed
    assert verdict.claim is not None
    assert result.claim is not None
    assert verdict.claim.exact == result.claim.exact
    assert json.loads((tmp_path / "plan" / "plan.json").read_text("utf-8"))["certificate"] == found


def test_the_certificate_is_for_the_objective_that_was_asked_for() -> None:
    """Peak power: 10 racks of 0.125 MW, whichever offer; the plan that is cheapest among them is within 1e-9 of it."""
    result = plan(scenario(objective='[objective]\nminimize = "peak_power"', more=OTHER))
    found = pipeline.certificate(result)
    assert (found["proved"], found["exact"]) == (True, "1.25")


def test_the_largest_scale_is_proved_as_such() -> None:
    """10 racks of 0.125 MW serve the demand, the cap allows 20: the scale is 2, though the programme minimises its negative."""
    result = plan(scenario(objective='[objective]\nmaximize = "demand_scale"', limits='[limits]\nfleet_power = "2.5 MW"'))
    found = pipeline.certificate(result)
    assert (found["proved"], found["exact"]) == (True, "2")


def test_whole_racks_get_a_proved_bound() -> None:
    """10.05 racks are needed, so 11 whole ones: at most 0.95 of 11 from the best, since the relaxation knows no better."""
    text = scenario(workload='[[workload]]\nid = "w"\nkind = "training"\ndemand = "201 h100e"\n')
    result = plan(text, ["solve.whole_racks=true"])
    assert result.claim is not None
    assert (result.claim.stands, result.claim.proved) == (True, False)
    assert result.claim.exact == F(201, 20) * F(1752, 10**4)
    assert result.claim.gap == pytest.approx(0.95 / 11)
    assert "at most 8.64% from the best" in result.claim.what


def test_a_plan_worse_than_the_optimum_is_not_called_the_best() -> None:
    made = model(scenario())
    found = solve.solve(made, Solve())
    worse = dataclasses.replace(found, values=[x * 1.001 for x in found.values])
    claim = certificate.prove(made, worse, Solve())
    assert not claim.proved
    assert claim.gap == pytest.approx(0.001 / 1.001)
    better = dataclasses.replace(found, values=[x * 0.999 for x in found.values])
    claim = certificate.prove(made, better, Solve())
    assert (claim.stands, claim.proved, claim.gap) == (False, False, None)


def test_infeasible_by_its_multipliers(tmp_path: Path) -> None:
    path = tmp_path / "world.toml"
    path.write_text(scenario(limits='[limits]\nfleet_power = "1.249 MW"'), "utf-8")  # 10 racks draw 1.25 MW
    result = _solved(str(path), tmp_path / "plan")
    assert (result.status, pipeline.certificate(result)["proved"]) == ("infeasible", True)
    assert {file.name for file in (tmp_path / "plan").iterdir()} == {"plan.json", "certificate.json"}
    manifest = json.loads((tmp_path / "plan" / "plan.json").read_text("utf-8"))
    assert manifest["status"] == "infeasible"
    assert manifest["objective"]["value"] is None
    assert manifest["conflict"]
    for exactly in (False, True):  # there is nothing else to verify
        verdict = verification.verify(tmp_path / "plan", exact=exactly)
        assert verdict.passed
        assert "nothing fits: " in verdict.line


def test_what_only_tolerances_let_through_is_said() -> None:
    """10 racks draw 1.25 MW: a cap 1e-9 below is infeasible, but not to a solver that works to 1e-7."""
    result = plan(scenario(limits='[limits]\nfleet_power = "1.249999999 MW"'))
    assert result.status == "optimal"
    found = pipeline.certificate(result)
    assert (found["proved"], found["gap"]) == (False, None)
    assert found["what"] == "not proved: exactly, nothing fits; the plan rests on the solver's tolerances"


def test_same_input_same_bytes(tmp_path: Path) -> None:
    one, two = _solved("classroom", tmp_path / "one"), _solved("classroom", tmp_path / "two")
    assert one.claim == two.claim
    assert len({(tmp_path / name / "certificate.json").read_bytes() for name in ("one", "two")}) == 1


# --- forged folders ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """The files of three honest folders."""
    found = {}
    for name, overrides in (
        ("optimal", ()),
        ("infeasible", ("limits.fleet_power='10 MW'",)),
        ("bound", ("solve.whole_racks=true", "workload.training.demand='70005 h100e'")),
    ):
        folder = tmp_path_factory.mktemp(name) / "plan"
        _solved("classroom", folder, *overrides)
        found[name] = {path.name: path.read_text("utf-8") for path in folder.iterdir()}
    return found


def _forged(folder: Path, files: Mapping[str, str], **edits: Callable[[dict[str, Any]], object]) -> verification.Verdict:
    """The verdict on a folder with edits of `plan` and `certificate`, its hashes made to agree."""
    folder.mkdir(exist_ok=True)
    texts = dict(files)
    if "certificate" in edits:
        data = json.loads(texts["certificate.json"])
        edits["certificate"](data)
        texts["certificate.json"] = json.dumps(data)
    manifest = json.loads(texts["plan.json"])
    manifest["tables"] = {name: hashlib.sha256(texts[name].encode()).hexdigest() for name in manifest["tables"]}
    if "plan" in edits:
        edits["plan"](manifest)
    texts["plan.json"] = json_text(sealed(manifest)) + "\n"
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8", newline="")
    return verification.verify(folder, exact=True)


def test_honest_folders_pass(genuine: dict[str, dict[str, str]], tmp_path: Path) -> None:
    for name, files in genuine.items():
        verdict = _forged(tmp_path / name, files)
        assert verdict.passed, verdict
        assert verdict.claim is not None
        assert verdict.claim.proved == (name != "bound")


def test_a_forged_objective_is_refused(genuine: dict[str, dict[str, str]], tmp_path: Path) -> None:
    for factor in (0.5, 1 - 1e-8, 1 + 1e-8, 2, float("nan"), None):

        def forge(manifest: dict[str, Any], factor: float | None = factor) -> None:
            manifest["objective"]["value"] = factor and manifest["objective"]["value"] * factor

        verdict = _forged(tmp_path / "plan", genuine["optimal"], plan=forge)
        assert not verdict.passed
        assert verification.unproved_claim(verdict)


def test_a_plan_that_is_not_the_best_is_refused_though_the_audit_passes(tmp_path: Path) -> None:
    """Every table and hash in order, and all rules kept: the dearest plan in place of the cheapest."""
    path = tmp_path / "world.toml"
    path.write_text(scenario(more=OTHER), "utf-8")
    honest = pipeline.plan_scenario(str(path))
    made = honest.model
    costs, _ = made.program.terms(made.cost)
    dearest = solve.load(made.program, [-c for c in costs], 0.0)
    for j, up in enumerate(made.program.upper):
        dearest.bound_column(j, 0, min(up, 1e4))
    dearest.run()
    solution = dataclasses.replace(honest.solution, values=list(dearest.values))
    found = room.interpret(made, solution)
    tables = report.tables(honest.inputs, found)
    totals = report.totals(found, tables)
    tables += [limits.table(list(limits.limits(made, found))), provenance.sources(honest.inputs)]
    texts = {table.name: csv_text(table) for table in tables}
    assert audit(honest.inputs, pipeline.rows_of(texts), totals).passed
    for objective, where in ((totals["cost_usd"] / 1e6, "plan.json"), (honest.solution.objective, "the tables")):
        solution.objective = objective
        forged = dataclasses.replace(honest, solution=solution, plan=found, tables=tuple(tables), totals=totals, texts=texts)
        write(tmp_path / "plan", pipeline.files(forged, tmp_path / "plan"))
        assert not verification.verify(tmp_path / "plan").passed
        verdict = verification.verify(tmp_path / "plan", exact=True)
        assert not verdict.passed
        assert verdict.claim is not None
        assert verdict.claim.what.startswith(f"not proved: the objective of {where} is ")


@pytest.mark.parametrize(
    "edit",
    [
        lambda data: data.update(columns=data["columns"][:-1]),
        lambda data: data.update(rows=data["rows"] + "N"),
        lambda data: data.update(kind="infeasible"),
        lambda data: data.update(kind="infeasible", multipliers={"0": "1/1"}),
        lambda data: data.update(kind="proof"),
        lambda data: data.update(columns=None),
        lambda data: data.clear(),
    ],
)
def test_a_certificate_that_is_none_is_refused(
    genuine: dict[str, dict[str, str]], tmp_path: Path, edit: Callable[[dict[str, Any]], None]
) -> None:
    verdict = _forged(tmp_path / "plan", genuine["optimal"], certificate=edit)
    assert not verdict.passed
    assert verification.unproved_claim(verdict)[0].startswith("  not proved: ")


def test_a_certificate_that_is_gone(genuine: dict[str, dict[str, str]], tmp_path: Path) -> None:
    _forged(tmp_path / "plan", genuine["optimal"])
    (tmp_path / "plan" / "certificate.json").unlink()
    verdict = verification.verify(tmp_path / "plan", exact=True)
    assert not verdict.passed
    assert verdict.changed == ("certificate.json",)
    assert verification.unproved_claim(verdict) == ["  not proved: certificate.json holds no proof"]


def test_other_letters_are_only_another_proposal(genuine: dict[str, dict[str, str]], tmp_path: Path) -> None:
    """A basis is never believed: one that is mended proves the same optimum, and where that takes too long nothing is proved."""
    size = len(json.loads(genuine["optimal"]["certificate.json"])["columns"])
    verdict = _forged(tmp_path / "plan", genuine["optimal"], certificate=lambda data: data.update(columns="L" * size))
    assert verdict.passed
    assert verdict.claim is not None
    assert verdict.claim.exact == F(22776, 10)


def test_more_pivots_than_are_allowed_prove_nothing(
    genuine: dict[str, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(json.loads(genuine["optimal"]["certificate.json"])["columns"])
    monkeypatch.setattr(certificate, "certify", lambda made, basis, most: certify(made, basis, most=2))
    verdict = _forged(tmp_path / "plan", genuine["optimal"], certificate=lambda data: data.update(columns="L" * size))
    assert not verdict.passed
    assert "2 exact pivots did not mend the basis" in verification.unproved_claim(verdict)[0]


def test_another_model_is_said(genuine: dict[str, dict[str, str]], tmp_path: Path) -> None:
    verdict = _forged(tmp_path / "plan", genuine["optimal"], certificate=lambda data: data.update(record="0" * 64))
    assert verdict.claim is not None
    assert verdict.claim.what.endswith("the model is not the one that was solved then")


def test_a_forged_gap_is_refused(genuine: dict[str, dict[str, str]], tmp_path: Path) -> None:
    stated = json.loads(genuine["bound"]["plan.json"])["certificate"]["gap"]
    assert stated > 0
    for gap in (0.0, stated / 2, None, "0.5"):

        def forge(manifest: dict[str, Any], gap: object = gap) -> None:
            manifest["certificate"]["gap"] = gap

        assert not _forged(tmp_path / "plan", genuine["bound"], plan=forge).passed


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_forged_multipliers_are_refused(genuine: dict[str, dict[str, str]], tmp_path_factory: Any, data: st.DataObject) -> None:
    """What is accepted refutes the model by the sum of its own rows, added here once more."""
    ray = dict(json.loads(genuine["infeasible"]["certificate.json"])["multipliers"])
    rows = st.sampled_from(sorted(ray))
    row, by = data.draw(rows), data.draw(st.fractions(min_value=-5, max_value=5, max_denominator=100))
    ray[row] = str(Fraction(ray[row]) + by)
    folder = tmp_path_factory.mktemp("forged") / "plan"
    if not _forged(folder, genuine["infeasible"], certificate=lambda found: found.update(multipliers=ray)).passed:
        return
    inputs, _ = pipeline.prepare("classroom", ["limits.fleet_power='10 MW'"])
    program = formulation.build(instance.build(inputs)).program
    left, right = [F(0)] * len(program.columns), F(0)
    for i, y in ((int(i), Fraction(y)) for i, y in ray.items()):
        assert y * program.senses[i] >= 0
        right += y * Fraction(f"{program.rhs[i]:.15g}")
        for k in range(program.starts[i], program.starts[i + 1]):
            left[program.indices[k]] += y * Fraction(f"{program.coefficients[k]:.15g}")
    assert all(a <= 0 for a in left)
    assert right > 0


@pytest.mark.parametrize("text", ["1e999999999/1", "1/1e999999999", "9" * 1_000_000 + "/1", "1/0", "nan/1", "1", "", "1/-1"])
def test_multipliers_that_would_take_for_ever(genuine: dict[str, dict[str, str]], tmp_path: Path, text: str) -> None:
    """A thousand million digits are not worked out: what is no fraction of ours is no proof."""

    def forge(data: dict[str, Any]) -> None:
        data["multipliers"] = dict.fromkeys(data["multipliers"], text)

    verdict = _forged(tmp_path / "plan", genuine["infeasible"], certificate=forge)
    assert verification.unproved_claim(verdict) == ["  not proved: certificate.json holds no proof"]


def test_a_sum_is_given_up_as_soon_as_it_is_too_long() -> None:
    """Denominators without a common factor: not at the end, when it would have taken for ever."""
    with pytest.raises(Overlong):
        total((1, Fraction(1, prime**30_000)) for prime in (2, 3, 5, 7, 11))


def test_the_optimum_of_a_relaxation_is_none_of_whole_racks(genuine: dict[str, dict[str, str]], tmp_path: Path) -> None:
    """A bound that is called the optimum stays a bound."""
    verdict = _forged(tmp_path / "plan", genuine["bound"], certificate=lambda data: data.update(kind="optimum"))
    assert verdict.claim is not None
    assert verdict.claim.what.startswith("at most ")


def test_a_plan_that_is_said_to_be_proved_must_be(genuine: dict[str, dict[str, str]], tmp_path: Path) -> None:
    verdict = _forged(tmp_path / "plan", genuine["bound"], plan=lambda data: data["certificate"].update(proved=True))
    assert not verdict.passed


def test_a_feasible_scenario_called_infeasible(genuine: dict[str, dict[str, str]], tmp_path: Path) -> None:
    """The folder of the tight cap, said to be of the scenario as it stands: its multipliers refute nothing there."""
    verdict = _forged(tmp_path / "plan", genuine["infeasible"], plan=lambda data: data.update(set=[]))
    assert not verdict.passed
    assert verification.unproved_claim(verdict)[0].startswith("  not proved: the multipliers refute nothing")


def test_the_command_still_verifies_folders(tmp_path: Path) -> None:
    _solved("classroom", tmp_path / "plan")
    assert planner("verify", tmp_path / "plan").code == 0

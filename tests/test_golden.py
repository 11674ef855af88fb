"""The bundled scenarios: status and totals as they were, each with the reason why it is what it is (tests/golden.toml).

A number changes only with a reason: `python -m tests.refresh_golden --reason "why"` writes the new one beside it. Where the
optimum is not unique its ties move with the last digit of a coefficient (and so with the version of Python): such a number has
a `near` of its own, set by hand; cost never has. Classroom and Dantzig are worked by hand here.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from planner.inputs.load import bundled_scenarios
from planner.run.pipeline import Result, certificate, plan_scenario

GOLDEN = Path(__file__).with_name("golden.toml")
NEAR = 1e-6  # relative; absolute for what is zero
ABSOLUTE = {"cost_usd": 1.0, "spend_usd": 1.0, "shortfall_usd": 1.0}


@cache
def solved(name: str) -> Result:
    return plan_scenario(name)


def kept() -> dict[str, Any]:
    return tomllib.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else {}


def moved(number: dict[str, Any], new: float, what: str) -> bool:
    old = number["value"]
    return abs(new - old) > max(number.get("near", NEAR) * abs(old), ABSOLUTE.get(what, 1e-3))


def test_every_bundled_scenario_is_kept() -> None:
    assert set(kept()) == set(bundled_scenarios()), "python -m tests.refresh_golden --reason ..."
    assert {"classroom", "dantzig"} <= set(kept())


def test_every_number_has_a_reason() -> None:
    for name, scenario in kept().items():
        for what, number in scenario["totals"].items():
            assert number["reason"].strip(), f"{name}.{what}"
            assert what != "cost_usd" or "near" not in number, name


@pytest.mark.parametrize("name", kept())
def test_totals(name: str) -> None:
    result, expected = solved(name), kept()[name]
    assert result.status == expected["status"]
    if result.status == "infeasible":
        assert result.conflict is not None
        assert result.conflict.short
        return
    assert result.audit is not None
    assert result.audit.passed, result.audit.failures[:5]
    assert set(result.totals) == set(expected["totals"])
    wrong = {
        what: (result.totals[what], number["value"])
        for what, number in expected["totals"].items()
        if moved(number, result.totals[what], what)
    }
    assert not wrong, 'if this is meant: python -m tests.refresh_golden --reason "why"'


@pytest.mark.parametrize("name", kept())
def test_prices_prove_the_optimum(name: str) -> None:
    result = solved(name)
    if result.status == "optimal" and result.model.instance.objective == "cost":
        assert certificate(result)["gap"] < 1e-8


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_classroom_by_hand() -> None:
    """With n thousand gpu in the north (1 USD, 2 kW) and s in the south (2 USD, 1 kW): n + s = demand, 2 n + s <= 100 MW.

    2025: n 40, s 0,  80 MW,  40,000 USD an hour x 8760 h =   350.4 million USD
    2026: n 40, s 20, 100 MW, 80,000 USD an hour x 8760 h =   700.8 million USD
    2027: n 20, s 60, 100 MW, 140,000 USD an hour x 8760 h = 1226.4 million USD
    in all 2277.6 million USD, 280 MW x 8760 h = 2,452,800 MWh; a rack has 10 gpu.
    One more MW moves 1000 gpu to the north and saves 8.76 million USD in 2026 and in 2027.
    """
    result = solved("classroom")
    assert result.totals["cost_usd"] == pytest.approx(2_277_600_000)
    assert result.totals["spend_usd"] == pytest.approx(2_277_600_000)
    assert result.totals["peak_power_mw"] == pytest.approx(100)
    assert result.totals["energy_mwh"] == pytest.approx(2_452_800)
    racks = {(row["period"], row["provider"]): row["racks_held"] for row in result.table("mix").records()}
    expected = {("2025", "north"): 4000, ("2025", "south"): 0, ("2026", "north"): 4000, ("2026", "south"): 2000}
    expected |= {("2027", "north"): 2000, ("2027", "south"): 6000}
    assert {key: racks[key] for key in expected} == pytest.approx(expected)
    spend = {row["period"]: row["amount_usd"] for row in result.table("cost").records() if row["provider"] == "north"}
    assert spend == pytest.approx({"2025": 350_400_000, "2026": 350_400_000, "2027": 175_200_000})
    caps = [row for row in result.table("constraints").records() if row["constraint"] == "fleet_power"]
    assert [(row["period"], row["binding"]) for row in caps] == [("2025", "no"), ("2026", "yes"), ("2027", "yes")]
    assert [row["shadow_price"] for row in caps] == pytest.approx([0, 8_760_000, 8_760_000])
    assert {row["shadow_unit"] for row in caps} == {"USD/MW"}


def test_classroom_below_80_mw_has_no_plan() -> None:
    assert plan_scenario("classroom", ["limits.fleet_power=80 MW"]).status == "optimal"
    result = plan_scenario("classroom", ["limits.fleet_power=79 MW"])
    assert result.status == "infeasible"
    assert result.conflict is not None
    (short,) = result.conflict.short
    assert (short.rule, short.first_period, short.unit) == ("demand", "2027", "h100e")
    assert short.first == pytest.approx(1000)  # one MW is 1000 gpu in the south


def test_dantzig_by_hand() -> None:
    """Dantzig 1963, 3-3: 153.675 thousand USD. San Diego sends Topeka its 275; Chicago has 300 from Seattle; New York pays the
    same from both, so that only the sum of its 325 is known: 300 x 153 + 275 x 126 + 325 x 225 USD.
    """
    assert 300 * 153 + 275 * 126 + 325 * 225 == 153_675
    result = solved("dantzig")
    assert result.totals["cost_usd"] == pytest.approx(153_675, rel=1e-9)
    assert result.totals["spend_usd"] == 0  # all of it is routes
    sent = {(row["site"], row["workload"]): row["compute_h100e"] for row in result.table("allocation").records()}
    assert sent[("seattle", "chicago")] == pytest.approx(300)
    assert sent[("san-diego", "topeka")] == pytest.approx(275)
    assert ("seattle", "topeka") not in sent
    assert ("san-diego", "chicago") not in sent
    new_york = [sent.get((site, "new-york"), 0.0) for site in ("seattle", "san-diego")]
    assert sum(new_york) == pytest.approx(325)
    assert new_york[0] <= 50 + 1e-6

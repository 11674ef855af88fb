"""The planner, PuLP and linopy models of the benchmark find the same optimum."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from tests.benchmarks.bench_plan import AGREE, disagreement, measure
from tests.benchmarks.big_world import write


@pytest.mark.parametrize(("months", "seed"), [(6, 1), (39, 2)])  # in the longer one, terms of three years end
def test_models_agree_on_a_tiny_world(tmp_path: Path, months: int, seed: int) -> None:
    path = tmp_path / "tiny.toml"
    write(path, sites=6, accelerators=3, workloads=3, months=months, seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = [measure(model, str(path), None) for model in ("planner", "pulp", "linopy")]
    assert [found["status"] for found in results] == ["optimal"] * 3
    assert disagreement(results) <= AGREE


def test_same_arguments_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    write(first, 8, 4, 4, 12, seed=7)
    write(second, 8, 4, 4, 12, seed=7)
    assert first.read_bytes() == second.read_bytes()

"""docs/formulation.md is what the docstrings say, and the docstrings say what the programme does."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from planner.model.rules import RULES
from tests.test_formulation import BREAK_TIES, CASES

DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_formulation", DOCS / "make_formulation.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_page_is_fresh(maker: ModuleType) -> None:
    assert maker.PAGE.read_text(encoding="utf-8") == maker.page(), "run python docs/make_formulation.py"


def test_docstrings_name_the_rows_that_their_functions_add(maker: ModuleType) -> None:
    said = {(rule.function, name) for rule in maker.rules() for name in rule.rows}
    assert (
        said == {(case.function, name) for case in CASES.values() for name in case.rules} | BREAK_TIES
    )  # these are checked against the programme


def test_numbers_are_given_once_and_units_are_those_of_the_table(maker: ModuleType) -> None:
    rules = list(maker.rules())
    numbers = [rule.number for rule in rules]
    assert len(set(numbers)) == len(numbers)
    parts = {re.match(r"E?\d+", number)[0] for number in numbers}  # type: ignore[index]
    assert parts == {str(n) for n in range(13)} | {f"E{n}" for n in range(1, 10)}
    for rule in rules:
        for name in rule.rows:
            record = RULES[name]
            assert rule.dual.partition("/")[2] == record.unit, name
            assert rule.unit == ("million USD" if record.unit == "USD" else record.unit), name
    said = {(name, number) for rule in rules for name, number in ((name, rule.number) for name in rule.rows)}
    assert said == {(record.name, number) for record in RULES.values() for number in record.numbers}


def test_decisions_that_are_cited_exist(maker: ModuleType) -> None:
    decisions = (DOCS / "decisions.md").read_text(encoding="utf-8")
    cited = set(re.findall(r"\[(D\d+)\]\(decisions\.md\)", maker.page()))
    assert cited
    assert not {name for name in cited if f"**{name} " not in decisions}


def test_a_line_that_cannot_be_read_is_refused(maker: ModuleType) -> None:
    def loose() -> None:
        """(1)  x ≤ y  [rack]"""

    with pytest.raises(ValueError, match="loose"):
        maker.stated(loose)

"""Pages that are made from the code are up to date, and the examples on the page about Python are true."""

from __future__ import annotations

import doctest
import importlib.util
import sys
from types import ModuleType

import pytest

from tests.command import ROOT


def maker(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["make_architecture", "make_reference"])
def test_the_page_is_fresh(name: str) -> None:
    made = maker(name)
    assert made.PAGE.read_text("utf-8") == made.page(), f"run python docs/{name}.py"


def test_the_examples_from_python_are_true() -> None:
    done = doctest.testfile(str(ROOT / "docs" / "python.md"), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert done.attempted >= 13 and done.failed == 0

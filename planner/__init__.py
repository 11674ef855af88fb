"""Compute and energy capacity planner: which accelerators, at which cloud, on which site, from which date.

    import planner
    plan = planner.solve("openai-base")
    plan.mix            # a DataFrame; units in plan.mix.attrs["units"]

`load`, `check`, `solve`, `explain`, `mixes`, `frontier`, `compare` and `verify` do what the commands of the same name do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from planner.core.errors import Finding, InputFault, PlannerError, Stopped, VerificationFailed
    from planner.face import NoPlan, Plan, check, compare, explain, frontier, load, mixes, solve, verify

__version__ = "0.2.0"
__all__ = [
    "Finding", "InputFault", "NoPlan", "Plan", "PlannerError", "Stopped", "VerificationFailed", "check", "compare", "explain",
    "frontier", "load", "mixes", "solve", "verify",
]  # fmt: skip
_ERRORS = ("Finding", "InputFault", "PlannerError", "Stopped", "VerificationFailed")


def __getattr__(name: str) -> Any:
    """The public face is loaded when it is first used: whoever asks for the version does not wait for it."""
    if name not in __all__:
        raise AttributeError(f"module `planner` has no `{name}`")
    import importlib

    return getattr(importlib.import_module("planner.core.errors" if name in _ERRORS else "planner.face"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

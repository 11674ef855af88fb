"""Compute and energy capacity planner: which accelerators, at which cloud, on which site, from which date."""

__version__ = "0.1.0"

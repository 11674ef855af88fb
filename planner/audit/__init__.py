"""The audit: a second piece of code that recomputes every rule and the cost of a plan from its inputs and its tables alone.

It knows no solver and no formulation and shares nothing with them but the records of the inputs and the calendar.
"""

from planner.audit.evidence import Check
from planner.audit.verdict import Audit, audit

__all__ = ["Audit", "Check", "audit"]

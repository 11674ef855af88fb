"""Exact arithmetic: what is proved of an optimum, or of there being none. No solver, no floating point in any verdict."""

"""HiGHS: one place that makes, silences, runs and reads it; solving, solving again from a basis, and how far a price holds."""

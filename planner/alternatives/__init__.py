"""The other plans: those that cost nearly the same, and those that trade one measure for another."""

"""What binds and what it is worth; which numbers a result moves with; what offers, rules and losses cost."""

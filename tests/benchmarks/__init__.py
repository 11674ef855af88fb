"""Speed benchmark: the planner against the same model written straightforwardly in PuLP and in linopy."""

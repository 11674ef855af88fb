"""The data that came with the planner, shown with its sources; other people's price catalogues turned into offers."""

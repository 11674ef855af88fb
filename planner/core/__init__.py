"""What every room may know: errors, units, the calendar, tables as values, how numbers are written. No question of a user."""

"""What a solution says: the plan in racks and dollars, its tables, its shadow prices, and the folder that holds them."""

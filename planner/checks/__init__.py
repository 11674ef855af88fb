"""What is wrong with inputs that read well one by one: everything that can be said before anything is solved."""

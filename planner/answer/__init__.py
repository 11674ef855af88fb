"""What a user reads on the terminal."""

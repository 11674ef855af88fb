"""What a user reads on the screen, and the pictures."""

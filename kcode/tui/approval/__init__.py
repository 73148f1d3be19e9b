"""What is asked of the user, one card at a time."""

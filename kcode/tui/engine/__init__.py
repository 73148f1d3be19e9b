"""What works behind the screen, in a thread of its own, and what it tells."""

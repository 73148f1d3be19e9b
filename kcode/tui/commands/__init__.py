"""The commands of the screen, and what they do."""

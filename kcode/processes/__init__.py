"""Commands: starting them, hearing them, and ending them to the last process."""

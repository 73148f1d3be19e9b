"""What the tools share about commands: starting them, hearing them, and ending them to the last process."""

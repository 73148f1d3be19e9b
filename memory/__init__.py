"""What is kept: rules, sessions, summaries."""

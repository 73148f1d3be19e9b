"""What the repository's code defines and uses, kept on disk, ranked, and told within a budget of tokens."""

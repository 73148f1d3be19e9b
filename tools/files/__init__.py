"""What the tools share about files: where text is found, how it is shown, and how it is changed."""

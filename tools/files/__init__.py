"""What the tools share about files: which there are, their text, and how it is changed."""

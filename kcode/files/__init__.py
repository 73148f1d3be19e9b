"""Files: how they are read, written, listed, compared and outlined, whoever asks."""

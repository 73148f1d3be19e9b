"""Who the model is: one Markdown file a mode."""

"""What the model may do: one file a tool."""

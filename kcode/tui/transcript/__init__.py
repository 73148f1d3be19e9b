"""The talk as it is seen: blocks, the widgets that show them, and the window over them."""

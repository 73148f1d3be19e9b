"""The tasks that were delegated: what is known of each, and the tree that shows them."""

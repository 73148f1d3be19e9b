"""The loop: a session, its tasks, and what turns them."""

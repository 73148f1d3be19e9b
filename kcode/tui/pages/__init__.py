"""Pages over the talk."""

"""The one door to the providers."""

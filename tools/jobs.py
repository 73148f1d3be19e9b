"""Commands that run on in the background. (Being written.)"""


class Jobs:
    """The background commands of a session."""

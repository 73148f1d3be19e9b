"""What is seen before anything was said."""

from textual.content import Content
from textual.widgets import Static

from kcode import __version__

TIPS = (
    ("@", "a file"),
    ("/", "a command"),
    ("!", "a shell command"),
    ("Shift+Tab", "another mode"),
    ("Alt+P", "another model"),
    ("?", "all keys"),
)


class Welcome(Static):
    DEFAULT_CSS = """
    Welcome { height: 1fr; content-align: center middle; color: $text-muted; }
    """

    def __init__(self) -> None:
        super().__init__(_page(), markup=False)


def _page() -> Content:
    widest = max(len(key) for key, _ in TIPS)
    tips = [
        Content.assemble((key.rjust(widest), "$text-accent"), f"   {what.ljust(16)}") for key, what in TIPS
    ]
    return Content("\n").join(
        [
            Content.assemble(("k c o d e", "bold $text-accent"), f"   {__version__}"),
            Content(""),
            *tips,
        ]
    )

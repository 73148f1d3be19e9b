"""Colours. Calm ones, since people look at them all day; and none carries a meaning alone."""

from textual.app import App
from textual.theme import Theme

from kcode.paths import state_dir, write_private

DARK = Theme(
    name="dark",
    primary="#7fb4ca",
    secondary="#8a9ad0",
    accent="#7fd1b9",
    foreground="#d6d9de",
    background="#131519",
    surface="#1a1d23",
    panel="#22262e",
    success="#8fc28a",
    warning="#e0b06f",
    error="#e58a86",
    dark=True,
    variables={
        "border": "#5a8f86",
        "border-blurred": "#343a44",
        "text-muted": "#828a96",
        "text-accent": "#7fd1b9",
        "text-success": "#8fc28a",
        "text-warning": "#e0b06f",
        "text-error": "#e58a86",
        "text-primary": "#7fb4ca",
        "input-cursor-background": "#d6d9de",
        "input-cursor-foreground": "#131519",
        "input-selection-background": "#7fb4ca 35%",
        "block-cursor-background": "#7fd1b9",
        "block-cursor-foreground": "#131519",
        "scrollbar": "#2a2f38",
        "scrollbar-hover": "#3a414d",
        "scrollbar-active": "#4a5260",
        "scrollbar-background": "#131519",
        "scrollbar-background-hover": "#131519",
        "scrollbar-background-active": "#131519",
        "scrollbar-corner-color": "#131519",
    },
)
LIGHT = Theme(
    name="light",
    primary="#2f6f8f",
    secondary="#5563a8",
    accent="#1f7a66",
    foreground="#24292f",
    background="#fbfaf7",
    surface="#f2f0eb",
    panel="#e8e5de",
    success="#2e7d32",
    warning="#9a5b00",
    error="#b3261e",
    dark=False,
    variables={
        "border": "#4e9484",
        "border-blurred": "#cfcac0",
        "text-muted": "#6a6f76",
        "text-accent": "#1f7a66",
        "text-success": "#2e7d32",
        "text-warning": "#9a5b00",
        "text-error": "#b3261e",
        "text-primary": "#2f6f8f",
        "input-selection-background": "#2f6f8f 25%",
        "block-cursor-background": "#1f7a66",
        "block-cursor-foreground": "#ffffff",
        "scrollbar": "#d8d4cb",
        "scrollbar-hover": "#c6c1b6",
        "scrollbar-active": "#b3ada0",
        "scrollbar-background": "#fbfaf7",
        "scrollbar-background-hover": "#fbfaf7",
        "scrollbar-background-active": "#fbfaf7",
        "scrollbar-corner-color": "#fbfaf7",
    },
)
CONTRAST = Theme(
    name="contrast",
    primary="#6ecbff",
    secondary="#b9a8ff",
    accent="#00ffd0",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1c1c1c",
    success="#5cff5c",
    warning="#ffd000",
    error="#ff7b7b",
    dark=True,
    variables={
        "border": "#ffffff",
        "border-blurred": "#a0a0a0",
        "text-muted": "#d0d0d0",
        "text-accent": "#00ffd0",
        "text-success": "#5cff5c",
        "text-warning": "#ffd000",
        "text-error": "#ff7b7b",
        "text-primary": "#6ecbff",
        "scrollbar": "#a0a0a0",
        "scrollbar-background": "#000000",
    },
)
OWN = (DARK, LIGHT, CONTRAST)
OFFERED = {
    "dark": "calm, for dark rooms",
    "light": "calm, for bright ones",
    "contrast": "every letter as clear as can be",
    "ansi-dark": "your terminal's own colours, on a dark background",
    "ansi-light": "your terminal's own colours, on a light one",
}
DEFAULT = "dark"


def install(app: "App[int]") -> None:
    for theme in OWN:
        app.register_theme(theme)
    app.theme = kept()


def kept() -> str:
    """The one that the user chose the last time."""
    try:
        name = (state_dir() / "theme").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return DEFAULT
    return name if name in OFFERED else DEFAULT


def keep(name: str) -> None:
    write_private(state_dir() / "theme", name + "\n")

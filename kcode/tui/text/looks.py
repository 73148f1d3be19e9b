"""What the looks of `flow` look like: component classes of whatever holds flowing text, in colours of the theme.

They can be changed in CSS: `.look--code { background: $panel; }`.
"""

_STYLES = {
    "strong": "text-style: bold;",
    "em": "text-style: italic;",
    "strike": "text-style: strike;",
    "h1": "text-style: bold underline; color: $text-primary;",
    "h2": "text-style: bold; color: $text-primary;",
    "h3": "text-style: bold;",
    "h4": "text-style: bold;",
    "h5": "text-style: bold italic;",
    "h6": "text-style: italic;",
    "faint": "color: $foreground-muted;",
    "bullet": "color: $text-accent;",
    "quote": "color: $text-accent;",
    "link": "text-style: underline;",
    "url": "color: $foreground-muted;",
    "inline-code": "color: $text-accent;",
    "code": "background: $surface;",
    "keyword": "color: $text-accent;",
    "string": "color: $text-success;",
    "number": "color: $text-warning;",
    "comment": "color: $foreground-muted; text-style: italic;",
    "function": "color: $text-primary;",
    "type": "color: $text-secondary;",
    "added": "background: $success 15%;",
    "removed": "background: $error 15%;",
    "added-word": "background: $success 35%;",
    "removed-word": "background: $error 35%;",
    "info": "color: $foreground-muted;",
    "good": "color: $text-success;",
    "warning": "color: $text-warning;",
    "error": "color: $text-error;",
    "accent": "color: $text-accent; text-style: bold;",
    "found": "background: $warning 60%; color: $foreground;",
}


def component(look: str) -> str:
    return f"look--{look}"


LOOKS = {component(look) for look in _STYLES}
"""For the COMPONENT_CLASSES of a widget that holds flowing text."""
LOOKS_CSS = "\n".join(f".{component(look)} {{ {style} }}" for look, style in _STYLES.items())
"""For its DEFAULT_CSS."""

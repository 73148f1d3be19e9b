"""What a trusted project's settings may say: narrower than the user's, never wider.

Trust lets a project choose models and limits. It does not let it decide where keys go, what runs without asking, or
what money is thought to be: who may write into a repository must not be able to widen what kcode does there.
"""

from collections.abc import Callable, Iterator
from typing import Any

Values = dict[str, Any]

FREE = frozenset(
    (
        "models",
        "effort",
        "fallback",
        "retry",
        "timeouts",
        "limits",
        "cache",
        "context",
        "delegate",
        "checkpoints",
    )
) | {"windows"}
"""Sections that count as they stand."""
FREE_NAMES = frozenset({"worktrees.copy_ignored", "memory.use"})

ORDERS: dict[str, tuple[object, ...]] = {
    "permissions.mode": ("plan", "ask", "edits", "auto"),
    "sandbox.mode": ("on", "auto", "off"),
    "sandbox.network": (False, True),
    "memory.update": ("never", "ask", "auto"),
}
"""The narrowest first; the narrower one of both holds."""
DEFAULTS: Values = {
    "permissions.mode": "ask",
    "sandbox.mode": "auto",
    "sandbox.network": False,
    "memory.update": "ask",
}
ADDED = frozenset({"permissions.deny", "permissions.ask", "sandbox.hidden", "environment.drop"})
"""Lists that come to the user's."""


def narrowed(lower: Values, project: Values) -> tuple[Values, list[str]]:
    """A project's values as far as they count above `lower`, and the names of those that do not."""
    counted: Values = {}
    left_out = []
    for name, value in _flat(project):
        known = dict(_flat(lower))
        if name.partition(".")[0] in FREE or name in FREE_NAMES:
            _set(counted, name, value)
        elif (merge := _how(name)) and (merged := merge(name, known.get(name), value)) is not None:
            _set(counted, name, merged)
        else:
            left_out.append(name)
    return counted, left_out


def _how(name: str) -> Callable[[str, Any, Any], Any] | None:
    if name in ORDERS:
        return _narrower
    if name in ADDED:
        return _both
    return _smaller if name.startswith("budget.") else None


def _narrower(name: str, user: Any, project: Any) -> Any:
    """None when the project's is the wider one, or no word that is known."""
    order = ORDERS[name]
    now = DEFAULTS[name] if user is None else user
    return project if project in order and order.index(project) <= order.index(now) else None


def _both(_name: str, user: Any, project: Any) -> Any:
    return [*(user or ()), *project] if isinstance(project, list) else project


def _smaller(_name: str, user: Any, project: Any) -> Any:
    try:
        return project if user is None or project <= user else None
    except TypeError:
        return project  # What is wrong with it, the check of all settings says.


def _flat(values: Values) -> Iterator[tuple[str, Any]]:
    """`section.name` and value; what lies deeper stays as it is."""
    for section, inner in values.items():
        if not isinstance(inner, dict):
            yield section, inner
        else:
            yield from ((f"{section}.{name}", value) for name, value in inner.items())


def _set(values: Values, name: str, value: Any) -> None:
    section, _, inner = name.partition(".")
    if inner:
        values.setdefault(section, {})[inner] = value
    else:
        values[section] = value

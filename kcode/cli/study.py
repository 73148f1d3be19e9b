"""Tasks that kcode words itself: a model studies the repository and writes down what it found."""

from collections.abc import Iterable
from dataclasses import replace
from importlib.resources import files

from kcode.cli.options import RunOptions


def study(options: RunOptions, task: str, writes: Iterable[str], **values: str) -> int:
    """Run the task of this name (docs for models: `tasks/NAME.md`) in Architect mode, which edits nothing but Markdown.
    What it writes (paths, or patterns) needs no further yes. The user's own words come below it. The exit code."""
    from kcode.cli.run import run  # the agent and all below it

    text = files("kcode.cli").joinpath("tasks", f"{task}.md").read_text("utf-8").strip().format(**values)
    words = " ".join(options.prompt)
    return run(
        replace(
            options,
            prompt=(f"{text}\n\nThe user adds: {words}" if words else text,),
            mode=options.mode or "architect",
            allowed_tools=(*options.allowed_tools, *(f"edit({path})" for path in writes)),
        )
    )

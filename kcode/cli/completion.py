"""`kcode completion`: a script that a shell reads at start-up to complete kcode's commands and options."""

import click
from click.shell_completion import get_completion_class

from kcode.errors import KcodeError


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of SHELL. In bash: eval "$(kcode completion bash)" in ~/.bashrc."""
    script = get_completion_class(shell)
    if script is None:
        raise KcodeError(f"This version of click has no completion for {shell}.")
    click.echo(
        script(click.get_current_context().find_root().command, {}, "kcode", "_KCODE_COMPLETE").source()
    )

"""`kcode init`: a model studies the repository and writes AGENTS.md."""

from pathlib import Path

from kcode.cli.options import RunOptions, TaskCommand
from kcode.cli.start import folder
from kcode.cli.study import study
from kcode.errors import BadInput

AGENTS = "AGENTS.md"


def _init(options: RunOptions) -> int:
    """Study the repository and write AGENTS.md, which every agent reads first. Further words go to the model, too."""
    root = folder(options.cd or Path())
    if (root / AGENTS).exists():
        raise BadInput(f'{root / AGENTS} is there already. To change it: kcode run "improve AGENTS.md".')
    return study(options, "init", [AGENTS])


command = TaskCommand(
    "init", _init, help=_init.__doc__, context_settings={"help_option_names": ["-h", "--help"]}
)

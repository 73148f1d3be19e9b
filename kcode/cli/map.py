"""`kcode map`: what matters most in this repository, as models see it."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import click

from kcode.cli.start import folder
from kcode.errors import BadInput
from kcode.memory.code.index import Index, index_of
from kcode.memory.code.map import fitted, repo_map
from kcode.memory.code.standing import choose
from kcode.memory.code.words import asked
from kcode.visible import visible

PATIENCE = 600.0
"""Seconds; Ctrl-C ends it at any time, and what was parsed is kept."""


@click.command(
    help="The definitions that matter most in this repository. Of WORDS, those that are files are taken as known, and "
    "what they use comes first; others are looked for in names and paths."
)
@click.argument("words", nargs=-1)
@click.option("--tokens", type=click.IntRange(1), default=1_000, show_default=True, help="As much as fits.")
@click.option("--verbose", is_flag=True, help="Say how many files were parsed, and how long it took.")
def command(words: Sequence[str], tokens: int, verbose: bool) -> None:
    root = folder(Path.cwd())
    began = time.monotonic()
    index = asyncio.run(index_of(root, PATIENCE))
    indexed = time.monotonic()
    text = _map(index, words, tokens)
    if verbose:
        click.echo(
            f"{len(index.files)} files, {index.parsed} parsed, {indexed - began:.2f} s; "
            f"ranked in {time.monotonic() - indexed:.2f} s",
            err=True,
        )
    if not text:
        raise BadInput("Nothing here has an outline." if not words else "Nothing here has such a name.")
    click.echo(visible(text))


def _map(index: Index, words: Sequence[str], tokens: int) -> str:
    files = {Path(word).as_posix() for word in words} & index.files.keys()
    question = asked(" ".join(word for word in words if Path(word).as_posix() not in files))
    if not words:
        return fitted(choose(index), index.files, tokens)
    return repo_map(index, tokens, files, question)

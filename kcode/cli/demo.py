"""`kcode demo`: the main job, offline, in a sample repository of its own, with a model that is scripted and says so."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

import click

from kcode.cli.options import RunOptions
from kcode.scripted import ScriptedProvider
from kcode.scripted.scenario import Scenario
from kcode.spend.money import dollars
from kcode.tui import terminal

PROMPT = "Fix the failing test, and tell me what was wrong."
MODEL = "scripted/demo-model"
NOTE = "This is a demo: the model is scripted and runs on this machine. All else is the real thing."


@click.command(help="The main job, offline: a sample repository, a scripted model, the real program.")
@click.option("--headless", is_flag=True, help="Print it instead of opening the screen.")
@click.option(
    "--keep", type=click.Path(path_type=Path), help="Leave the sample repository in this new folder."
)
@click.option("--wire", type=click.Choice(["anthropic", "openai"]), default="anthropic", show_default=True)
@click.pass_context
def command(context: click.Context, headless: bool, keep: Path | None, wire: str) -> None:
    with tempfile.TemporaryDirectory(prefix="kcode-demo-") as home:
        repository = keep or Path(home) / "shop"
        make_repository(repository)
        os.environ["KCODE_HOME"] = str(Path(home) / "home")  # the user's ledger holds no play money
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # what else is installed here has no say in it
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        on_screen = not headless and terminal.trouble() is None
        context.exit(show(repository, wire) if on_screen else play(repository, wire))


def make_repository(folder: Path) -> None:
    """The sample as a fresh git repository, one of its three tests failing. FileExistsError when it is there."""
    with as_file(files("kcode.cli") / "sample") as sample:
        shutil.copytree(sample, folder, ignore=shutil.ignore_patterns("scenario.json", "__pycache__"))
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "A small shop"]):
        who = ["-c", "user.name=kcode demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *arguments], cwd=folder, check=True)


def play(repository: Path, wire: str) -> int:
    """The task, start to end, over real HTTP on loopback; the exit code."""
    from kcode.cli.run import run

    with ScriptedProvider(scenario()) as provider:
        click.secho(f'{NOTE}\n\n$ kcode run "{PROMPT}"', err=True)
        exit_code = run(replace(options(repository, provider.url, wire), yolo=True, permission_mode="auto"))
        bill = f"{dollars(provider.total)}, {len(provider.invoice)} requests"
        click.echo(f"   the scripted provider's own invoice: {bill}", err=True)
        for mismatch in provider.mismatches:
            click.echo(f"! the script expected otherwise: {mismatch}", err=True)
    return exit_code or (1 if provider.mismatches else 0)


def show(repository: Path, wire: str) -> int:
    """The same on the screen, where the user is asked before anything is changed or run."""
    from kcode.cli.screen import screen

    with ScriptedProvider(scenario()) as provider:
        return screen(options(repository, provider.url, wire), note=NOTE)


def scenario() -> Scenario:
    """The script, with the test command that works here."""
    runner = "pytest -q -p no:cacheprovider" if importlib.util.find_spec("pytest") else "unittest -v"
    loaded = Scenario.of(Path(str(files("kcode.cli") / "sample" / "scenario.json")))
    return loaded.model_copy(update={"values": {"test_command": f"python -m {runner}"}})


def options(repository: Path, url: str, wire: str) -> RunOptions:
    base = url if wire == "anthropic" else f"{url}/v1"
    return RunOptions(
        prompt=(PROMPT,),
        cd=repository,
        models=(MODEL,),
        ephemeral=True,
        set=(
            f'providers.scripted={{wire="{wire}", base_url="{base}", key="none"}}',
            f'prices."{MODEL}"={{input=3.0, output=15.0, cached=0.30, stored=3.75, stored_1h=6.0}}',
        ),
    )

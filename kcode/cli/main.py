"""The door of the program: every error that leaves kcode passes here and becomes a sentence and an exit code.

Nothing is imported before it is known to be needed: `kcode --version` costs what starting Python costs.
"""

import errno
import os
import sys

from kcode import __version__

FAILED = 1
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def main() -> int:
    arguments = sys.argv[1:]
    if arguments[:1] in (["--version"], ["-V"]):
        print("kcode", __version__)
        return 0
    return _guarded(arguments)


def _guarded(arguments: list[str]) -> int:
    import click

    from kcode.cli.root import kcode
    from kcode.errors import CANCELLED, NOBODY_READS, KcodeError

    _write_anything()
    _run_nothing_of_this_folder()
    try:
        code = kcode.main(arguments, prog_name="kcode", standalone_mode=False)
        print(end="", flush=True)
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        return _say(error.format_message() + _pointer(error), error.exit_code)
    except KcodeError as error:
        return _say(str(error), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return _say("cancelled.", CANCELLED)
    except BrokenPipeError:
        _forget_output()
        return NOBODY_READS
    except OSError as error:
        if error.errno not in NO_ROOM:
            return _report(error, is_shown="--debug" in arguments)
        _forget_output()
        return _say(f"something could not be written: {error.strerror}. Make room first.", FAILED)
    except Exception as error:
        return _report(error, is_shown="--debug" in arguments)


def _say(words: str, code: int) -> int:
    from kcode.visible import visible

    print(f"kcode: {visible(words)}", file=sys.stderr)
    return code


def _pointer(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return f" See {context.command_path} --help." if context else ""


def _write_anything() -> None:
    """Output never fails for what it says: a character that the terminal's encoding lacks is escaped, and what is
    closed takes everything."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # `print` would take the other one
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115
        getattr(sys, name).reconfigure(errors="backslashreplace")


def _run_nothing_of_this_folder() -> None:
    """Also libraries start programs: `platform` runs uname, and would take a repository's."""
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join(filter(os.path.isabs, entries))


def _forget_output() -> None:
    """Nobody reads any more; Python would complain when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(error: Exception, is_shown: bool) -> int:
    """A bug of ours: the traceback goes into a file, and onto the screen only with --debug."""
    from kcode.cli import bug

    report = bug.describe(error)
    if is_shown:
        print(report, file=sys.stderr, end="")
    print(f"kcode: this is a bug in kcode ({type(error).__name__}); {bug.keep(report)}", file=sys.stderr)
    return FAILED

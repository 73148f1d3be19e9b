"""Which calls are like one that the user has just allowed: patterns for rules, none where too much would be like it."""

from pathlib import PurePosixPath

from kcode.agent.programs import name_of
from kcode.agent.words import Word, names_in

SUBCOMMANDS = names_in(
    "git gh npm pnpm yarn bun cargo go uv pip poetry pdm hatch docker podman kubectl make just task mvn gradle "
    "dotnet bundle rake composer apt brew systemctl terraform deno rustup conda nox tox pre-commit"
)
"""Programs whose second word says what they do."""
TOO_MUCH = names_in(
    "sh bash zsh fish dash ksh python python3 node perl ruby php lua deno awk sed eval exec source env xargs sudo doas "
    "vi vim nvim emacs ed ex less more man gdb tclsh Rscript osascript awk mawk gawk tee cp mv ln install unzip tar "
    "timeout nice nohup stdbuf setsid ionice time command builtin coproc busybox watch strace flock openssl socat ncat "
    "su ssh scp rsync curl wget nc rm rmdir dd mkfs shred truncate chmod chown kill pkill killall mount crontab at "
    "find fd parallel watch git docker podman kubectl npx bunx uvx shutdown reboot"
)
"""Programs of which nobody wants to allow every call: without a subcommand there is no pattern for them."""
NEVER = {
    ("git", "push"),
    ("git", "reset"),
    ("git", "clean"),
    ("git", "config"),
    ("git", "checkout"),
    ("npm", "publish"),
}
RUNS_ANYTHING = {"exec", "run", "x", "dlx", "shell"}
"""Subcommands that run what stands behind them: that has to be the same, too."""


def pattern_of(words: tuple[Word, ...]) -> str:
    """`git diff *` of `git diff --stat HEAD`; "" when there is none."""
    texts = [word.text for word in words if word.is_known and word.text is not None]
    if not texts or len(texts) < len(words) or not texts[0].isprintable() or " " in texts[0]:
        return ""
    program, name = texts[0], name_of(words).rstrip("0123456789.")
    fixed = 1
    if name in SUBCOMMANDS and len(texts) > 1:
        fixed = 3 if texts[1] in RUNS_ANYTHING else 2
        if (name, texts[1]) in NEVER:
            return ""
    elif name in TOO_MUCH:
        return ""
    kept = texts[:fixed]
    if len(kept) < fixed or not all(_is_plain(text) for text in kept[1:]):
        return ""
    return " ".join([program, *kept[1:], "*"])


def folder_of(path: str) -> str:
    """`src/app/**` of `src/app/cart.py`; "" for what lies at the top, or has signs that patterns use."""
    folder = PurePosixPath(path).parent.as_posix()
    if (
        folder in (".", "/")
        or path.startswith(("/", "~"))
        or ".." in folder
        or set(folder) & set("*?[]!()\\ #")
    ):
        return ""
    return f"{folder}/**"


def _is_plain(text: str) -> bool:
    return bool(text) and not text.startswith("-") and not set(text) & set("*?[]'\"\\ ()")

"""Options and words by which a program runs others, or writes files where nobody would expect it."""

import re
from collections.abc import Iterator
from itertools import pairwise

from kcode.agent.programs import name_of
from kcode.agent.words import Word

RUNNING_OPTIONS = {
    "find": r"-(exec|execdir|ok|okdir|delete|fls|fprint0?|fprintf)",
    "fd": r"-[a-zA-Z]*[xX].*|--exec(-batch)?(=.*)?",
    "fdfind": r"-[a-zA-Z]*[xX].*|--exec(-batch)?(=.*)?",
    "git": r"-[cCO].*|--(config-env|exec-path|git-dir|work-tree|upload-pack|receive-pack|exec|ext-diff|textconv"
    r"|open-files-in-pager|output|output-directory|template|extcmd|show-signature)(=.*)?|-x|ext::.*"
    r"|difftool|mergetool|filter-branch|bisect|foreach|instaweb|daemon",
    "tar": r"--(checkpoint-action|to-command|use-compress-program|info-script|new-volume-script|rsh-command"
    r"|rmt-command)(=.*)?|-?[a-zA-Z]*[IF].*",
    "sort": r"-[a-zA-Z]*[oTS].*|--(output|compress-program|temporary-directory)(=.*)?",
    "rg": r"--(pre|hostname-bin)(=.*)?",
    "grep": r"-[a-zA-Z]*f.*|--file(=.*)?",
    "sed": r"-[a-zA-Z]*[if].*|--(in-place|file)(=.*)?",
    "awk": r"-[a-zA-Z]*[fiEl].*|--(file|include|load|exec)(=.*)?",
    "rsync": r"-[a-zA-Z]*e.*|--(rsh|rsync-path)(=.*)?",
    "ssh": r"-[a-zA-Z]*[oF].*",
    "scp": r"-[a-zA-Z]*[oFS].*",
    "zip": r"-[a-zA-Z]*T.*|--unzip-command(=.*)?",
    "less": r"\+.*|-[a-zA-Z]*[oOk].*|--(log-file|LOG-FILE|lesskey.*)(=.*)?",
    "more": r"\+.*",
    "man": r"-[a-zA-Z]*[PHC].*|--(pager|html|config-file)(=.*)?",
    "xxd": r"-[a-zA-Z]*r.*",
    "tee": r"[^-].*",
    "printf": r"-v.*",
    "test": r"-v|.*\[.*",
    "go": r"-(toolexec|exec|vettool|overlay)(=.*)?|--(toolexec|exec|vettool|overlay)(=.*)?",
    "cargo": r"--config(=.*)?|-[ZC].*",
    "make": r"--eval(=.*)?|-[a-zA-Z]*[fCI].*|--(file|makefile|directory)(=.*)?|(SHELL|MAKEFLAGS)\W?=.*",
    "gcc": r"-(wrapper|fplugin|specs|B).*|@.*",
    "curl": r"-[a-zA-Z]*[oOKTD].*|--(output|remote-name|config|upload-file|dump-header|cookie-jar)(=.*)?",
    "date": r"-[a-zA-Z]*s.*|--set(=.*)?",
    "hostname": r"[^-].*",
    "tree": r"-[a-zA-Z]*o.*",
    "file": r"-[a-zA-Z]*[Cm].*",
    "diff": r"--output(=.*)?",
    "base64": r"-o.*|--output(=.*)?",
    "yq": r"-[a-zA-Z]*i.*|--inplace",
}
"""Options (and words) with which a program runs others or writes files where one would not expect it."""

RUNS_OTHERS = {
    "fd": RUNNING_OPTIONS["fd"],
    "fdfind": RUNNING_OPTIONS["fd"],
    "git": r"-c.*|--(config-env|exec-path|upload-pack|receive-pack|exec|ext-diff|textconv|open-files-in-pager|extcmd)"
    r"(=.*)?|-[xO].*|ext::.*|difftool|mergetool|filter-branch|bisect|foreach|instaweb|daemon",
    "tar": RUNNING_OPTIONS["tar"],
    "sort": r"--compress-program(=.*)?",
    "rg": RUNNING_OPTIONS["rg"],
    "rsync": RUNNING_OPTIONS["rsync"],
    "ssh": r"-[a-zA-Z]*[oF].*",
    "scp": RUNNING_OPTIONS["scp"],
    "zip": RUNNING_OPTIONS["zip"],
    "less": r"\+.*",
    "man": r"-[a-zA-Z]*[PH].*|--(pager|html)(=.*)?",
    "go": RUNNING_OPTIONS["go"],
    "cargo": r"--config(=.*)?",
    "make": r"--eval(=.*)?|(SHELL|MAKEFLAGS)\W?=.*",
    "gcc": r"-(wrapper|fplugin|specs).*",
    "sed": r"(.*[;}\d/])?\s*\d*e(\s.*)?|s(.).*\3.*\3[gIip\d]*e.*",
    "awk": r".*(system|getline|[|]).*",
    "vim": r"\+.*|-c|--cmd(=.*)?|-S.*",
    "emacs": r"--?(eval|execute|f|funcall|l|load)(=.*)?",
    "gdb": r".*",
}
"""Those that run programs: behind them may be whatever a rule forbids."""

INLINE = {
    "python": r"-[a-zA-Z]*c.*",
    "pypy": r"-[a-zA-Z]*c.*",
    "perl": r"-[a-zA-Z]*[eE].*",
    "ruby": r"-[a-zA-Z]*e.*",
    "node": r"-[a-zA-Z]*[ep].*|--(eval|print)(=.*)?",
    "bun": r"-[ep].*|--(eval|print)(=.*)?",
    "deno": r"eval",
    "php": r"-[rRBE].*",
    "lua": r"-e.*",
    "Rscript": r"-e.*",
    "osascript": r"-e.*",
    "tclsh": r".*",
    "ed": r".*",
}
"""Programs of whose code a part may stand in their words."""

_HARMLESS_SED = re.compile(
    r"(\d+|\$)?(,(\d+|\$))?[pdq]|s([/|,#])(?:(?!\4)[^\\]|\\.)*\4(?:(?!\4)[^\\]|\\.)*\4[gIip\d]*"
)
_RUNNING_AWK = re.compile(r"[|>]|system|getline|@|print.*/dev|ENVIRON")


def surprise(words: tuple[Word, ...]) -> str:
    """Why a rule about this program does not mean these words. "" when nothing speaks against it."""
    name = name_of(words)
    if not all(word.text is not None for word in words):
        return "a part of it is not known before it runs"
    texts = [word.text or "" for word in words[1:]]
    if pattern := RUNNING_OPTIONS.get(_family(name)):
        for text in texts:
            if re.fullmatch(pattern, text, re.DOTALL):
                return f"{name} {text} can run programs or write files"
    match _family(name):
        case "sed" if not all(_HARMLESS_SED.fullmatch(text) for text in _scripts_of_sed(texts)):
            return "a sed script can run programs and write files"
        case "awk" if any(_RUNNING_AWK.search(text) for text in texts):
            return "an awk script can run programs and write files"
        case "uniq" if sum(not text.startswith("-") for text in texts) > 1:
            return "uniq writes its second file"
        case _:
            return ""


def _family(name: str) -> str:
    families = {"gawk": "awk", "mawk": "awk", "nawk": "awk", "egrep": "grep", "fgrep": "grep", "gsed": "sed"}
    families |= {
        "g++": "gcc",
        "cc": "gcc",
        "c++": "gcc",
        "clang": "gcc",
        "[": "test",
        "[[": "test",
        "gmake": "make",
        "vi": "vim",
        "nvim": "vim",
        "ex": "vim",
        "view": "vim",
    }
    return families.get(name, name)


def _scripts_of_sed(texts: list[str]) -> Iterator[str]:
    named = [after for before, after in pairwise(texts) if before in ("-e", "--expression")]
    named += [text.partition("=")[2] for text in texts if text.startswith("--expression=")]
    yield from named or [text for text in texts if not text.startswith("-")][:1]


def runs_others(words: tuple[Word, ...]) -> str:
    """Why it may run any program at all, one that a rule forbids among them; "" when nothing says so."""
    name, texts = _family(name_of(words)), [word.text or "" for word in words[1:]]
    pattern = RUNS_OTHERS.get(name, "(?!)")
    found = next((text for text in texts if re.fullmatch(pattern, text, re.DOTALL)), None)
    return "" if found is None else f"{name_of(words)} {found[:40]} can run other programs"


def mentions(words: tuple[Word, ...], program: str) -> bool:
    """Whether code that stands in the words speaks of a program."""
    name = re.sub(r"[\d.]+$", "", name_of(words))
    texts = [word.text or "" for word in words[1:]]
    if not any(re.fullmatch(INLINE.get(name, "(?!)"), text, re.DOTALL) for text in texts):
        return False
    return any(re.search(rf"(?<![\w-]){re.escape(program)}(?![\w-])", text) for text in texts)

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcode.agent.commands import LONGEST, Part, Redirection, Simple, Unclear, parts


def seen(command: str) -> list[str]:
    """The parts in short: `git diff`, `> out`, `< in`, `?` for what is unclear; … for what is not known."""
    return [short(part) for part in parts(command)]


def short(part: Part) -> str:
    match part:
        case Simple(words, assigned):
            return " ".join(
                [f"{name}=" for name in assigned] + [w.text if w.text is not None else "…" for w in words]
            )
        case Redirection(target, writes):
            return f"{'>' if writes else '<'} {'…' if target.text is None else target.text}"
        case Unclear():
            return "?"


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("ls", ["ls"]),
        ("a; b && c || d | e & f", ["a", "b", "c", "d", "e", "f"]),
        ("a\nb # c; d\n", ["a", "b"]),
        ("(a; { b; }) ; ! c", ["a", "b", "c"]),
        ("if a; then b; elif c; then d; else e; fi", ["a", "b", "c", "d", "e"]),
        ("while a; do b; done; until c; do d; done", ["a", "b", "c", "d"]),
        ("for f in $(a) *.py; do b \"$f\"; done", ["a", "b …"]),
        ("for ((i=0; i<3; i++)); do a; done", ["i=", "a"]),
        ("case $(a) in x) b;; *) c;; esac", ["a", "b", "c"]),
        ("f() { a; }; f", ["a", "f"]),
        ("echo $(a $(b)) `c` <(d)", ["b", "a …", "c", "d", "echo … … …"]),
        ("i=$((i + 1)); [ $i -gt 3 ]", ["i=", "test …"]),
        ('echo "x $(a) y"', ["a", "echo …"]),
        ("x=$(a) y=1 b", ["a", "x= y= b"]),
        ("x=1", ["x="]),
        ("x=(1 $(a))", ["x=", "a"]),
        ("export P=$(a) Q=3", ["export … Q=3", "a"]),
        ("[ -f x ] && [[ $(a) == b ]]", ["test", "test …", "a"]),
        ("((x = $(a)))", ["a", "?"]),
        ("echo $((1 + $(a)))", ["a", "echo …", "?"]),
        ("coproc a", ["coproc a", "a"]),
        # quotes
        (r"""r"m" -r''f \x a\ b "c\"d" 'e\f' $'g'""", ["rm -rf x a b c\"d e\\f …"]),
        ("echo '$(a)' \\$x '`b`'", ["echo $(a) $x `b`"]),
        ("a \\\n  b", ["a b"]),
        ("echo {x,y} {1..3}", ["echo … …"]),
        ("echo grüße 日本 '🎉' > ö", ["> ö", "echo grüße 日本 🎉"]),
        # redirections
        ("a > o 2>> p < i &> q >| r", ["> o", "> p", "< i", "> q", "> r", "a"]),
        ("a > /dev/null 2>&1 >&- <&3", ["a"]),
        ("a && b | c > out --more", ["a", "b", "> out", "c --more"]),
        ("a && bash <<'E'\nb\nE", ["a", "bash", "b"]),
        ("a > out --more 2>&1 words", ["> out", "a --more words"]),
        ("> out a b", ["> out", "a b"]),
        ("> only", ["> only"]),
        ("a >& file", ["> file", "a"]),
        ("{ a; b; } > out", ["a", "b", "> out"]),
        ("a > $(b) > \"$c\"", ["> …", "b", "> …", "a"]),
        ("cat <<E | a > b\n$(c) text\nE\nd", ["> b", "a", "c", "cat", "d"]),
        ("cat <<'E'\n$(c)\nE", ["cat"]),
        ('cat <<< "$(a)"', ["a", "cat"]),
        # programs that run programs
        ("timeout -k 5 9 nice -n 3 a b", ["timeout -k 5 9 nice -n 3 a b", "nice -n 3 a b", "a b"]),
        ("env -u X A=1 B=2 a", ["env -u X A=1 B=2 a", "A= B= a"]),
        ("sudo -u joe -E a", ["sudo -u joe -E a", "a"]),
        ("command a; command -v b; exec a; nohup a; time -p a; /usr/bin/env a",
         ["command a", "a", "command -v b", "exec a", "a", "nohup a", "a", "time -p a", "a", "/usr/bin/env a", "a"]),
        ("bash -c 'a; b > c'", ["bash -c a; b > c", "a", "> c", "b"]),
        ("bash -euo pipefail -lc 'a'", ["bash -euo pipefail -lc a", "a"]),
        ("sh <<E\na\nE", ["sh", "a"]),
        ("bash <<< 'a b'", ["bash", "a b"]),
        ("eval a '; b'", ["eval a ; b", "a", "b"]),
        ("trap 'a' EXIT", ["trap a EXIT", "a"]),
        ("find . -exec a {} \\; -execdir b {} +", ["find . -exec a … ; -execdir b … +", "a …", "b …"]),
        ("xargs -n 1 a b", ["xargs -n 1 a b", "?", "a b …"]),
        ("bash script.sh a", ["bash script.sh a"]),
        ("busybox rm x", ["busybox rm x", "rm x"]),
    ],
)  # fmt: skip
def test_every_part_is_seen(command: str, found: list[str]) -> None:
    assert [one.replace("{}", "…") for one in seen(command)] == found


@pytest.mark.parametrize(
    "command",
    [
        "a (",
        "a && ",
        "echo 'a",
        "$x b",
        '"$x" b',
        "$(a) b",
        "/bin/r? x",
        "{a,b} c",
        "a{b,c} d",
        "$'\\x72m' x",
        "a\rb",
        "a\x0bb",
        "a\u00a0b",
        "a\\\nb c",
        "git di\\\nfftool",
        "env -S 'a b'",
        "timeout --strange 3 a",
        'bash -c "$x"',
        'eval "$x"',
        "echo a | sh",
        "bash --rcfile x",
        "bash -s",
        "watch a",
        "parallel a ::: b",
        "su -c a",
        "cat <<E\n`a`\nE",
        "x" * (LONGEST + 1),
        "$(" * 3_000,
        "a <> b",
        # Here the grammar and bash disagree: each is two words for one of them, or one command for the other.
        "a 'b'\\ c",
        "a 'b'\\$",
        "a \n\\-b",
        "a | b\n\\\nenv c",
        "a > b 'c'`d`e",
        "a <<E\nb\n`c`",
        "nice $x a",
        "x='a[$(rm x)]'; ((x))",
        "x=$(cat f); echo $((x))",
        "for x in 'a[`rm x`]'; do echo $[x]; done",
        "[[ -v 'a[$(rm x)]' ]]",
        "[ -v 'a[$(rm x)]' ]",
        "read x < f; [[ x -eq 1 ]]",
        "read x < f; let y=x",
        "declare -i x='a[$(rm x)]'",
        "echo ${x@P}",
        "echo ${!x}",
    ],
)
def test_what_cannot_be_seen_is_unclear(command: str) -> None:
    assert "?" in seen(command)


@pytest.mark.parametrize(
    "command",
    ["rm x\n(((", "rm x; 'open", "rm x\\\ny; b", "rm x \r", "a\n\\rm x", "! { rm x; }", "time { rm x; }"],
)
def test_what_was_seen_of_an_unclear_command_is_told_too(command: str) -> None:
    assert any(one.startswith("rm x") for one in seen(command))


@given(st.text(max_size=60))
def test_any_text_is_read_without_an_error(command: str) -> None:
    parts(command)


@given(st.text(alphabet="ab \n\"'`$(){}[]<>|&;\\#=*!?-0", max_size=40))
def test_any_shell_noise_is_read_without_an_error(command: str) -> None:
    parts(command)


@st.composite
def quoted(draw: st.DrawFn) -> str:
    """A word in some of the ways in which a shell lets one write it."""
    pieces = []
    for piece in draw(
        st.lists(st.text(alphabet="ab$`\\\"'!# {}~*;&|<>()", max_size=5), min_size=1, max_size=3)
    ):
        style = draw(st.sampled_from(["single", "double", "backslash"]))
        match style:
            case "single":
                pieces.append("'" + piece.replace("'", "'\\''") + "'")
            case "double":
                pieces.append('"' + "".join("\\" + c if c in '$`"\\' else c for c in piece) + '"')
            case _:
                pieces.append("".join("\\" + c for c in piece) or "''")
    return "".join(pieces)


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tool` tells its words."""
    folder = tmp_path_factory.mktemp("recorder")
    (folder / "tool").write_text('#!/bin/sh\nfor word; do printf "%s\\0" "$word"; done; printf "\\1"\n')
    (folder / "tool").chmod(0o755)
    return folder


@settings(max_examples=40)
@given(
    st.lists(st.lists(quoted(), max_size=4), min_size=1, max_size=4),
    st.lists(
        st.sampled_from(["; ", " && ", "\n", " ;\\\n ", " # a comment ' \" $( \n"]), min_size=3, max_size=3
    ),
)
def test_the_words_are_those_that_bash_passes_on(
    recorder: Path, commands: list[list[str]], separators: list[str]
) -> None:
    script = ""
    for place, words in enumerate(commands):
        script += (separators[place - 1] if place else "") + " ".join(["tool", *words])
    ran = subprocess.run(
        ["/bin/bash", "--norc", "-c", script],
        env={"PATH": f"{recorder}:{os.defpath}"},
        capture_output=True,
        timeout=20,
    )
    passed = [record.split("\0")[:-1] for record in ran.stdout.decode().split("\x01")[:-1]]
    found = parts(script)
    if any(isinstance(part, Unclear) for part in found):
        return
    assert [[word.text for word in part.words[1:]] for part in found if isinstance(part, Simple)] == passed

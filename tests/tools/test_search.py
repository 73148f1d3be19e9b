import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from kcode.errors import ToolError
from kcode.tools.files.seek import Wanted, seek
from kcode.tools.tool import Output

Call = Callable[..., Awaitable[Output]]
needs_ripgrep = pytest.mark.skipif(shutil.which("rg") is None, reason="ripgrep is not here")


@pytest.fixture(params=[pytest.param("ripgrep", marks=needs_ripgrep), "our own"], autouse=True)
def engine(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test runs by both."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("git", "rg") if request.param == "ripgrep" else ("git",):
        (programs / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(programs))
    return str(request.param)


def fill(root: Path, **files: str | bytes) -> None:
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


async def test_hits_are_grouped_by_file_and_numbered(call: Call, root: Path) -> None:
    fill(root, src__a_py="def foo():\n    bar()\n\nfoo()\n", b_py="foo = 1\n", c_py="nothing\n")
    assert (
        await call("search", pattern=r"\bfoo\b")
    ).text == "b.py\n1: foo = 1\nsrc/a.py\n1: def foo():\n4: foo()"


async def test_context_is_shown_once_and_gaps_are_marked(call: Call, root: Path) -> None:
    fill(root, a="1\nhit\n3\nhit\n5\n6\n7\nhit\n")
    text = (await call("search", pattern="hit", context=1)).text
    assert text == "a\n1- 1\n2: hit\n3- 3\n4: hit\n5- 5\n--\n7- 7\n8: hit"


async def test_a_search_in_one_file_or_folder_names_it_from_the_root(call: Call, root: Path) -> None:
    fill(root, src__a_py="foo\n", b_py="foo\n")
    assert (await call("search", pattern="foo", path="src")).text == "src/a.py\n1: foo"
    assert (await call("search", pattern="foo", path="src/a.py")).text == "src/a.py\n1: foo"


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("*.py", ["a.py", "sub/b.py"]),
        ("*.{ts,tsx}", ["c.ts", "sub/d.tsx"]),
        ("sub/**", ["sub/b.py", "sub/d.tsx"]),
        ("**/*.ts", ["c.ts"]),
        ("!*.py", ["c.ts", "sub/d.tsx"]),
        ("./sub/*.py", ["sub/b.py"]),
        ("*.rs", []),
    ],
)
async def test_a_glob_chooses_files(call: Call, root: Path, glob: str, found: list[str]) -> None:
    fill(root, a_py="x\n", sub__b_py="x\n", c_ts="x\n", sub__d_tsx="x\n")
    text = (await call("search", pattern="x", glob=glob)).text
    assert [line for line in text.split("\n") if line.endswith((".py", ".ts", ".tsx"))] == found


async def test_no_hit_says_how_much_was_searched(call: Call, root: Path) -> None:
    fill(root, a="x\n", b="y\n")
    assert (await call("search", pattern="zzz")).text == "No match in 2 files."


async def test_the_files_are_those_that_git_sees(call: Call, root: Path) -> None:
    subprocess.run([shutil.which("git") or "", "init", "-q"], cwd=root, check=True)
    fill(root, a_py="x\n", build__b="x\n", _github__ci_yml="x\n", c_log="x\n")
    (root / ".gitignore").write_text("build/\n*.log\n")
    subprocess.run([shutil.which("git") or "", "add", "-f", "c.log"], cwd=root, check=True)
    assert (await call("search", pattern="^x$")).text == ".github/ci.yml\n1: x\na.py\n1: x\nc.log\n1: x"
    assert (await call("search", pattern="^x$", path="build")).text == "build/b\n1: x"


async def test_an_invalid_regex_says_how_to_escape_it(call: Call, root: Path) -> None:
    fill(root, a="foo(1)\n")
    with pytest.raises(ToolError, match=r"'foo\(' is no regex: .* escape it: foo\\\("):
        await call("search", pattern="foo(")
    (root / "a").unlink()
    with pytest.raises(ToolError, match="is no regex"):
        await call("search", pattern="foo(")


async def test_text_that_is_a_regex_too_is_found_as_text(call: Call, root: Path) -> None:
    fill(root, a="x = data[i](a + b)\n")
    text = (await call("search", pattern="data[i](a + b)")).text
    assert text == "[nothing by this regex; as literal text:]\na\n1: x = data[i](a + b)"


async def test_looking_around_and_back_works(call: Call, root: Path) -> None:
    fill(root, a="foobar\nfoobaz\nabab\n")
    assert (await call("search", pattern="foo(?!bar)")).text == "a\n2: foobaz"
    assert (await call("search", pattern=r"^(ab)\1$")).text == "a\n3: abab"


@pytest.mark.parametrize("pattern", ["", "a\0b", "a\nb", r"a\nb", r"\\\n"])
async def test_what_is_no_text_within_a_line_is_refused(call: Call, pattern: str) -> None:
    with pytest.raises(ToolError, match="within one line"):
        await call("search", pattern=pattern)


async def test_an_escaped_backslash_before_n_is_no_line_end(call: Call, root: Path) -> None:
    fill(root, a=r"say\name")
    assert (await call("search", pattern=r"say\\name")).text == "a\n1: say\\name"


async def test_a_pattern_and_a_name_that_look_like_options_are_none(call: Call, root: Path) -> None:
    (root / "--pre=evil").write_text("--version\n")
    assert (await call("search", pattern="--version")).text == "--pre=evil\n1: --version"


async def test_binary_large_and_special_files_are_skipped(call: Call, root: Path) -> None:
    fill(root, a="hit\n", b=b"hit\n" + b"\0" * 10, c=b"x" * 20_000 + b"\nhit\n\0\n")
    fill(root, big="hit\n" + "x\n" * 3_000_000)
    os.mkfifo(root / "pipe")
    (root / "link").symlink_to("a")
    (root / "dangling").symlink_to("nowhere")
    assert (await call("search", pattern="hit")).text == "a\n1: hit"


async def test_a_file_that_cannot_be_searched_says_why(call: Call, root: Path) -> None:
    fill(root, big="x\n" * 3_000_000)
    os.mkfifo(root / "pipe")
    with pytest.raises(ToolError, match=r"big is larger than 5\.0 MB"):
        await call("search", pattern="x", path="big")
    with pytest.raises(ToolError, match="pipe is a named pipe"):
        await call("search", pattern="x", path="pipe")
    with pytest.raises(ToolError, match=r"There is no bigg\. Did you mean big\?"):
        await call("search", pattern="x", path="bigg")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"caf\xe9 hit\n", "1: caf\ufffd hit"),
        ("\ufeffGrüße hit\n".encode(), "1: Grüße hit"),
        ("\ufeffGrüße hit\n".encode("utf-16-le"), "1: Grüße hit"),
        (b"a hit\r\nb\r\n", "1: a hit"),
    ],
)
async def test_encodings_and_line_ends(call: Call, root: Path, content: bytes, line: str) -> None:
    (root / "a").write_bytes(content)
    assert (await call("search", pattern="hit$")).text == f"a\n{line}"


async def test_a_long_line_is_cut_around_the_hit(call: Call, root: Path) -> None:
    fill(root, a="ü" * 500_000 + "needle" + "y" * 500_000 + "\n", b="needle" + "z" * 1000 + "\n")
    text = (await call("search", pattern="needle")).text
    a, b = text.split("\n")[1], text.split("\n")[3]
    assert a == "1: …" + "ü" * 100 + "needle" + "y" * 194 + "…"
    assert b == "1: needle" + "z" * 294 + "…"


async def test_many_hits_are_bounded_counted_and_from_several_files(call: Call, root: Path) -> None:
    for name in "abcdefghijkl":
        (root / name).write_text("".join(f"some hit number {n}\n" for n in range(100)))
    text = (await call("search", pattern="hit")).text
    assert 6_000 < len(text) < 9_500
    assert text.startswith("a\n1: some hit number 0\n")
    assert "\nb\n1: some hit" in text and "\nh\n1: some hit" in text
    assert "more here]" in text
    assert text.endswith(
        "i (100), j (100), k (100), l (100)\n[1200 hits in 12 files: narrow by pattern, path or glob]"
    )


async def test_one_file_may_take_all_the_room(call: Call, root: Path) -> None:
    fill(root, a="".join(f"hit {n}\n" for n in range(400)))
    text = (await call("search", pattern="hit")).text
    assert text.endswith("400: hit 399")


async def test_a_flood_of_hits_ends_the_search_early(call: Call, root: Path) -> None:
    fill(root, a="x\n" * 2_000_000)
    start = time.monotonic()
    text = (await call("search", pattern="x")).text
    assert text.endswith("[10000 or more hits in 1 files: narrow by pattern, path or glob]")
    assert time.monotonic() - start < 10


async def test_a_flood_of_hits_in_one_line_is_one_hit(call: Call, root: Path) -> None:
    fill(root, a="a" * 4_900_000 + "\n", b="a\n")
    text = (await call("search", pattern="a")).text
    assert "b\n1: a" in text
    assert "1: " + "a" * 300 + "…" in text or "more in lines too long to show" in text


async def test_a_strange_name_is_shown_escaped(call: Call, root: Path) -> None:
    (root / "a\n\x1b[2J").write_text("hit\n")
    assert (await call("search", pattern="hit")).text == "a\\n\\x1b[2J\n1: hit"


async def test_thousands_of_files_with_long_names_are_all_searched(call: Call, root: Path) -> None:
    folder = root / ("d" * 200) / ("e" * 200)
    folder.mkdir(parents=True)
    for n in range(2000):
        (folder / f"{n:0100}").write_text(f"file {n}\n")
    text = (await call("search", pattern="file (7|1999)$")).text
    assert [line for line in text.split("\n") if line.startswith("1:")] == ["1: file 7", "1: file 1999"]


async def test_a_deleted_file_that_git_still_lists_is_no_trouble(call: Call, root: Path) -> None:
    git = shutil.which("git") or ""
    subprocess.run([git, "init", "-q"], cwd=root, check=True)
    fill(root, a="hit\n", b="hit\n")
    subprocess.run([git, "add", "."], cwd=root, check=True)
    (root / "a").unlink()
    assert (await call("search", pattern="hit")).text == "b\n1: hit"


async def test_files_with_keys_are_searched_only_when_they_are_named(call: Call, root: Path) -> None:
    subprocess.run([shutil.which("git") or "", "init", "-q"], cwd=root, check=True)
    for name in (".env", ".env.local", ".env.example"):
        (root / name).write_text("KEY=1\n")
    assert (await call("search", pattern="KEY")).text == ".env.example\n1: KEY=1"
    assert (await call("search", pattern="KEY", path=".env")).text == ".env\n1: KEY=1"


def children() -> set[int]:
    return {process.pid for process in psutil.Process().children()}


async def test_a_catastrophic_regex_is_stopped(root: Path) -> None:
    fill(root, a="a" * 50 + "b\n")
    start = time.monotonic()
    # The look-ahead sends it to our own engine in either case.
    wanted = Wanted("^(?=a)(a|a)*$", context=0)
    before = children()
    hits = await seek(wanted, root, ["a"], shutil.which("rg"), seconds=0.5)
    assert time.monotonic() - start < 5
    assert hits.text(str) == "[stopped for time: narrow by pattern, path or glob]"
    assert children() == before


async def test_a_cancel_ends_the_search_and_its_process(call: Call, root: Path) -> None:
    fill(root, a="a" * 50 + "b\n")
    before = children()
    searching = asyncio.ensure_future(call("search", pattern="^(?=a)(a|a)*$"))
    async with asyncio.timeout(10):
        while children() == before:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    start = time.monotonic()
    searching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await searching
    assert time.monotonic() - start < 1
    assert children() == before


async def test_the_configuration_of_ripgrep_is_not_asked(
    call: Call, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ripgreprc").write_text("--ignore-case\n")
    monkeypatch.setenv("RIPGREP_CONFIG_PATH", str(tmp_path / "ripgreprc"))
    fill(root, a="HIT\n")
    assert (await call("search", pattern="hit")).text == "No match in 1 files."


async def test_a_ripgrep_in_the_workspace_is_never_run(
    call: Call, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "rg").write_text(f"#!/bin/sh\ntouch {root}/evil\n")
    (root / "rg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{root}:{os.environ['PATH']}")
    fill(root, a="hit\n")
    assert (await call("search", pattern="hit", glob="a")).text == "a\n1: hit"
    assert not (root / "evil").exists()

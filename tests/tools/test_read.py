import asyncio
import base64
import os
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from kcode.errors import ToolError
from kcode.files.text import digest
from kcode.tools.tool import Output, Workspace

Call = Callable[..., Awaitable[Output]]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def test_a_file_is_shown_with_line_numbers(call: Call, root: Path) -> None:
    (root / "a.py").write_text("import os\n\nx = 1\n")
    assert (await call("read", path="a.py")).text == "1\timport os\n2\t\n3\tx = 1"


async def test_a_range_says_what_follows_and_how_to_get_it(call: Call, root: Path) -> None:
    (root / "a").write_text("".join(f"line {n}\n" for n in range(1, 31)))
    text = (await call("read", path="a", offset=11, limit=2)).text
    assert text == "11\tline 11\n12\tline 12\n[of 30 lines; next: offset=13]"
    assert (await call("read", path="a", offset=29)).text == "29\tline 29\n30\tline 30"


async def test_a_range_is_bounded_in_lines_and_bytes(call: Call, root: Path) -> None:
    (root / "short").write_text("x\n" * 2000)
    (root / "long").write_text(("y" * 1000 + "\n") * 100)
    short = (await call("read", path="short", offset=1, limit=5000)).text
    long = (await call("read", path="long", offset=1)).text
    assert short.endswith("[of 2000 lines; next: offset=401]")
    assert len(long) < 17_000 and long.endswith("[of 100 lines; next: offset=16]")


async def test_a_file_of_many_short_lines_is_shown_whole(call: Call, root: Path) -> None:
    (root / "a").write_text("x\n" * 2000)
    assert (await call("read", path="a")).text.endswith("\n2000\tx")


async def test_a_long_line_of_a_small_file_is_shown_whole(call: Call, root: Path) -> None:
    (root / "a.md").write_text("word " * 4000 + "\nend\n")
    assert (await call("read", path="a.md")).text == "1\t" + "word " * 4000 + "\n2\tend"


async def test_an_offset_below_one_is_the_first_line_and_past_the_end_an_error(
    call: Call, root: Path
) -> None:
    (root / "a").write_text("x\ny\n")
    assert (await call("read", path="a", offset=0)).text == "1\tx\n2\ty"
    assert (await call("read", path="a", offset=-5, limit=-1)).text == "1\tx\n[of 2 lines; next: offset=2]"
    with pytest.raises(ToolError, match="a has 2 lines: there is no line 3"):
        await call("read", path="a", offset=3)


async def test_an_empty_file_is_said_to_be_empty(call: Call, root: Path) -> None:
    (root / "a").touch()
    assert (await call("read", path="a")).text == "a is empty."


async def test_the_line_end_of_the_last_line_does_not_matter(call: Call, root: Path) -> None:
    (root / "a").write_text("x\ny")
    assert (await call("read", path="a")).text == "1\tx\n2\ty"


async def test_a_big_program_gives_its_outline(call: Call, root: Path, workspace: Workspace) -> None:
    (root / "a.py").write_text("".join(f"def f{n}():\n    return {n}\n\n\n" for n in range(1500)))
    text = (await call("read", path="a.py")).text
    assert text.startswith(
        "a.py: 6000 lines, 44 KB. Its outline (read a part by offset and limit):\n1-2\tdef f0():\n"
    )
    assert len(text) < 17_000 and text.endswith(" more definitions]")
    assert not workspace.seen
    assert (await call("read", path="a.py", offset=5, limit=2)).text.startswith(
        "5\tdef f1():\n6\t    return 1\n"
    )


async def test_a_big_text_gives_its_head_and_its_size(call: Call, root: Path) -> None:
    (root / "a.txt").write_text("some text\n" * 10_000)
    text = (await call("read", path="a.txt")).text
    assert text.startswith("1\tsome text\n")
    assert text.endswith("40\tsome text\n[of 10000 lines, 100 KB; next: offset=41]")


async def test_a_part_of_50_megabytes_is_read_in_bounded_memory(call: Call, root: Path) -> None:
    with (root / "log").open("w") as file:
        for n in range(1, 500_001):
            file.write(f"{n:07} " + "x" * 92 + "\n")
    tracemalloc.start()
    try:
        middle = (await call("read", path="log", offset=250_000, limit=2)).text
        head = (await call("read", path="log")).text
        with pytest.raises(ToolError, match=r"log has 50\.5 MB: there is no line 600000"):
            await call("read", path="log", offset=600_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert middle.startswith("250000\t0250000 xxx") and middle.endswith("[of 50.5 MB; next: offset=250002]")
    assert head.startswith("1\t0000001 ") and "next: offset=" in head
    assert peak < 10_000_000


async def test_a_single_line_of_50_megabytes_is_cut_in_bounded_memory(call: Call, root: Path) -> None:
    with (root / "a.json").open("wb") as file:
        for _ in range(50):
            file.write(b"y" * 1_000_000)
    tracemalloc.start()
    try:
        text = (await call("read", path="a.json", offset=1, limit=1)).text
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert text == "1\t" + "y" * 16_000 + " …[49984000 more characters]"
    assert peak < 10_000_000


async def test_latin1_is_read_and_announced_also_far_down_a_big_file(call: Call, root: Path) -> None:
    (root / "small").write_bytes(b"caf\xe9\n")
    (root / "big").write_bytes(b"x" * 99 + b"\n" + (b"x" * 99 + b"\n") * 110_000 + b"caf\xe9\n")
    announced = "\n[not UTF-8, read as latin-1]"
    assert (await call("read", path="small")).text == "1\tcafé" + announced
    assert (await call("read", path="big", offset=110_002)).text == "110002\tcafé" + announced


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
async def test_a_file_with_a_byte_order_mark_is_text(call: Call, root: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    (root / "a").write_text(mark + "Grüße\nzwei\n", encoding=encoding)
    assert (await call("read", path="a")).text == "1\tGrüße\n2\tzwei"


async def test_windows_line_ends_are_not_shown(call: Call, root: Path) -> None:
    (root / "a").write_bytes(b"x\r\ny\r\n")
    assert (await call("read", path="a")).text == "1\tx\n2\ty"


async def test_an_image_comes_back_as_an_image(call: Call, root: Path) -> None:
    (root / "a.dat").write_bytes(PNG)
    output = await call("read", path="a.dat")
    assert output.text == f"a.dat: image/png, {len(PNG)} bytes."
    assert [(image.media_type, base64.b64decode(image.data)) for image in output.images] == [
        ("image/png", PNG)
    ]


@pytest.mark.parametrize(
    ("start", "kind"),
    [(b"\xff\xd8\xff", "image/jpeg"), (b"GIF89a", "image/gif"), (b"RIFF1234WEBPVP8", "image/webp")],
)
async def test_the_kind_of_an_image_is_seen_by_its_bytes(
    call: Call, root: Path, start: bytes, kind: str
) -> None:
    (root / "a").write_bytes(start + b"\0" * 100)
    assert [image.media_type for image in (await call("read", path="a")).images] == [kind]


async def test_a_great_image_is_refused(call: Call, root: Path) -> None:
    (root / "a.png").write_bytes(PNG + b"\0" * 5_000_000)
    with pytest.raises(ToolError, match=r"more than 5\.0 MB"):
        await call("read", path="a.png")


async def test_a_binary_file_is_named_by_kind_and_size(call: Call, root: Path) -> None:
    (root / "a.zip").write_bytes(b"PK\3\4" + b"\0" * 5000)
    (root / "b").write_bytes(b"\0" * 20_000_000)
    assert (await call("read", path="a.zip")).text == "a.zip is binary (application/zip, 5 KB)."
    assert (await call("read", path="b")).text == "b is binary (20.0 MB)."


async def test_nul_far_down_a_text_is_shown(call: Call, root: Path) -> None:
    (root / "a").write_bytes(b"x\n" * 5000 + b"a\0b\n")
    assert (await call("read", path="a")).text.endswith("5001\ta␀b")


async def test_a_folder_says_to_use_list(call: Call, root: Path) -> None:
    (root / "sub").mkdir()
    with pytest.raises(ToolError, match=r"sub is a folder\. Use list"):
        await call("read", path="sub")


@pytest.mark.parametrize(
    "path", ["/dev/zero", "/dev/stdin", "pipe", "/proc/self/mem", "a\nb", "x" * 5000, "a.py/b"]
)
async def test_what_cannot_be_read_never_blocks(call: Call, root: Path, path: str) -> None:
    os.mkfifo(root / "pipe")
    (root / "a.py").touch()
    async with asyncio.timeout(5):
        with pytest.raises(ToolError):
            await call("read", path=path)


async def test_a_missing_file_is_answered_by_the_nearest_names(call: Call, root: Path) -> None:
    (root / "src" / "deep").mkdir(parents=True)
    for name in ("src/settings.py", "src/deep/config.py", "README.md"):
        (root / name).touch()
    with pytest.raises(ToolError, match=r"There is no src/setting.py. Did you mean src/settings.py\?"):
        await call("read", path="src/setting.py")
    with pytest.raises(ToolError, match=r"There is no config.py. Did you mean src/deep/config.py\?"):
        await call("read", path="config.py")
    with pytest.raises(ToolError, match=r"^There is no zzz.$"):
        await call("read", path="zzz")


async def test_a_symlink_loop_is_refused(call: Call, root: Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    with pytest.raises(ToolError):
        await call("read", path="a")


async def test_a_strange_name_is_shown_escaped(call: Call, root: Path) -> None:
    (root / "a\n\x1b[2J").touch()
    assert (await call("read", path="a\n\x1b[2J")).text == r"a\n\x1b[2J is empty."


async def test_a_file_without_a_size_is_read(call: Call) -> None:
    assert (await call("read", path=f"/proc/{os.getpid()}/status")).text.startswith("1\tName:")


async def test_what_was_read_is_known(call: Call, root: Path, workspace: Workspace) -> None:
    (root / "a").write_text("x\n")
    await call("read", path="a")
    assert workspace.seen == {root / "a": digest(b"x\n")}


async def test_the_same_again_is_a_pointer_and_a_third_time_the_text(call: Call, root: Path) -> None:
    (root / "a").write_text("some words\n" * 100)
    first, second, third = [(await call("read", path="a")).text for _ in range(3)]
    assert second.startswith("Unchanged since you read it")
    assert third == first


async def test_a_changed_file_or_another_range_is_no_repetition(call: Call, root: Path) -> None:
    (root / "a").write_text("some words\n" * 100)
    await call("read", path="a")
    assert (await call("read", path="a", offset=2)).text.startswith("2\tsome words")
    (root / "a").write_text("other words\n" * 100)
    assert (await call("read", path="a")).text.startswith("1\tother words")


async def test_a_cancel_is_obeyed_at_once(call: Call, root: Path) -> None:
    (root / "big").write_bytes(b"x" * 60_000_000)
    reading = asyncio.ensure_future(call("read", path="big", offset=10))
    await asyncio.sleep(0.005)
    start = time.monotonic()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert time.monotonic() - start < 0.5

"""A small grep for where ripgrep is not: a program of its own, so that it can be ended at any moment.

Reads a JSON request from standard input ({"pattern", "literal", "context", "files"}, names relative to the working
directory) and prints what `rg --json` prints, as far as `search` looks at it. Exit code 2: the pattern is no regular
expression; why is on standard error. Run as a file by `python -I`: nothing but the standard library is at hand.
"""

import json
import os
import re
import sys
import warnings
from collections.abc import Iterator
from typing import Any

MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def main() -> int:
    request = json.load(sys.stdin)
    warnings.simplefilter("ignore")
    try:
        pattern = re.compile(re.escape(request["pattern"]) if request["literal"] else request["pattern"])
    except (re.error, OverflowError, RecursionError) as error:
        sys.stderr.write(str(error))
        return 2
    for name in request["files"]:
        for kind, number, line, start in found(lines_of(name), pattern, request["context"]):
            data: dict[str, Any] = {"path": {"text": name}, "lines": {"text": line}, "line_number": number}
            data["submatches"] = [{"start": start}] if kind == "match" else []
            print(json.dumps({"type": kind, "data": data}))
    return 0


def lines_of(name: str) -> list[str]:
    """Of a text file; none of a binary one, of a symlink, and of one that cannot be read."""
    try:
        with os.fdopen(os.open(name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
            data = file.read()
    except OSError:
        return []
    mark, encoding = next((known for known in MARKS if data.startswith(known[0])), (b"", "utf-8"))
    if encoding == "utf-8" and b"\0" in data:
        return []
    return data[len(mark) :].decode(encoding, "replace").removesuffix("\n").split("\n")


def found(lines: list[str], pattern: re.Pattern[str], context: int) -> Iterator[tuple[str, int, str, int]]:
    """Kind, number (from 1), line, and where in its UTF-8 bytes the match begins; each line once, in order."""
    hits = {
        at: match.start()
        for at, line in enumerate(lines)
        if (match := pattern.search(line.removesuffix("\r")))
    }
    shown = {near for at in hits for near in range(max(0, at - context), min(len(lines), at + context + 1))}
    for at in sorted(shown):
        start = len(lines[at][: hits.get(at, 0)].encode(errors="replace"))
        yield "match" if at in hits else "context", at + 1, lines[at], start


if __name__ == "__main__":
    sys.exit(main())

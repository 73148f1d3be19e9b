"""How long the map of a repository takes: cold, a second time, and at the start of a session; for kcode's own code and
for a generated repository of 10,000 files."""

import asyncio
import os
import random
import shutil
import tempfile
import time
from pathlib import Path

from kcode.files.listing import files_of
from kcode.memory.code.index import Index, index_of
from kcode.memory.code.map import repo_map
from kcode.memory.code.standing import choose, standing_map
from kcode.memory.code.words import asked

ROOT = Path(__file__).parents[1]
FILES = 10_000
FUNCTIONS = 12
"""In each of them, which is about 4 KB."""
TOKENS = 1_000
PATIENCE = 600.0
OLD = 60
"""Seconds since the files were written."""


def generate(folder: Path) -> None:
    """Modules in a hundred packages, each of which uses some of those that were made before."""
    chance = random.Random(1)
    old = time.time() - OLD
    for number in range(FILES):
        used = [chance.randrange(number) for _ in range(4)] if number else []
        lines = [f"from package{u % 100}.module{u} import step_{u}_0" for u in used]
        for function in range(FUNCTIONS):
            calls = [f"    total += step_{u}_0(values, limit={function})" for u in used]
            lines += [f"def step_{number}_{function}(values: list[int], limit: int = 10) -> int:"]
            lines += [f'    """Step {function} of module {number}."""', "    total = sum(values)", *calls]
            lines += ["    return min(total, limit)", "", ""]
        path = folder / f"package{number % 100}" / f"module{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines))
        os.utime(path, (old, old))


def copy(folder: Path) -> None:
    """kcode's own files as they are now: a second look must find them unchanged."""
    for name in asyncio.run(files_of(ROOT)):
        if (ROOT / name).is_file() and not (ROOT / name).is_symlink():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def looked(root: Path) -> tuple[Index, float]:
    began = time.monotonic()
    index = asyncio.run(index_of(root, PATIENCE))
    return index, time.monotonic() - began


def measure(name: str, root: Path, question: str) -> bool:
    """Whether the second run parsed nothing and the maps fit."""
    cold, seconds = looked(root)
    print(f"{name}: {len(cold.files):,} files")
    print(f"  cold            {seconds:8.2f} s   {cold.parsed:,} parsed")
    again, seconds = looked(root)
    print(f"  second run      {seconds:8.2f} s   {again.parsed:,} parsed")
    began = time.monotonic()
    order = choose(again)
    print(f"  ranked          {time.monotonic() - began:8.2f} s   first: {order[0].file}")
    maps = [repo_map(again, TOKENS), repo_map(again, TOKENS, words=asked(question))]
    sizes = [len(text.encode()) // 4 for text in maps]
    print(
        f"  map, question   {sizes[0]:8,} and {sizes[1]:,} tokens of {TOKENS:,}; {question!r}: {maps[1].split()[0]}"
    )
    began = time.monotonic()
    standing = standing_map(root, TOKENS, within=PATIENCE)
    print(f"  session's start {time.monotonic() - began:8.2f} s   {len(standing.encode()) // 4:,} tokens")
    return again.parsed == 0 and max(sizes) <= TOKENS


def main() -> int:
    """1 when something is parsed twice, or a map doesn't fit."""
    before = os.environ.get("KCODE_HOME")
    with tempfile.TemporaryDirectory() as home:
        os.environ["KCODE_HOME"] = home
        try:
            own, generated = (Path(home).resolve() / name for name in ("kcode", "generated"))
            own.mkdir()
            copy(own)
            fine = measure("kcode", own, "where is the ledger row reserved")
            generated.mkdir()
            generate(generated)
            return 0 if measure("generated", generated, "step 7042 0") and fine else 1
        finally:
            if before is None:
                del os.environ["KCODE_HOME"]
            else:
                os.environ["KCODE_HOME"] = before


if __name__ == "__main__":
    raise SystemExit(main())

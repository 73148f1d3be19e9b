"""The two tasks of the bill: their files, and what the scripted model does, as thirteen agents were given them.

A seven-step task with small files, and a session of thirty steps with seven large results: 97 KB of source read, 8, 40
and 200 KB printed, 294 KB of a table read, 1,100 hits of a search, 61 KB on one line. The files are made anew here,
to the sizes and densities (characters a token) of those that the agents were measured with, from no more than what the
measurement says of itself; `RIVALS` puts that to the test.
"""

import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.playing import call, say

Json = dict[str, Any]
HIT = "registry_of_units"
LARGE = (2, 3, 5, 7, 10, 13, 16)
"""Steps, from 1, whose results are large."""


@dataclass(frozen=True, slots=True)
class Job:
    """A prompt, the replies to it, and the files that it is about."""

    title: str
    prompt: str
    steps: tuple[Json, ...]
    files: Callable[[Path], None]
    failures: int = 0
    """Calls that are meant to fail."""
    large_results: Callable[[], tuple[str, ...]] = tuple
    """What the calls at the steps `LARGE` give in full."""


# Seven steps

SUMS = '''"""Small sums, for the reports of the plant."""


def total(numbers):
    """All of them together."""
    return sum(numbers)


def spread(numbers):
    """From the smallest to the largest."""
    return max(numbers) - min(numbers)


def mean(numbers):
    """The arithmetic mean."""
    return total(numbers) / (len(numbers) + 1)
'''
TEST_SUMS = """from sums import mean, total


def test_total():
    assert total([]) == 0
    assert total([1, 2, 3]) == 6


def test_mean():
    assert mean([2]) == 2
    assert mean([1, 2, 3]) == 2
"""
CHECK = """#!/bin/sh
python3 - <<'END'
import test_sums
test_sums.test_total()
print("collected 2 tests of test_sums.py; running them one by one, in the order of the file")
print("test_total passed")
try:
    test_sums.test_mean()
except AssertionError:
    print("test_mean FAILED at test_sums.py:10: assert mean([2]) == 2")
    raise SystemExit(1)
print("test_mean passed")
print("2 of 2 passed, none skipped, none slow; total 0.002 s on python 3")
END
"""


def fix_files(root: Path) -> None:
    (root / "sums.py").write_text(SUMS)
    (root / "test_sums.py").write_text(TEST_SUMS)
    (root / "check.sh").write_text(CHECK)
    (root / "check.sh").chmod(0o755)


FIX = Job(
    "seven steps",
    "The check of this repository fails. Find out why, mend the code and not the test, and run ./check.sh again to "
    "see that it passes. At the end say in one sentence what was wrong.",
    (
        say(
            "I look at what is in the repository before I touch anything, to find the check, what it runs, and "
            "where the code that it checks is kept."
        )
        | call("list", path="."),
        say(
            "The check runs test_sums.py, so first the test, to see what it expects of the code: which "
            "functions it calls, and with what."
        )
        | call("read", path="test_sums.py"),
        say(
            "Now the code under test: the two functions that the test imports from it, and whatever "
            "they call themselves."
        )
        | call("read", path="sums.py"),
        say(
            "I run the check as it is, to see how it fails before I change something; the message "
            "should name the line."
        )
        | call("shell", command="./check.sh"),
        say(
            "`mean` divides by a length that is one too large, so that every mean comes out too small. The "
            "number of numbers is the right one."
        )
        | call("edit", path="sums.py", edits=[{"old": "(len(numbers) + 1)", "new": "len(numbers)"}]),
        say(
            "That is the whole change. I run the check again, to see that both tests pass now and "
            "that nothing else was hurt."
        )
        | call("shell", command="./check.sh"),
        say(
            "`mean` in sums.py:16 divided by one more than there are numbers; I removed the `+ 1`. The empty list was "
            "right before and still is, and `total` and `spread` are as they were. ./check.sh ran both tests after "
            "the change, and they pass; nothing else in the repository calls `mean`."
        ),
    ),
    fix_files,
    failures=1,
)


# Thirty steps


def _small(number: int) -> list[Json]:
    """Three steps with small files: read, change, check."""
    path = f"src/part_{number:02}.py"
    return [
        say(f"Part {number} is next: I read it, to see where its limit is used, and by which of its stages.")
        | call("read", path=path),
        say(
            "Its limit is a number in the code; it becomes the one that the settings name for this part, by its number."
        )
        | call("edit", path=path, edits=[{"old": f"LIMIT = {number}00", "new": f"LIMIT = {number}50"}]),
        say("I run the check of this part, to see that every stage of it still keeps to its limit.")
        | call("shell", command=f"./check.sh part_{number:02}"),
    ]


def _long_steps() -> tuple[Json, ...]:
    small = iter([step for number in range(1, 9) for step in _small(number)])
    wide = (
        call("read", path="src/engine.py"),
        call("shell", command="./print.sh 8"),
        call("shell", command="./print.sh 40"),
        call("shell", command="./print.sh 200"),
        call("read", path="data/measures.csv"),
        call("search", pattern=HIT),
        call("shell", command="./print.sh line"),
    )
    large = dict(zip(LARGE, wide, strict=True))
    steps = [
        say("Before I go on, I look at what the engine and the data really say about it.") | large[n]
        if n in large
        else next(small)
        for n in range(1, 30)
    ]
    return (*steps, say("All parts have their limits from the settings, and every check passes."))


def long_files(root: Path) -> None:
    chance = random.Random(7)
    for folder in ("src", "data", "src/units"):
        (root / folder).mkdir()
    (root / "src" / "engine.py").write_text(_cut(_source(chance), 97_000))
    (root / "data" / "measures.csv").write_text(_cut(_table(chance), 294_000))
    (root / "data" / "line.json").write_text(_one_line(chance, 61_000))
    (root / "data" / "log.txt").write_text(_cut(_log(chance), 200_000))
    for number in range(1, 9):
        (root / "src" / f"part_{number:02}.py").write_text(_part(number, chance))
    for number in range(44):
        (root / "src" / "units" / f"unit_{number:02}.py").write_text(_hits(number, 25))
    (root / "check.sh").write_text(
        "#!/bin/sh\nfor n in 1 2 3 4 5 6 7 8 9; do for m in 1 2 3; do\n"
        'echo "$1: case $n.$m of the limits ... ok (0.$m$n s)"; done; done; echo "27 passed"\n'
    )
    (root / "print.sh").write_text(
        '#!/bin/sh\ncase $1 in line) cat data/line.json;; *) head -c "$1"000 data/log.txt;; esac\n'
    )
    for name in ("check.sh", "print.sh"):
        (root / name).chmod(0o755)


def _cut(lines: Iterator[str], size: int) -> str:
    text: list[str] = []
    length = 0
    for line in lines:
        if length + len(line) + 1 > size:
            break
        text.append(line)
        length += len(line) + 1
    return "\n".join(text) + "\n"


def _source(chance: random.Random) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"def balance_{number:03}(units, rate_{number}, limit={chance.randint(10, 9999)}):"
        yield f'    """Step {number} of the engine: weighs what unit {chance.randint(1, 44)} gave."""'
        for n in range(chance.randint(5, 12)):
            of = f"units[{chance.randint(0, 43)}].measured_value"
            yield f"    weight_{n} = {of} * previous_rate + rate_{number} / {chance.randint(2, 99)}"
        yield f"    return min(limit, sum((weight_0, weight_1, weight_2, {chance.randint(1, 99)})))"
        yield ""
        yield ""


def _table(chance: random.Random) -> Iterator[str]:
    yield "time,unit,speed,heat,share,code"
    number = 0
    while True:
        number += 1
        yield (
            f"{1763600000 + 7 * number},u{chance.randint(0, 43):02},{chance.random() * 900:.3f},"
            f"{chance.random() * 90:.2f},{chance.random():.5f},{chance.randint(100, 599)}"
        )


def _log(chance: random.Random) -> Iterator[str]:
    words = ("queued", "started", "retried after", "finished in", "was late by")
    while True:
        yield (
            f"08:{chance.randint(0, 59):02}:{chance.randint(0, 59):02}.{chance.randint(0, 999):03} INFO "
            f"worker-{chance.randint(1, 8)} job {chance.randint(10**5, 10**6)} {chance.choice(words)} "
            f"{chance.randint(1, 9999)} ms, {chance.randint(1, 400)}/{chance.randint(400, 999)} id "
            f"{chance.randbytes(4).hex()} u{chance.randint(0, 43)}"
        )


def _one_line(chance: random.Random, size: int) -> str:
    parts: list[str] = []
    while len(parts) * 20 < size:
        parts += [f'{{"unit":{chance.randint(0, 43)},"name":"part-{n}","on":true}}' for n in range(500)]
    return ("[" + ",".join(parts))[: size - 1] + "]"


def _part(number: int, chance: random.Random) -> str:
    lines = [f'"""Part {number} of the plant."""', "", f"LIMIT = {number}00", ""]
    for n in range(25):
        lines += [
            f"def stage_{n}(flow):",
            f"    return min(LIMIT, flow * {chance.randint(2, 99)} + {chance.randint(2, 999)})",
            "",
        ]
    return "\n".join(lines)


def _hits(number: int, count: int) -> str:
    return "\n".join(f"value_{n} = {HIT}['unit {number}'].measure({n}, 'plant')" for n in range(count)) + "\n"


def long_results() -> tuple[str, ...]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        long_files(root)
        log = (root / "data" / "log.txt").read_text()
        units = sorted((root / "src" / "units").iterdir())
        hits = [
            f"src/units/{file.name}:{number}:{line}\n"
            for file in units
            for number, line in enumerate(file.read_text().splitlines(), start=1)
        ]
        read = [
            (root / name).read_text() for name in ("src/engine.py", "data/measures.csv", "data/line.json")
        ]
    return read[0], log[:8_000], log[:40_000], log, read[1], "".join(hits), read[2]


LONG = Job(
    "thirty steps",
    "Every part under src has a limit of its own. Read the engine and the data to see what is really used, move the "
    "limits to what the settings say, part by part, and check each.",
    _long_steps(),
    long_files,
    large_results=long_results,
)
TASKS = (FIX, LONG)


# What others let the model see of the same results


@dataclass(frozen=True, slots=True)
class Rival:
    """An agent as it was measured: tokens before the conversation, and the characters it shows of each large
    result."""

    name: str
    prefix: int
    """Without the user's prompt."""
    shown: tuple[int, int, int, int, int, int, int]
    """Source, 8, 40 and 200 KB printed, the table, the search, the line."""
    measured: tuple[float, float]
    """Dollars at the Sonnet-class prices: seven steps, thirty steps."""


RIVALS = (
    Rival("pi", 1221, (35391, 8216, 40978, 51271, 51259, 51290, 51294), (0.0146, 1.29)),
    Rival("mini-swe-agent", 722, (11256, 8432, 10338, 10340, 10500, 11153, 10122), (0.019, 0.402)),
    Rival("opencode", 6653, (46420, 8216, 40978, 51364, 62004, 4965, 190), (0.047, 1.12)),
    Rival("Kilo 7.7", 10977, (46416, 8216, 40978, 25336, 62000, 4962, 182), (0.071, 1.08)),
    Rival("Claude Code", 19118, (79628, 8303, 2843, 2385, 459, 2373, 2411), (0.115, 0.730)),
)

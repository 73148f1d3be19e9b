"""Files damaged in the ways that files are: cut, flipped, mixed up, of another kind."""

import random
from pathlib import Path

Damage = tuple[int, str]
"""A seed, and the way."""
WAYS = ("cut", "flip", "garbage", "swap", "double", "empty", "other", "deep", "long", "folder", "insert")
OTHERS = (
    b"[]",
    b"null",
    b'{"a": [1, {"b": null}]}',
    b"---\n- a\n---\n",
    b"---\ntitle: [1]\ngroups: {a: b}\n---\nx",
    b"a = 1\n[b]\nc = []\n",
    b"\xff\xfe\x00a\x00b",
    b"---\n&a [*a]\n---\n",
    b'{"type": "message_added", "task": 7}\n',
    b'{"customModes": [{"slug": 5, "groups": [["edit", {"fileRegex": "("}]]}]}',
    b'{"agent": {"x": {"prompt": 3, "tools": [1]}}, "mode": 7}',
)


def damage(file: Path, seed: int, way: str) -> None:
    """Does it to the file, in place; with the same seed the same."""
    data, chance = file.read_bytes(), random.Random(seed)
    if way == "folder":
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(damaged(data, chance, way))


def damaged(data: bytes, chance: random.Random, way: str) -> bytes:
    at = chance.randrange(len(data) + 1)
    end = chance.randrange(at, len(data) + 1)
    match way:
        case "cut":
            return data[:at]
        case "flip":
            changed = bytearray(data)
            for _ in range(chance.randrange(1, 12) if data else 0):
                changed[chance.randrange(len(data))] = chance.randrange(256)
            return bytes(changed)
        case "garbage":
            return data[:at] + chance.randbytes(chance.randrange(1, 300)) + data[end:]
        case "swap":
            lines = data.splitlines(keepends=True)
            chance.shuffle(lines)
            return b"".join(lines)
        case "double":
            return data[:at] + data[at:end] * 2 + data[end:]
        case "empty":
            return b""
        case "deep":
            return chance.choice((b"[" * 20_000, b'{"a":' * 20_000, b"- " * 3_000, b"a = " + b"[" * 5_000))
        case "long":
            return data[:at] + b"x" * 300_000 + data[at:]
        case "insert":
            return (
                data[:at]
                + chance.choice((b"\0", b"\n", b'"', b"{", b"\xed\xa0\x80", b"'''", b": ", b"1e999"))
                + data[at:]
            )
        case _:
            return chance.choice(OTHERS)

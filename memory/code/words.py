"""A question in words, against names in code: `reserved` means `reserve_row`, and `LedgerRow` holds `ledger`."""

import re
from functools import cache, lru_cache

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_ENDING = re.compile(r"(ations?|ings?|ions?|ies|ers?|ors?|ed|es|s|e|y)$")
SHORTEST = 3
LITTLE = """
    a an and are as at be by can do does find for from get has have how if in into is it its of on or set show that
    the their them then there this to used uses what when where which who why with
"""
SAYS_NOTHING = frozenset(LITTLE.split())
NAMES_REMEMBERED = 200_000


@cache
def stem(word: str) -> str:
    """`reservation`, `reserved` and `reserves` as one."""
    cut = _ENDING.sub("", word)
    return cut if len(cut) >= SHORTEST else word


@lru_cache(NAMES_REMEMBERED)
def parts(name: str) -> frozenset[str]:
    """The stems of an identifier or path, in lower case."""
    return frozenset(stem(part.lower()) for part in _PART.findall(name))


def is_distinct(name: str) -> bool:
    """Whether a name is more than one common word: `get` is used of everything, `get_row` and `Ledger` are not."""
    return not name.islower() or "_" in name.strip("_")


def asked(question: str) -> frozenset[str]:
    """What to look for; nothing when the question is made of little words."""
    words = (part.lower() for part in _PART.findall(question))
    return frozenset(
        stem(word) for word in words if word not in SAYS_NOTHING and (len(word) > 1 or word.isdigit())
    )

"""The signs of a runaway. Each looks at the steps since the user's last word and says in words what goes in circles,
or nothing. What waits for something, and what has changed files meanwhile, may look the same and is none.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from statistics import median

from kcode.agent.guard.steps import Act, Step

SAME_CALL = 4
SAME_FAILURE = 3
SAME_TASK = 3
ROUNDS = {1: 5, 2: 3, 3: 3, 4: 3, 5: 3}
"""Steps of a cycle -> how often it must have gone round."""
SAME_ERROR = 5
SAME_ERROR_AFTER_CHANGES = 10
FAILED_IN_A_ROW = 9
FOUND_NOTHING = 8
STALE, STALE_OF = 7, 9
IDLE = 5
"""Steps of notes alone."""
REWRITES = 5
SAME_WORDS, LONG_WORDS = 3, 160
QUIET_STEPS, REPEATED_SHARE = 25, 0.4
"""Steps without a change, and the share of their calls that were made before."""
SWITCHES = 5
FAST, FAST_STEPS, FAST_DOLLARS = 10, 3, 500_000
"""Times the usual cost of a step, in so many steps, and at least so many micro-dollars each."""
USUAL_STEPS = 8
WAITING = 60
NOTES = {"todo"}
IDLE_COMMAND = re.compile(r"\s*(echo|true|:|printf|pwd|date)\b[^|;&><]*$")
BABBLE = 2_000
"""Characters of a stream that are looked at for repetition."""
LOOKS = {"read", "search", "list", "outline", "memory"}

Steps = Sequence[Step]
Sign = Callable[[Steps], str]


def same_call(steps: Steps) -> str:
    """The same call with the same answer, nothing changed between."""
    acts = list(_acts(_since_change(steps)))
    for act in steps[-1].acts:
        same = [one for one in acts if (one.asked, one.answer) == (act.asked, act.answer)]
        most = WAITING if act.waited else SAME_CALL if act.is_ok else SAME_FAILURE
        if len(same) >= most:
            return f"{act.name} was called {len(same)} times with the same arguments and the same answer"
    return ""


def same_task(steps: Steps) -> str:
    """The same task given to others again and again, whatever they answer."""
    asked = Counter(act.asked for act in _acts(steps) if act.name == "delegate")
    return next((f"the same task was delegated {n} times" for n in asked.values() if n >= SAME_TASK), "")


def cycle(steps: Steps) -> str:
    """A-B-A-B-A-B, also when each of them changes files: then they undo each other."""
    for period, rounds in ROUNDS.items():
        marks = [step.mark for step in steps[-period * rounds :]]
        kinds = {tuple(marks[i : i + period]) for i in range(0, len(marks), period)}
        waits = any(act.waited for act in _acts(steps[-period:]))
        acts = all(step.acts for step in steps[-period:])
        if len(marks) == period * rounds and len(kinds) == 1 and acts and not waits:
            return f"the same {'step' if period == 1 else f'{period} steps'} went round {rounds} times"
    return ""


def same_error(steps: Steps) -> str:
    """Another call each time, and the same failure."""
    acts = [act for act in _acts(steps) if not act.waited]
    last = acts[-1] if acts else None
    if last is None or last.is_ok:
        return ""
    recent = [a for a in _acts(_since_change(steps)) if a.kind == last.kind and not a.is_ok]
    if len(recent) >= SAME_ERROR:
        return f"{last.name} failed {len(recent)} times in the same way"
    ever = [act for act in acts if (act.asked, act.answer) == (last.asked, last.answer)]
    if len(ever) >= SAME_ERROR_AFTER_CHANGES:
        return f"{last.name} failed {len(ever)} times in the same way, whatever was changed"
    return ""


def all_fails(steps: Steps) -> str:
    """Made-up paths, tools, arguments: nothing works any more."""
    failed = list(takewhile(lambda act: not (act.is_ok or act.waited), reversed(list(_acts(steps)))))
    return f"{len(failed)} calls in a row failed" if len(failed) >= FAILED_IN_A_ROW else ""


def finds_nothing(steps: Steps) -> str:
    """Made-up names: every search comes to the same nothing."""
    acts = [act for act in _acts(steps) if act.name in LOOKS][-FOUND_NOTHING:]
    if len(acts) == FOUND_NOTHING and all(act.is_empty for act in acts):
        return f"{FOUND_NOTHING} looks in a row came to the same nothing"
    return ""


def stale(steps: Steps) -> str:
    """All that is looked at was seen before, in whatever order."""
    recent = _since_change(steps)
    seen: set[tuple[str, str]] = set()
    old: list[bool] = []
    for step in recent:
        known = [(act.asked, act.answer) for act in step.acts if not act.waited]
        old.append(bool(known) and all(one in seen for one in known))
        seen.update(known)
    count = sum(old[-STALE_OF:])
    return f"{count} of the last {STALE_OF} steps looked at what was known" if count >= STALE else ""


def notes_only(steps: Steps) -> str:
    """Todos and echoes, and no work."""
    idle = list(takewhile(_is_idle, reversed(steps)))
    return f"{len(idle)} steps did nothing but take notes" if len(idle) >= IDLE else ""


def same_question(steps: Steps) -> str:
    asked = Counter(str(act.arguments.get("question")) for act in _acts(steps) if act.name == "ask")
    return next((f"the same question was asked {n} times" for n in asked.values() if n >= SAME_CALL), "")


def rewrites(steps: Steps) -> str:
    """A file written whole again and again, without a look at what it does."""
    acts = list(takewhile(lambda act: act.name == "write", reversed(list(_acts(steps)))))
    paths = Counter(act.path for act in acts)
    found = next(((path, n) for path, n in paths.items() if n >= REWRITES and len(paths) == 1), None)
    return f"{found[0]} was written {found[1]} times in a row" if found else ""


def same_words(steps: Steps) -> str:
    """The same long speech."""
    texts = Counter(step.text for step in _since_change(steps) if len(step.text) >= LONG_WORDS)
    return next((f"it said the same {n} times" for n in texts.values() if n >= SAME_WORDS), "")


def no_change(steps: Steps) -> str:
    """Many steps, no file changed, and much of it for the second time."""
    quiet = _since_change(steps)
    acts = [act for act in _acts(quiet) if not act.waited]
    if len(quiet) < QUIET_STEPS or not acts:
        return ""
    repeated = 1 - len({act.asked for act in acts}) / len(acts)
    return f"{len(quiet)} steps changed nothing" if repeated >= REPEATED_SHARE else ""


def to_and_fro(steps: Steps) -> str:
    modes = [act for act in _acts(steps) if act.name == "switch_mode"]
    return f"the mode was switched {len(modes)} times" if len(modes) >= SWITCHES else ""


def costs_soar(steps: Steps) -> str:
    """Spend far above what was usual in this piece of work."""
    before, last = steps[:-FAST_STEPS], steps[-FAST_STEPS:]
    if len(before) < USUAL_STEPS:
        return ""
    usual = median(step.micro_dollars for step in before)
    if all(step.micro_dollars >= max(FAST * usual, FAST_DOLLARS) for step in last):
        return f"the last {FAST_STEPS} steps cost more than {FAST} times what was usual"
    return ""


SIGNS: tuple[Sign, ...] = (
    same_call,
    same_task,
    cycle,
    same_error,
    all_fails,
    finds_nothing,
    stale,
    notes_only,
    same_question,
    rewrites,
    same_words,
    no_change,
    to_and_fro,
    costs_soar,
)


def babbles(text: str) -> bool:
    """Whether the end of a stream says one piece over and over: BABBLE characters of a period of a fifth of them at
    most. Lines of dashes and the like are drawn, not said."""
    tail = text[-BABBLE:]
    if len(tail) < BABBLE or not any(character.isalnum() for character in tail):
        return False
    end = tail[-60:]
    before = tail.rfind(end, 0, len(tail) - 1)
    period = len(tail) - len(end) - before
    if before == -1 or period > len(tail) // 5:
        return False
    return all(tail[i] == tail[i + period] for i in range(len(tail) - period))


def _acts(steps: Iterable[Step]) -> Iterator[Act]:
    return (act for step in steps for act in step.acts if act.answer)


def _since_change(steps: Steps) -> Steps:
    """From the last step on that changed a file."""
    last = next((i for i in reversed(range(len(steps))) if steps[i].changed), 0)
    return steps[last:]


def _is_idle(step: Step) -> bool:
    return bool(step.acts) and all(
        act.name in NOTES or (act.name == "shell" and bool(IDLE_COMMAND.match(act.command)))
        for act in step.acts
    )

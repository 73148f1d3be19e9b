"""The bill: what the same work costs with kcode and with others, in dollars: `python -m benchmarks bill`.

Real kcode sessions against the scripted provider, on both wires; what arrived there is counted by the ruler of the
field's measurement (`bill_count.py`), and priced by three sheets. Beside it the field: what was measured, and what
this script says of each of them when its own prefix and its own cuts are put in kcode's place. That the two agree is
what makes kcode's figure comparable.
"""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path

from benchmarks.bill_count import SHEETS, Bill, Encode, billed, counted, said
from benchmarks.bill_modes import measured
from benchmarks.bill_tasks import LARGE, LONG, RIVALS, TASKS, Job, Rival
from benchmarks.first_request import encoder
from kcode.messages import ToolResult
from kcode.scripted import Received, Usage
from kcode.scripted.invoice import exact
from tests.playing import WIRES, Play, WireName, playing, scenario

SHEETS_OF: dict[WireName, tuple[str, ...]] = {"anthropic": ("sonnet",), "openai": ("gpt", "open")}
SMALLEST = 1024
"""Tokens from which on something is cached."""
GIT = ("-c", "user.name=bill", "-c", "user.email=bill@localhost")


async def played(job: Job, wire: WireName) -> list[Received]:
    """The requests of a real session that does the job, in a repository of its own."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "plant"
        root.mkdir()
        job.files(root)
        for command in (["init", "-q"], ["add", "-A"], [*GIT, "commit", "-qm", "As it was"]):
            subprocess.run(["git", *command], cwd=root, check=True)
        with playing(scenario(*job.steps), root, wire) as play:
            await play.session.prompt(job.prompt)
            assert play.provider.mismatches == [], play.provider.mismatches
            assert play.billed == play.provider.total, "the ledger is not the invoice"
            assert len(failed(play)) == job.failures, failed(play)
            return play.provider.requests


def failed(play: Play) -> list[str]:
    """A call that goes wrong is short, and would make the bill look better than it is."""
    return [message.text for message in play.messages if isinstance(message, ToolResult) and not message.ok]


def bill_of(job: Job, received: Sequence[Received], sheet: str, encode: Encode) -> Bill:
    return billed(received, [job.steps[request.step or 0] for request in received], sheet, encode)


def results_of(received: Sequence[Received], encode: Encode) -> list[int]:
    """Tokens by which each request but the first is longer than the one before, its reply included."""
    sizes = [sum(counted(block, encode).tokens for block in request.prefix_blocks) for request in received]
    return [later - earlier for earlier, later in pairwise(sizes)]


def as_rival(rival: Rival, job: Job, growth: Sequence[int], encode: Encode) -> float:
    """Dollars at the Sonnet-class prices of the same steps behind this rival's prefix and cuts, all marks right."""
    grown = list(growth)
    for step, text, shown in zip(LARGE, job.large_results(), rival.shown, strict=False):
        grown[step - 1] = len(encode(said(job.steps[step - 1]))) + len(encode(text[:shown]))
    sizes = list(accumulate(grown, initial=rival.prefix + len(encode(job.prompt))))
    written = 0
    usages = []
    for size, reply in zip(sizes, job.steps, strict=True):
        new, output = size - written, len(encode(said(reply)))
        is_cached = size >= SMALLEST
        usages.append(
            Usage(
                cached=written, stored=new if is_cached else 0, fresh=0 if is_cached else new, output=output
            )
        )
        written = size if is_cached else 0
    return float(sum(exact(usage, SHEETS["sonnet"]) for usage in usages) / 1_000_000)


def main() -> int:
    encode = encoder()
    failures = 0
    with tempfile.TemporaryDirectory() as home:
        os.environ["KCODE_HOME"] = home
        for number, job in enumerate(TASKS):
            received = {wire: asyncio.run(played(job, wire)) for wire in WIRES}
            print(f"\n{job.title}: {len(job.steps)} requests")
            print(
                f"{'kcode':16}{'first':>7}{'last':>8}{'fresh':>8}{'read':>9}{'stored':>8}{'out':>6}{'$':>9}"
            )
            for wire, sheets in SHEETS_OF.items():
                for sheet in sheets:
                    bill = bill_of(job, received[wire], sheet, encode)
                    usage = bill.usage
                    print(
                        f"{f'{wire}, {sheet}':16}{bill.first:7,}{bill.last:8,}{usage.fresh:8,}{usage.cached:9,}"
                        f"{usage.stored:8,}{usage.output:6,}{bill.dollars:9.4f}",
                        flush=True,
                    )
            own = bill_of(job, received["anthropic"], "sonnet", encode).dollars
            growth = results_of(received["anthropic"], encode)
            print(f"\n{'sonnet sheet, $':16}{'measured':>10}{'this script':>13}{'kcode is':>12}")
            for rival in sorted(RIVALS, key=lambda rival: rival.measured[number]):
                dearer = rival.measured[number]
                failures += own >= dearer
                print(
                    f"{rival.name:16}{dearer:10.4f}{as_rival(rival, job, growth, encode):13.4f}"
                    f"{own / dearer - 1:+12.0%}"
                )
        print(f"\n{'modes, sonnet sheet':40}{'requests':>10}{'as messages':>13}{'own prompts':>13}{'':>8}")
        for one in asyncio.run(measured(LONG.files, encode)):
            more = f"{one.neutral / one.own - 1:+.0%}"
            print(f"{one.title:40}{one.requests:10}{one.neutral:13.4f}{one.own:13.4f}{more:>8}")
            failures += one.neutral >= one.own
    print("\nkcode is below all of them on both." if not failures else "\nkcode is NOT below all of them.")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The loop: ask the model, perform its calls, until it has nothing more to do."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable

from kcode.agent import pause, room, too_dear
from kcode.agent.keepalive import kept_warm
from kcode.agent.rewind import kept
from kcode.agent.task import CUT_OFF, Task
from kcode.errors import (
    KcodeError,
    NeedsApproval,
    OverBudget,
    ProviderError,
    Runaway,
    TimeLimit,
    ToolError,
    TurnLimit,
    WindowFull,
)
from kcode.events import (
    Event,
    MessageAdded,
    Outcome,
    Retrying,
    TaskEnded,
    TextArrived,
    ToolStarted,
)
from kcode.keys import without_keys
from kcode.messages import Reply, ToolCall, ToolResult
from kcode.spend import cancelled
from kcode.spend.receipt import Receipt
from kcode.tools.tool import Output, Tool

log = logging.getLogger(__name__)

NOT_FINISHED = "Not finished: the work was stopped here. What it had done by then stays done."
NOT_APPROVED = (
    "Not run: it needs the user's approval, and nobody was there. If it is still needed, call it again."
)
BABBLES = "The model says the same over and over in one reply, which was cut off."
CUTS_IN_A_ROW = 3
REFUSED = (
    "The provider refused to answer (content filter). Say it in other words, or take another model with -m."
)


async def run(task: Task, ready: Callable[[], Awaitable[object]] | None = None) -> str:
    """Work on the task until the model says its last words, and return them. `ready` is waited for before it begins.

    Raises KcodeError when it cannot go on. Whatever happens, TaskEnded is told and every call has its result.
    """
    outcome: Outcome = "failed"
    words = "kcode broke: this is a bug."
    task.receipt, task.stopped_by, jobs = Receipt(), None, task.workspace.jobs
    jobs.stopped = 0
    try:
        if ready:
            await ready()
        turns = cuts = 0
        while True:
            await task.hear_the_user()
            if turns == task.turns:
                raise TurnLimit(
                    f"Stopped after {turns} steps, the limit. Go on with `kcode -c`, or raise --max-turns."
                )
            turns += 1
            try:
                reply = await ask(task)
            except Runaway as error:
                await pause.runaway(task, str(error))
                continue
            except OverBudget as error:
                await too_dear.ask(task, error)
                turns -= 1
                continue
            cuts = cuts + 1 if reply.stop == "length" else 0
            if cuts == CUTS_IN_A_ROW:
                raise KcodeError(
                    f"{cuts} replies in a row were cut off. Raise --max-tokens (now {task.output_tokens:,})."
                )
            if reply.calls:
                async with kept_warm(task, reply):
                    await perform(task, reply)
                if task.guards and (trouble := task.guard.trouble()):
                    await pause.runaway(task, trouble)
            elif reply.stop == "refused":
                raise ProviderError("refused", REFUSED)
            if has_ended(task, reply) and not (task.inbox or task.afterwards):
                heed_cancel()
                outcome, words = "done", reply.text
                return words
    except asyncio.CancelledError:
        outcome, words = "cancelled", cancelled.words(task.receipt, jobs.stopped)
        raise
    except KcodeError as error:
        outcome, words = outcome_of(error), str(error)
        raise
    finally:
        task.tell(TaskEnded(task=task.id, outcome=outcome, text=words, stopped=jobs.stopped))


async def ask(task: Task) -> Reply:
    """One reply, shown as it arrives. A conversation that is too long for the model is made shorter, once."""
    await room.keep_short(task)
    try:
        reply = await listen(task)
    except WindowFull:
        await room.make_room(task)
        reply = await listen(task)
    task.tell(MessageAdded(task=task.id, message=reply))
    return reply


async def listen(task: Task) -> Reply:
    """What was heard before a cancel is kept."""
    heard: list[str] = []

    def hear(event: Event) -> None:
        match event:
            case TextArrived():
                heard.append(event.text)
            case Retrying():
                heard.clear()
            case _:
                pass
        task.tell(event)
        if task.guards and task.guard.babbles():
            raise Runaway(BABBLES)

    try:
        return await task.client.ask(task.request(), hear)
    except (asyncio.CancelledError, Runaway):
        if heard:
            reply = Reply(text="".join(heard), model=task.conversation.model, stop="cancelled")
            task.tell(MessageAdded(task=task.id, message=reply))
        raise


async def perform(task: Task, reply: Reply) -> None:
    """Answer every call: readers side by side, tasks for others side by side, all else one by one. None is left
    without its result."""
    waiting = {call.id: call for call in reply.calls}
    cut = reply.calls[-1].id if reply.stop == "length" else None

    async def answer(call: ToolCall) -> None:
        try:
            output = Output(text=CUT_OFF, ok=False) if call.id == cut else await attempt(task, call)
        except NeedsApproval:
            settle(call, Output(text=NOT_APPROVED, ok=False))
            raise
        settle(call, output)

    def settle(call: ToolCall, output: Output) -> None:
        task.tell(MessageAdded(task=task.id, message=ToolResult(call_id=call.id, **dict(output))))
        del waiting[call.id]

    try:
        heed_cancel()
        for beside, batch in itertools.groupby(reply.calls, key=task.tools.beside):
            if beside:
                await together(answer(call) for call in batch)
            else:
                for call in batch:
                    await answer(call)
    finally:
        for call in tuple(waiting.values()):
            settle(call, Output(text=task.unfinished(call.id), ok=False))


async def attempt(task: Task, call: ToolCall) -> Output:
    """Run one call. Whatever goes wrong becomes something that the model can read."""
    try:
        tool = task.tools.open(call)
        task.mode.check(tool)
        is_approved = await approved(task, tool, call)
        if isinstance(is_approved, Output):
            return is_approved
        task.tell(ToolStarted(task=task.id, call_id=call.id, name=call.name, title=tool.title()))
        async with kept(task, tool):
            return await task.run_tool(tool, call.id, is_approved)
    except ToolError as error:
        return Output(text=without_keys(str(error)), ok=False)
    except KcodeError:
        raise
    except Exception as error:
        log.exception("tool %s broke", call.name)
        return Output(text=f"{call.name} broke inside kcode: {error!r}", ok=False)


async def approved(task: Task, tool: Tool, call: ToolCall) -> bool | Output:
    """When the call may run, whether the user has said so; else what was done in place of it, since nobody was there
    to be asked."""
    try:
        return await task.approvals.check(tool, call.id, task.id, task.workspace, task.tell)
    except NeedsApproval:
        instead = await tool.put_off(task.workspace)
        if instead is None:
            raise
        return instead


def has_ended(task: Task, reply: Reply) -> bool:
    """Whether these were the model's last words."""
    return task.conversation.is_at_rest if reply.calls else reply.stop != "length"


def heed_cancel() -> None:
    """A library below may swallow a cancel, as while it closes a connection: the user's word holds all the same."""
    current = asyncio.current_task()
    if current is not None and current.cancelling():
        raise asyncio.CancelledError


async def together(work: Iterable[Coroutine[None, None, None]]) -> None:
    """Side by side; the first failure ends the others and is raised as itself. No TaskGroup: up to Python 3.12 it
    leaves its own cancel on the task that waits, which then looks like the user's."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error


def outcome_of(error: KcodeError) -> Outcome:
    match error:
        case OverBudget():
            return "over_budget"
        case TurnLimit():
            return "turn_limit"
        case Runaway():
            return "runaway"
        case TimeLimit():
            return "time_limit"
        case NeedsApproval():
            return "needs_approval"
        case _:
            return "failed"

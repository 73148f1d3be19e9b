"""Room in the context: old results dropped, or the conversation replaced by a summary, when that pays or must be.

What stands in the context pays rent with every step. Each way is reversible: the conversation keeps what was replaced.
"""

import asyncio
from collections.abc import Iterator
from hashlib import blake2s
from pathlib import Path

from kcode.agent import pause
from kcode.agent.task import Task
from kcode.errors import ToolError, WindowFull
from kcode.events import Condensed, Listener, Noticed, ResultsDropped, Retrying, Spent
from kcode.llm.request import Request
from kcode.llm.size import BYTES_PER_TOKEN, estimated_tokens
from kcode.memory import summary
from kcode.messages import Message, Reply, ToolResult
from kcode.paths import private_dir
from kcode.spend.economics import LEAST, WORTHWHILE, Shortening, condensing, dropping, pays
from kcode.spend.prices import PriceRow

WRITTEN = 900
"""Tokens of a usual summary."""
LONG_RESULT = 2_000
"""Characters from which on a result is worth dropping."""
FRESH_STEPS = 2
"""Steps, the newest ones, whose results stay."""
DROPPED = "[Dropped to save context: "
FIRST_LINE = 80


async def keep_short(task: Task) -> None:
    """Before a request: shorten the conversation, when by this session's own figures that pays for itself."""
    facts = task.client.catalog.model(task.conversation.model)
    is_short = any(task.conversation.contexts) and max(task.conversation.contexts) < LEAST // 2
    if is_short or task.client.settings.context.shorten != "auto" or facts.price is None:
        return
    request = task.request()
    context = task.client.estimate(request)
    rates = facts.price.rates(context)
    if context < LEAST or not rates.cached:
        return  # what costs nothing, as on the user's own machine, may be as long as its window
    old = tuple(droppable(request.messages))
    is_cold, contexts = task.client.is_cold(request), task.conversation.contexts
    if old and pays(_without(request, context, old, facts.price, is_cold), contexts, rates):
        await drop(task, old)
    elif not is_cold and pays(_condensed(request, context, facts.price), contexts, rates):
        await condense(task)


async def make_room(task: Task) -> None:
    """The window is full: drop what is old when that is much, else condense. Asks when neither is of use."""
    request = task.request()
    before = task.client.estimate(request)
    old = tuple(droppable(request.messages))
    if sum(map(_tokens, old)) >= 2 * WORTHWHILE * before:
        await drop(task, old)
        return
    await condense(task, is_full=True)
    after = task.client.estimate(task.request())
    if after > (1 - WORTHWHILE) * before:
        await _in_vain(task, before, after)


async def condense(task: Task, is_full: bool = False) -> None:
    """Replace the conversation by a summary. `is_full`: it does not fit into a request."""
    said = task.conversation
    request = task.request()
    written = await _written(task, request, is_full)
    text = summary.assembled(written, said.messages, said.todos, task.standing())
    kept = summary.kept(said.messages)
    before, after = (task.client.estimate(r) for r in (request, summary.shortened(request, text, kept)))
    task.tell(Condensed(task=task.id, summary=text, kept=kept, before=before, after=after))
    task.workspace.told.clear()


async def drop(task: Task, results: tuple[ToolResult, ...]) -> None:
    """Put in each result's place where it can be read; the texts go to files of the session."""
    before = task.client.estimate(task.request())
    texts = await asyncio.to_thread(_saved, results, task.workspace.overflow)
    less = sum(map(_tokens, results)) - sum(len(text) // BYTES_PER_TOKEN for text in texts.values())
    task.tell(ResultsDropped(task=task.id, texts=texts, before=before, after=max(before - less, 0)))
    task.workspace.told.clear()


def droppable(messages: tuple[Message, ...]) -> Iterator[ToolResult]:
    """Long results that are not of the newest steps."""
    replies = [at for at, message in enumerate(messages) if isinstance(message, Reply)]
    end = replies[-FRESH_STEPS] if len(replies) >= FRESH_STEPS else 0
    for message in messages[:end]:
        if isinstance(message, ToolResult) and _is_long(message):
            yield message


def _is_long(result: ToolResult) -> bool:
    return not result.text.startswith(DROPPED) and (len(result.text) >= LONG_RESULT or bool(result.images))


async def _written(task: Task, request: Request, is_full: bool) -> str:
    """The summary: by the conversation itself while the provider has it in its cache, else from a transcript."""
    hear = _only_money(task)
    if not is_full and not task.client.is_cold(request):
        reply = await task.client.ask(summary.in_place(request), hear)
        if reply.text.strip() and not reply.calls:
            return reply.text
    reply = await task.client.ask(summary.request(request, request.messages), hear)
    return reply.text


async def _in_vain(task: Task, before: int, after: int) -> None:
    """Never again and again without gain: the user says whether to go on. Where nobody answers, it goes on until the
    window is full for good."""
    words = f"Condensing has not helped: {before:,} → {after:,} tokens."
    if not task.approvals.someone_answers:
        task.tell(Noticed(task=task.id, text=words))
        return
    error = WindowFull(f"{words} Begin a new session, or take a model with a larger window (-m).")
    question = f"{words} Go on all the same? What fills the window is in the newest step."
    await pause.ask(task, question, {pause.GO_ON: lambda: None}, error, lambda _: None)


def _without(
    request: Request, context: int, old: tuple[ToolResult, ...], price: PriceRow, is_cold: bool
) -> Shortening:
    first = request.messages.index(old[0])
    behind = sum(len(message.text) for message in request.messages[first:]) // BYTES_PER_TOKEN
    return dropping(context, sum(map(_tokens, old)), behind, price.rates(context), is_cold=is_cold)


def _condensed(request: Request, context: int, price: PriceRow) -> Shortening:
    keep = summary.kept(request.messages)
    stays = request.model_copy(update={"messages": request.messages[len(request.messages) - keep :]})
    return condensing(context, estimated_tokens(stays), price.rates(context), written=WRITTEN)


def _tokens(result: ToolResult) -> int:
    return len(result.text) // BYTES_PER_TOKEN


def _saved(results: tuple[ToolResult, ...], folder: Path) -> dict[str, str]:
    texts = {}
    for result in results:
        name = f"result-{blake2s(result.call_id.encode(), digest_size=6).hexdigest()}.txt"
        file = private_dir(folder) / name
        try:
            file.write_text(result.text, encoding="utf-8", errors="replace")
        except OSError as error:
            raise ToolError(f"{file} cannot be written: {error.strerror}.") from None
        first = result.text.strip().partition("\n")[0][:FIRST_LINE]
        texts[result.call_id] = f"{DROPPED}{len(result.text):,} characters, whole in {file}]\n{first} …"
    return texts


def _only_money(task: Task) -> Listener:
    """What an auxiliary request says is not the conversation's; what it costs is."""
    return lambda event: task.tell(event) if isinstance(event, Spent | Retrying) else None

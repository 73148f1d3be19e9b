"""A pause: work that is too dear or goes in circles stands still until the user says what shall become of it."""

from collections.abc import Callable, Mapping

from kcode.agent.task import Task
from kcode.errors import BadInput, KcodeError, Runaway, ToolError
from kcode.messages import Prompt

STOP = "Stop"
GO_ON = "Go on"
Way = Callable[[], object]


async def ask(
    task: Task, text: str, ways: Mapping[str, Way], error: KcodeError, other: Callable[[str], object]
) -> None:
    """Ask in kcode's own name, and go the way that the user takes; `other` is for an answer in words of their own.

    Raises `error` where nobody answers, and when the answer is STOP, which is always offered.
    """
    if not task.approvals.someone_answers:
        raise error
    try:
        answer = await task.approvals.question(text, (*ways, STOP), task.id, task.tell, by="kcode")
    except ToolError:  # who was asked has gone
        raise error from None
    if answer == STOP or not answer.strip():
        raise error
    if answer in ways:
        ways[answer]()
    else:
        other(answer)


async def runaway(task: Task, words: str) -> None:
    """It goes in circles: stop, a hint in words, another model, or go on. Runaway where nobody answers."""
    ways: dict[str, Way] = {GO_ON: task.guard.forget}
    for model in another_models(task)[:1]:
        ways[f"Another model: {model}"] = lambda model=model: _take(task, model)  # type: ignore[misc]

    def hint(text: str) -> None:
        task.inbox.append(Prompt(text=text))

    text = f"{words} Go on, stop, or say what it should do instead."
    error = Runaway(f"{words} Stopped. Go on with a hint: `kcode -c`, then say what it should do instead.")
    await ask(task, text, ways, error, hint)
    task.guard.forget()


def another_models(task: Task) -> list[str]:
    """The mode's fallbacks, and what other modes talk to."""
    settings = task.models.settings
    chain = (*settings.fallback.get(task.conversation.mode, ()), *settings.fallback.get("default", ()))
    named = (*chain, *settings.models.values(), *task.models.picks.values())
    return [
        model for model in dict.fromkeys(named) if model != task.conversation.model and _is_known(task, model)
    ]


def _take(task: Task, model: str) -> None:
    said = task.conversation
    task.switch(said.mode, model, said.effort)


def _is_known(task: Task, model: str) -> bool:
    try:
        task.client.catalog.model(model)
    except BadInput:
        return False
    return True

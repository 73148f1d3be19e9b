"""Handing a conversation over to another mode: what each way costs, the user's choice, and what happens then."""

from datetime import UTC, datetime

from kcode.agent.permissions import Permissions
from kcode.agent.task import Task
from kcode.errors import BadInput, ToolError
from kcode.events import MAIN, Condensed, ModeChanged
from kcode.files.disk import opened
from kcode.files.text import decode
from kcode.keys import without_keys
from kcode.llm.request import Request
from kcode.messages import Prompt, Usage
from kcode.modes.choice import Choice, Models
from kcode.modes.mode import Mode
from kcode.spend.money import dollars, tokens
from kcode.spend.prices import cost
from kcode.tools.read import Read
from kcode.tools.tool import Workspace

LONGEST_PLAN = 60_000
"""Bytes."""
STAYS = "The user stays in this mode."
NOT_ALONE = "Nobody is there to agree: finish in this mode, and say at the end which mode should go on."


async def switch(task: Task, models: Models, name: str, reason: str, plan: str) -> str:
    """Ask the user, with the price of each way, and do it when this step is over. ToolError when it stays."""
    if task.id != MAIN:
        raise ToolError("Only the user's own task changes its mode: finish, and say what is left.")
    mode = _mode(task, name)
    try:
        choice = models.for_mode(mode.name)
        brief = _brief(plan, task.workspace, task.approvals.permissions) if plan else ""
        ways = _ways(task, mode, choice, brief, plan)
    except BadInput as error:
        raise ToolError(f"{mode.title} mode cannot take over: {error}") from None
    way = await _chosen(task, mode, choice, reason, ways)
    if way == "stay":
        raise ToolError(STAYS)
    task.afterwards.append(
        ModeChanged(task=task.id, mode=mode.name, model=choice.model, effort=choice.effort)
    )
    if way == "plan":
        task.afterwards.append(_only(task, mode, brief))
    return f"From your next step on you are in {mode.title} mode."


def _mode(task: Task, name: str) -> Mode:
    try:
        mode = task.mode_named(name)
    except BadInput as error:
        raise ToolError(str(error)) from None
    if mode.name == task.conversation.mode:
        raise ToolError(f"You are in {mode.title} mode already.")
    return mode


def _brief(plan: str, workspace: Workspace, permissions: Permissions) -> str:
    path = workspace.path(plan)
    if permissions.decide(Read(path=plan), workspace).verdict != "allow":
        raise ToolError(f"{plan} may not be handed over: it is protected, or outside of the workspace.")
    try:
        with opened(path) as file:
            data = file.read(LONGEST_PLAN + 1)
    except OSError as error:
        raise ToolError(f"{plan}: {error.strerror}.") from None
    text = decode(data)
    if text is None or len(data) > LONGEST_PLAN:
        raise ToolError(f"{plan} is no plan: it is binary, or longer than {LONGEST_PLAN:,} bytes.")
    return f"The plan to carry out ({plan}):\n\n{without_keys(text.content.strip())}"


def _ways(task: Task, mode: Mode, choice: Choice, brief: str, plan: str) -> dict[str, str]:
    """Way -> how it is offered."""
    whole = task.request()
    same = choice.model == task.conversation.model
    keeps = "the cache holds" if same else "cold"
    ways = {f"All that was said ({_price(task, whole, choice.model, warm=same)}, {keeps})": "whole"}
    if brief:
        short = whole.model_copy(update={"messages": (Prompt(text=brief),)})
        ways[f"Only {plan} ({_price(task, short, choice.model, warm=False)})"] = "plan"
    return ways | {f"Stay in {task.mode.title}": "stay"}


def _price(task: Task, request: Request, model: str, *, warm: bool) -> str:
    """`42k tokens ≈ $0.21`: the input of the next request."""
    facts = task.client.catalog.model(model)
    count = task.client.estimate(request)
    if warm and facts.cache != "none":
        usage = Usage(cached=count)
    else:
        usage = Usage(stored=count) if facts.cache == "explicit" else Usage(fresh=count)
    price = cost(facts.price, usage, datetime.now(UTC)) if facts.price else None
    return f"{tokens(count)} tokens ≈ {'?' if price is None else dollars(price)}"


async def _chosen(task: Task, mode: Mode, choice: Choice, reason: str, ways: dict[str, str]) -> str:
    """One of the ways. Where nobody answers, all that was said goes over when edits are free anyway."""
    permissions = task.approvals.permissions
    if permissions.yolo or permissions.mode == "auto":
        return "whole"
    if not task.approvals.someone_answers:
        raise ToolError(NOT_ALONE)
    because = f" ({reason})" if reason else ""
    question = f"Go on in {mode.title} mode with {choice.model}?{because}"
    answer = await task.approvals.question(question, tuple(ways), task.id, task.tell, by="kcode")
    if answer in ways:
        return ways[answer]
    raise ToolError(f"{STAYS} They say: {answer}" if answer.strip() else STAYS)


def _only(task: Task, mode: Mode, brief: str) -> Condensed:
    """The plan in place of the conversation."""
    whole = task.request()
    text = f"<summary>\n{brief}\n\n{task.standing(mode)}\n</summary>"
    short = whole.model_copy(update={"messages": (Prompt(text=text),)})
    before, after = (task.client.estimate(request) for request in (whole, short))
    return Condensed(task=task.id, summary=text, kept=0, before=before, after=after)

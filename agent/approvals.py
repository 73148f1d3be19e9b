"""The user's word: on a call that the permissions want asked, and on the model's questions.

Asking is an event with an id; a front end answers by that id. Where nobody can answer, the task ends instead.
"""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from kcode.agent.permissions import Decision, Permissions
from kcode.errors import NeedsApproval, ToolError
from kcode.events import Answered, ApprovalAsked, CommandPart, Listener, QuestionAsked
from kcode.files.diff import hunks_of
from kcode.tools.files.saving import FileChange
from kcode.tools.tool import Tool, Workspace

NOBODY = "Nobody is there to answer. Decide yourself, and say at the end what you assumed."
DECLINED = "The user declined this call."
CHANGED = "the file changed after the preview was shown"


class Gone(Exception):
    """Who was asked is not there any more."""


@dataclass(slots=True)
class Approvals:
    permissions: Permissions
    someone_answers: bool
    """Whether a front end shows questions to a person; if not, a question that policy leaves open ends the task."""
    _pending: dict[str, asyncio.Future[Answered]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def check(self, tool: Tool, call_id: str, task: str, workspace: Workspace, tell: Listener) -> bool:
        """Returns when the call may run: whether the user has said so. ToolError, for the model, when it may not;
        NeedsApproval when nobody can be asked. What was approved is exactly what was shown: a file that changed
        meanwhile is shown again, and what was denied meanwhile is denied."""
        decision = self.permissions.decide(tool, workspace)
        if decision.verdict == "deny":
            raise ToolError(decision.reason)
        reason = decision.reason
        while decision.verdict == "ask":
            preview, place = await tool.preview(workspace), workspace.judged.get(tool.target())
            if not self.someone_answers:
                raise NeedsApproval(needed(tool, reason))
            asked = self._asked(tool, call_id, task, workspace, preview, reason)
            try:
                answer = await self._answer(asked, tell)
            except Gone:
                raise NeedsApproval(needed(tool, reason)) from None
            if answer.answer not in ("once", "always", "like"):
                raise ToolError(DECLINED + (f" They say: {answer.words}" if answer.words else ""))
            decision = self._again(tool, workspace)
            is_as_shown = workspace.judged.get(tool.target()) == place
            if is_as_shown and await tool.preview(workspace) == preview:
                self._heed(tool, answer, workspace)
                return True
            reason = CHANGED
        return False

    def _again(self, tool: Tool, workspace: Workspace) -> Decision:
        """The decision as things stand after the answer: the mode may have changed meanwhile. ToolError on a deny."""
        decision = self.permissions.decide(tool, workspace)
        if decision.verdict == "deny":
            raise ToolError(decision.reason)
        return Decision("ask", decision.reason)

    def _asked(
        self, tool: Tool, call_id: str, task: str, workspace: Workspace, preview: str, reason: str
    ) -> ApprovalAsked:
        is_command, hunks = tool.group == "command", hunks_of(preview)
        judged = self.permissions.explain(tool.target(), workspace, tool.name) if is_command else ()
        return ApprovalAsked(
            task=task,
            id=self._id(),
            call_id=call_id,
            name=tool.name,
            title=tool.title(),
            preview=preview,
            reason=reason,
            always=self.permissions.grantable(tool),
            like=self.permissions.likeness(tool, workspace),
            parts=tuple(
                CommandPart(text=one.part, verdict=one.decision.verdict, reason=one.decision.reason)
                for one in judged
            ),
            hunks=hunks if isinstance(tool, FileChange) and hunks > 1 else 0,
        )

    def _heed(self, tool: Tool, answer: Answered, workspace: Workspace) -> None:
        if answer.answer == "always":
            self.permissions.grant(tool)
        elif answer.answer == "like":
            self.permissions.grant_like(tool, workspace)
        if isinstance(tool, FileChange):
            tool.accept(answer.hunks)

    async def question(
        self,
        text: str,
        choices: tuple[str, ...],
        task: str,
        tell: Listener,
        by: Literal["model", "kcode"] = "model",
    ) -> str:
        """The user's answer in words. ToolError, for the model, when nobody is there."""
        if not self.someone_answers:
            raise ToolError(NOBODY)
        asked = QuestionAsked(task=task, id=self._id(), text=text, choices=choices, by=by)
        try:
            return (await self._answer(asked, tell)).answer
        except Gone:
            raise ToolError(NOBODY) from None

    def nobody_answers(self) -> None:
        """Whoever answered has gone: what is open ends as where nobody was there, and so does what comes."""
        self.someone_answers = False
        for future in self._pending.values():
            if not future.done():
                future.set_exception(Gone())

    def answer(self, id: str, answer: str, words: str = "", hunks: tuple[int, ...] | None = None) -> bool:
        """Whether something with this id was still open."""
        future = self._pending.get(id)
        if future is None or future.done():
            return False
        future.set_result(Answered(task="", id=id, answer=answer, words=words, hunks=hunks))
        return True

    async def _answer(self, asked: ApprovalAsked | QuestionAsked, tell: Listener) -> Answered:
        future: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._pending[asked.id] = future
        try:
            tell(asked)
            answer = (await future).model_copy(update={"task": asked.task})
        finally:
            del self._pending[asked.id]
        tell(answer)
        return answer

    def _id(self) -> str:
        return f"q{next(self._numbers)}"


def needed(tool: Tool, reason: str) -> str:
    """What to do about a call that nobody could approve."""
    rule = f"{tool.name}({tool.target()})" if tool.group == "command" else tool.name
    return (
        f"{tool.title()}: {reason}, and nobody is there to ask. Allow it with --allowed-tools '{rule}', "
        "allow edits with --permission-mode edits, everything with --permission-mode auto, then go on: `kcode -c`."
    )

"""The main screen: the talk, and the desk that commands work at."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget

from kcode.errors import KcodeError
from kcode.events import MAIN, BaseEvent, Event, MessageAdded, Noticed, TaskEnded, TextArrived, ToolStarted
from kcode.files.listing import files_of
from kcode.messages import Image
from kcode.processes.git import GitError, git
from kcode.settings import project_file
from kcode.spend.meter import Meter
from kcode.tui import keymap
from kcode.tui.approval.ask import Ask
from kcode.tui.bottom import Bottom
from kcode.tui.commands import choosing, commands, finding, trusting
from kcode.tui.commands.own import own_commands
from kcode.tui.desk import Command
from kcode.tui.engine.engine import Engine
from kcode.tui.engine.state import State
from kcode.tui.engine.words import Broke, Door, GivenBack, Opened, Told
from kcode.tui.input.attached import images_in
from kcode.tui.input.history import History
from kcode.tui.input.prompt import Prompt
from kcode.tui.lists.choices import Choice
from kcode.tui.middle import Middle
from kcode.tui.pages.page import Page
from kcode.tui.status import TopBar, permitted
from kcode.tui.tasks.tree import TaskTree
from kcode.tui.transcript.finder import Finder
from kcode.tui.welcome import Welcome

TWICE = 1.5
"""Seconds in which a second Esc goes back."""


class Talk(Screen[None]):
    """Attributes down, messages up; what can be done from here is in `commands`."""

    class Stirred(Message):
        """Something is shown that will fade: the screen has to tick."""

    DEFAULT_CSS = """
    Talk {
        background: $background;
        overflow: hidden;
        & Middle { display: none; }
        &.-short Ask { & .preview { max-height: 5; margin-top: 0; } & .keys { margin-top: 0; } }
        &.-short Prompt { max-height: 6; }
        & Window { scrollbar-size-vertical: 1; }
        &.-talking Middle { display: block; }
        &.-talking Welcome { display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings(of_app=False)]
    AUTO_FOCUS = "Prompt"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012  it is an instance variable of Screen

    def __init__(self, door: Door, engine: Engine, history: History) -> None:
        super().__init__()
        self.door = door
        self.engine = engine
        self.history = history
        self.state = State()
        self.keymap = keymap.Keymap()
        self.top = TopBar()
        self.middle = Middle(door.root)
        self.transcript = self.middle.transcript
        self.bottom = Bottom(history, self._listed)
        self._own: list[Command] = []
        self.bottom.completions.commands = self.commands
        self._rested = 0.0
        """When Esc was pressed last while nothing ran."""
        self._is_first = True
        self._unsaid: list[tuple[str, tuple[Image, ...]]] = []
        """Said before the session was open."""

    def compose(self) -> ComposeResult:
        yield self.top
        yield Welcome()
        yield self.middle
        yield self.bottom

    def on_mount(self) -> None:
        self.top.show(root=self.door.root)

    # What the engine tells

    def hear(self, told: Sequence[Told]) -> None:
        """All that happened since the last time."""
        events: list[Event] = []
        for one in told:
            self.state.hear(one)
            if isinstance(one, BaseEvent):
                events.append(one)
            else:
                self._show(events)
                events = []
                self._heed(one)
        self._show(events)
        self.bottom.ask(self.state.asked, self.state.title_of)
        self.bottom.show_state(self.state)
        self._show_tasks()
        self._show_place()
        self.bottom.tick(self.state)

    def tick(self) -> None:
        """At the pace of the screen, when nothing happened."""
        self.bottom.tick(self.state)

    def _show(self, events: Sequence[Event], times: Sequence[float] = ()) -> None:
        """`times`: when they happened, if it was not just now."""
        if not events:
            return
        self.middle.tell(events, times)
        if any(isinstance(event, MessageAdded | TextArrived | ToolStarted | Noticed) for event in events):
            self.add_class("-talking")
        if any(isinstance(event, TaskEnded) and event.task == MAIN for event in events):
            self.work(self._look_at_branch())

    def _heed(self, word: Told) -> None:
        match word:
            case Opened():
                self._open(word)
            case GivenBack():
                self.write("\n\n".join(part for part in (word.text, self.draft()) if part))
            case Broke():
                self.notice(word.text, is_bad=True)
            case _:
                pass

    def _open(self, opened: Opened) -> None:
        self.take_keys(opened.settings.keys)
        self.bottom.prompt.root = opened.root
        self.middle.forget()
        self.remove_class("-talking")
        self._show(opened.past, opened.times)
        is_asked = self.door.asks_trust and trusting.is_to_be_asked(opened.root)
        if is_asked:
            trusting.ask(self)
        brought = str(project_file(opened.root))  # the card says what the notice would say
        notices = [text for text in opened.notices if not (is_asked and text.startswith(brought))]
        self._own, complaints = own_commands(opened.root, is_safe_mode=not self.door.asks_trust)
        self.bottom.completions.commands = self.commands
        notices += [*self.keymap.troubles, *complaints]
        self._show([Noticed(task=MAIN, text=notice) for notice in notices])
        self.work(self._look_at_branch())
        if self._is_first and self.door.prompt:
            self.engine.say(self.door.prompt, self.door.images)
        self._is_first = False
        unsaid, self._unsaid = self._unsaid, []
        for text, images in unsaid:
            self._say(text, images)

    def take_keys(self, said: Mapping[str, str]) -> None:
        self.keymap = self.bottom.keymap = keymap.Keymap(said)
        self.app.set_keymap(self.keymap.by_name())

    def _show_tasks(self) -> None:
        self.middle.show(self.state.tasks, self.has_class("-wide"))
        addressee = self.middle.addressee
        self.bottom.addressee = "" if addressee == MAIN else f"to task {addressee}"

    @on(Middle.Turned)
    def _turned(self) -> None:
        self._show_tasks()
        self.bottom.show_state(self.state)
        self.bottom.prompt.focus()

    @on(TaskTree.Cancelled)
    def _cancelled(self, event: TaskTree.Cancelled) -> None:
        if event.task == MAIN:
            self.action_stop()
        else:
            self.engine.cancel(event.task)

    def _show_place(self) -> None:
        state, chosen = self.state, self.state.chosen
        allowed = permitted(state.permissions, state.sandbox)
        self.top.show(root=self.root, name=state.name, permissions=allowed)
        if chosen is not None:
            self.top.show(mode=chosen.mode, model=chosen.model, effort=chosen.effort)

    async def _look_at_branch(self) -> None:
        try:
            branch = await asyncio.wrap_future(self.engine.run(git(self.root, "branch", "--show-current")))
        except GitError:
            branch = ""
        self.top.show(branch=branch.strip())

    # What the user says

    @on(Prompt.Said)
    def _said(self, event: Prompt.Said) -> None:
        self._say(event.text, event.images)

    @on(Prompt.Refused)
    def _refused(self, event: Prompt.Refused) -> None:
        self.notice(event.why, is_bad=True)

    @on(Bottom.Commanded)
    def _commanded(self, event: Bottom.Commanded) -> None:
        self._say(event.text)

    def _say(self, text: str, images: tuple[Image, ...] = ()) -> None:
        command = commands.parted(text)
        if command is not None:
            self.do(*command)
        elif text.startswith("#") and text[1:].strip() and "\n" not in text:
            self.do("remember", text[1:].strip())
        elif self.state.opened is None:
            self._unsaid.append((text, images))
        elif text.startswith("!") and text[1:].strip():
            self.engine.command(text[1:].strip())
        elif "@" in text:
            self.work(self._say_with_images(text, images))
        else:
            self.engine.say(text, images, self.middle.addressee)

    async def _say_with_images(self, text: str, pasted: tuple[Image, ...]) -> None:
        try:
            images = await asyncio.to_thread(images_in, text, self.root)
        except KcodeError:
            self.write(text)
            raise
        self.engine.say(text, (*pasted, *images), self.middle.addressee)

    @on(Prompt.TakenBack)
    def _take_back(self) -> None:
        self.engine.take_back()

    @on(Prompt.Paged)
    def _page(self, event: Prompt.Paged) -> None:
        self.transcript.page(event.step)

    @on(Prompt.Pressed)
    async def _pressed(self, event: Prompt.Pressed) -> None:
        await self.run_action(next(key.action for key in keymap.KEYS if key.name == event.name))

    @on(Ask.Answered)
    def _answered(self, event: Ask.Answered) -> None:
        self.engine.answer(event.id, event.answer, event.words, event.hunks)

    @on(Finder.Sought)
    def _seek(self, event: Finder.Sought) -> None:
        event.finder.found(self.transcript.search(event.text))

    @on(Finder.Further)
    def _seek_on(self) -> None:
        self.transcript.find_next()

    @on(Finder.Closed)
    def _found(self) -> None:
        self.transcript.search("")
        self.bottom.close()

    # Actions

    def action_command(self, name: str) -> None:
        self.do(name)

    def action_next_mode(self) -> None:
        self._guarded(lambda: choosing.next_mode(self))

    def action_tasks(self) -> None:
        self.add_class("-talking")
        self.middle.turn_tree()

    def action_stop(self) -> None:
        if self.bottom.let_go():
            self.notice("Stopped: the draft stays as it is.")
        elif self.middle.looks_into:
            self.middle.look_into(MAIN)
        elif self.state.is_working:
            self.state.is_stopping = True
            self.engine.cancel()
            self.tick()
        elif time.monotonic() - self._rested < TWICE and not self.draft():
            self._rested = 0.0
            self.do("rewind")
        elif self.state.has_talked and not self.draft():
            self._rested = time.monotonic()
            self.notice("Esc again goes back to one of your messages.")

    def action_palette(self) -> None:
        finding.show_palette(self)

    def action_recall(self) -> None:
        finding.recall(self, self.history.entries)

    def action_unfold(self) -> None:
        self.transcript.toggle_expanded()

    def action_search_on(self) -> None:
        self.transcript.find_next()

    def action_point(self, step: int) -> None:
        self.transcript.point(step)

    def action_open_block(self) -> None:
        self.transcript.open_block()

    def action_home(self) -> None:
        self.transcript.home()

    def action_end(self) -> None:
        self.transcript.end()

    def do(self, name: str, argument: str = "") -> None:
        """A command by name or synonym; what is wrong with it becomes a notice."""
        self._guarded(lambda: commands.named(name, self._own).does(self, argument))

    def _guarded(self, deed: Callable[[], None]) -> None:
        try:
            deed()
        except KcodeError as error:
            self.notice(str(error), is_bad=True)

    # The desk

    @property
    def meter(self) -> Meter:
        return self.state.meter

    @property
    def commands(self) -> Sequence[Command]:
        return (*commands.COMMANDS, *self._own)

    @property
    def root(self) -> Path:
        return self.state.opened.root if self.state.opened else self.door.root

    def notice(self, text: str, *, is_bad: bool = False) -> None:
        if is_bad:
            self._show([Noticed(task=MAIN, text=text)])
        else:
            self.bottom.say(text)
            self.tick()
            self.post_message(self.Stirred())

    def pick(
        self, title: str, rows: Sequence[Choice], then: Callable[[Choice], None], keys: str = ""
    ) -> None:
        self.bottom.pick(title, rows, lambda row: self._guarded(lambda: then(row)), keys)

    def ask(self, title: str, text: str, about: str, then: Callable[[str], None]) -> None:
        self.bottom.ask_for(title, text, about, lambda given: self._guarded(lambda: then(given)))

    def say(self, text: str) -> None:
        self.engine.say(text)

    def search(self) -> None:
        self.bottom.open(Finder())

    action_search, show_tasks = search, action_tasks

    def view(self, title: str, content: Content | Widget) -> None:
        self.app.push_screen(Page(title, content))

    def work(self, work: Coroutine[Any, Any, None]) -> None:
        self.run_worker(self._worked(work))

    async def _worked(self, work: Awaitable[None]) -> None:
        try:
            await work
        except KcodeError as error:
            self.notice(str(error), is_bad=True)

    def answer_text(self) -> str:
        return self.transcript.copy_text()

    def plain(self) -> str:
        return self.transcript.plain()

    def write(self, text: str) -> None:
        self.bottom.write(text)

    def draft(self) -> str:
        return self.bottom.draft()

    @on(Prompt.Ended)
    def leave(self) -> None:
        self.app.exit(0)

    async def _listed(self) -> list[str]:
        return await asyncio.wrap_future(self.engine.run(files_of(self.root)))

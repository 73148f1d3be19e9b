"""The first run: no model can be asked yet. A key, a server on this machine, or a look around without either."""

import asyncio
from typing import ClassVar

from pydantic import SecretStr
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from kcode import keys
from kcode.errors import KcodeError
from kcode.llm.catalog import Catalog, model_with_key
from kcode.llm.providers import PROVIDERS
from kcode.llm.servers import ask_servers
from kcode.settings import Settings
from kcode.tui.engine.words import Door, Wish
from kcode.tui.lists.choices import Choice
from kcode.tui.lists.picker import Picker
from kcode.tui.text.safe import one_line, safe

MODELS_OF_A_SERVER = 5
DEMO = "demo"
KEYS_FIRST = 3
"""Providers above the demo, so that it is seen on a small screen, too."""


class FirstRun(ModalScreen[Wish | None]):
    """Gives a wish that leads to a session; None to leave."""

    DEFAULT_CSS = """
    FirstRun {
        align: center middle;
        background: $background;
        & > Vertical { width: 100%; max-width: 96; height: auto; padding: 1 2; }
        & .head { height: auto; margin-bottom: 1; }
        & .word { height: auto; color: $text-warning; margin-top: 1; }
        & #slot { height: auto; }
        & Input.key, & Input.key:focus {
            border: round $border; height: 3; padding: 0 1; background: $background;
            border-title-color: $text-accent; border-subtitle-color: $text-muted;
            background-tint: transparent;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back")]

    def __init__(self, door: Door, reason: str) -> None:
        super().__init__()
        self.door = door
        self._reason = reason
        self._provider = ""
        """Whose key is asked for."""
        self._in_file = False

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(_head(self._reason), classes="head", markup=False)
            yield Vertical(id="slot")
            yield Static(classes="word", markup=False)

    def on_mount(self) -> None:
        self.run_worker(self._offer())

    async def _offer(self) -> None:
        rows = await asyncio.to_thread(ways, self.door.demo is not None)
        await self._fill(Picker("Which model shall work for you?", rows, "Enter takes · Esc leaves"))

    async def _fill(self, widget: Picker | Input) -> None:
        slot = self.query_one("#slot")
        await slot.remove_children()
        await slot.mount(widget)
        if isinstance(widget, Input):
            widget.focus()

    @on(Picker.Closed)
    async def _chosen(self, event: Picker.Closed) -> None:
        match event.choice.id.partition(":") if event.choice else ("", "", ""):
            case ("key", _, provider):
                await self._ask_key(provider)
            case ("model", _, model):
                self.dismiss(Wish(model=model))
            case ("local", _, model):
                self._keep(model)
            case (other, _, _):
                self.dismiss(Wish("demo") if other == DEMO else None)

    async def _ask_key(self, provider: str) -> None:
        self._provider, row = provider, PROVIDERS[provider]
        box = Input(password=True, placeholder=f"paste the key of {row.title}", classes="key")
        box.border_title = f"{row.title}: {row.keys_at}"
        box.border_subtitle = "Enter keeps it · Esc back"
        self._say("It goes into this machine's keyring, and to nobody but the provider.")
        await self._fill(box)

    @on(Input.Submitted, ".key")
    async def _key_given(self, event: Input.Submitted) -> None:
        key = event.value.strip()
        if not key:
            return
        try:
            await asyncio.to_thread(keys.store_key, self._provider, SecretStr(key), in_file=self._in_file)
        except KcodeError as error:
            self._say(
                f"{error}\n\nEnter again keeps it in {keys.keys_file()}, which only you can read. Esc back."
            )
            self._in_file = True
            return
        self.dismiss(Wish())

    def _keep(self, model: str) -> None:
        try:
            self.door.keep("models.default", model)
        except KcodeError as error:
            self.notify(str(error), markup=False)
        self.dismiss(Wish(model=model))

    async def action_back(self) -> None:
        if self.query(Input).filter(".key"):
            self._say("")
            self._in_file = False
            await self._offer()
        else:
            self.dismiss(None)

    def _say(self, text: str) -> None:
        self.query_one(".word", Static).update(Content(text))


def _head(reason: str) -> Content:
    return Content.assemble(
        ("k c o d e\n\n", "bold $text-accent"),
        "Your own keys, every cent in view.\n",
        (safe(reason).split(". ")[0].rstrip(".") + ".", "$text-muted"),  # what can be done is the list
    )


def ways(has_demo: bool) -> list[Choice]:
    """What can be done about it, the easiest first. Asks the servers on this machine: not for the screen's thread."""
    catalog = Catalog(Settings())
    rows = [
        Choice(f"local:{model}", one_line(model), "runs on this machine, costs nothing")
        for server in ask_servers(row for row in catalog.providers() if row.is_local)
        for model in list(server.models)[:MODELS_OF_A_SERVER]
    ]
    try:
        found = model_with_key(Settings())
        rows.append(Choice(f"model:{found}", found, "its key is there"))
    except KcodeError:
        pass  # no key anywhere: that is why we are here
    pasted = [
        Choice(f"key:{row.name}", f"Paste a key: {row.title}", row.keys_at.removeprefix("https://"))
        for row in PROVIDERS.values()
        if row.key_names and row.keys_at
    ]
    demo = [Choice(DEMO, "See it work first", "offline, with a scripted model; needs no key")]
    return [*rows, *pasted[:KEYS_FIRST], *(demo if has_demo else []), *pasted[KEYS_FIRST:]]

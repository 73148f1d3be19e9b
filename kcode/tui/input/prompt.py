"""Where the user writes: grows with the text, keeps a history, folds what is pasted."""

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from kcode.errors import BadInput
from kcode.messages import Image
from kcode.tui.input.attached import data_image, mention, named_by
from kcode.tui.input.history import History
from kcode.tui.keymap import Keymap

FOLDED_LINES, FOLDED_CHARACTERS = 8, 1_200
"""A paste of so much becomes a chip; the model gets all of it."""
CHIP = re.compile(r"\[(?:pasted [\d,]+ (?:lines|characters)|image \w+) #\d+\]")
SPOKEN = re.compile(r"(?:(?<=\s)|^)@[^\s,;]+")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
STEERING = {"up", "down", "tab", "enter", "escape", "ctrl+n", "ctrl+p"}
"""Keys that belong to an open list of completions."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What stands at the cursor and can be completed."""

    kind: Literal["command", "file"]
    word: str
    """Without its sign."""


class Prompt(TextArea):
    DEFAULT_CSS = """
    Prompt {
        height: auto;
        max-height: 12;
        border: round $border-blurred;
        border-title-color: $text-muted;
        border-subtitle-color: $text-muted;
        background: $background;
        padding: 0 1;
        scrollbar-size-vertical: 1;
        &:focus { border: round $border; }
        &.-shell, &.-shell:focus { border: round $warning; }
        & .text-area--cursor-line { background: transparent; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+underscore,alt+z", "undo", "Undo", show=False),
        Binding("alt+left,alt+b", "cursor_word_left", "A word left", show=False),
        Binding("alt+right,alt+f", "cursor_word_right", "A word right", show=False),
        Binding("alt+d", "delete_word_right", "Delete word right", show=False),
    ]

    class Said(Message):
        """The user sent this text, with these images; chips are unfolded."""

        def __init__(self, text: str, images: tuple[Image, ...] = ()) -> None:
            super().__init__()
            self.text = text
            self.images = images

    class Completing(Message):
        """What stands at the cursor changed."""

        def __init__(self, wanted: Wanted | None) -> None:
            super().__init__()
            self.wanted = wanted

    class Steered(Message):
        """A key for the list of completions."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Pressed(Message):
        """A key for something of the talk, by its name in the keymap."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class Refused(Message):
        """What was pasted cannot be taken; why."""

        def __init__(self, why: str) -> None:
            super().__init__()
            self.why = why

    class Ended(Message):
        """Ctrl+D in an empty prompt."""

    class Paged(Message):
        """The talk is to be scrolled by a page: -1 up, 1 down."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    class TakenBack(Message):
        """Up in an empty prompt, while messages are queued."""

    def __init__(self, history: History) -> None:
        super().__init__(
            language=None, highlight_cursor_line=False, placeholder="What shall we do?   ? shows the keys"
        )
        self.history_of_prompts = history
        self.keymap = Keymap()
        self.root = Path()
        """What names of files are relative to."""
        self.has_choices = False
        """Whether a list of completions is open, which then gets the keys of STEERING."""
        self.has_queue = False
        """Whether Up in an empty prompt takes a message back."""
        self.last_key = 0.0
        """When the user typed last, on the monotonic clock."""
        self._folded: dict[str, str] = {}
        self._images: dict[str, Image] = {}
        """Pasted ones, by their chips."""
        self._wanted: Wanted | None = None

    # Keys

    async def _on_key(self, event: events.Key) -> None:
        self.last_key = time.monotonic()
        if self._takes(event.key):
            event.stop()
            event.prevent_default()  # TextArea's own handler comes after this one

    def _takes(self, key: str) -> bool:
        """Whether the key was one of the prompt's own."""
        if self.has_choices and key in STEERING:
            self.post_message(self.Steered(key))
        elif key == "up" and self.cursor_at_first_line:
            return self._older()
        elif key == "down" and self.cursor_at_last_line:
            return self._newer()
        else:
            return self._does(self.keymap.named(key))
        return True

    def _does(self, name: str) -> bool:
        match name:
            case "newline":
                self._replace_via_keyboard("\n", *self.selection)
            case "send":
                self._send()
            case "page_up" | "page_down":
                self.post_message(self.Paged(-1 if name == "page_up" else 1))
            case "help" if not self.text:
                self.post_message(self.Pressed(name))
            case "leave" if not self.text:
                self.post_message(self.Ended())
            case "" | "help" | "leave":
                return False
            case _ if self.keymap.is_changed(name):  # it goes before the key's meaning in a text
                self.post_message(self.Pressed(name))
            case _:
                return False
        return True

    def _send(self) -> None:
        before = self.get_text_range((0, 0), self.cursor_location)
        if before.endswith("\\") and self.cursor_at_end_of_text:  # the shell's way to go on in the next line
            self.replace("\n", (self.cursor_location[0], self.cursor_location[1] - 1), self.cursor_location)
            return
        if self.text.strip():
            said = self.unfolded(self.text).strip()
            images = tuple(image for chip, image in self._images.items() if chip in said)
            self.history_of_prompts.add(said)
            self.put("")
            self.post_message(self.Said(said, images))

    def _older(self) -> bool:
        if self.has_queue and not self.text:
            self.post_message(self.TakenBack())
            return True
        entry = self.history_of_prompts.older(self.unfolded(self.text))
        if entry is not None:
            self._show_entry(entry)
        return entry is not None

    def _newer(self) -> bool:
        entry = self.history_of_prompts.newer()
        if entry is not None:
            self._show_entry(entry)
        return entry is not None

    def _show_entry(self, entry: str) -> None:
        self._folded = {}
        self.text = entry
        self.move_cursor(self.document.end)

    # Text

    def put(self, text: str) -> None:
        """Show this text instead of what is there, long ones folded, the cursor at its end."""
        self.history_of_prompts.leave()
        self._folded = {}
        self.text = self._fold(text)
        self.move_cursor(self.document.end)

    def rewrite(self, text: str) -> None:
        """Another text in its place, in one edit that can be taken back; chips stay what they are."""
        self.history.checkpoint()
        self.replace(text, (0, 0), self.document.end, maintain_selection_offset=False)
        self.history.checkpoint()

    @property
    def pasted(self) -> dict[str, str]:
        """The texts behind the chips that are there."""
        return {chip: text for chip, text in self._folded.items() if chip in self.text}

    def insert_words(self, text: str) -> None:
        """At the cursor, long ones folded."""
        if result := self._replace_via_keyboard(self._fold(text), *self.selection):
            self.move_cursor(result.end_location)

    def complete(self, word: str) -> None:
        """Put `word` (with its sign) in place of the word at the cursor."""
        row, column = self.cursor_location
        start = len(self.document[row][:column]) - len(_last_word(self.document[row][:column]))
        self.replace(word, (row, start), (row, column))
        self.move_cursor((row, start + len(word)))

    def unfolded(self, text: str) -> str:
        return CHIP.sub(lambda chip: self._folded.get(chip[0], chip[0]), text)

    def _fold(self, text: str) -> str:
        lines = text.count("\n") + 1
        if lines <= FOLDED_LINES and len(text) <= FOLDED_CHARACTERS:
            return text
        size = f"{lines:,} lines" if lines > FOLDED_LINES else f"{len(text):,} characters"
        chip = f"[pasted {size} #{len(self._folded) + 1}]"
        self._folded[chip] = text
        return chip

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self.last_key = time.monotonic()
        try:
            pasted = self._images_of(event.text)
        except BadInput as error:
            self.post_message(self.Refused(str(error)))
            return
        self.insert_words(pasted or CONTROL.sub("", event.text.replace("\r\n", "\n").replace("\r", "\n")))
        self.focus()

    def _images_of(self, pasted: str) -> str:
        """What stands for images that were pasted: their names, or a chip; "" when it was something else."""
        if paths := named_by(pasted, self.root):
            return "".join(f"{mention(path, self.root)} " for path in paths)
        image = data_image(pasted) if pasted.lstrip().startswith("data:image/") else None
        if image is None:
            return ""
        chip = f"[image {image.media_type.removeprefix('image/')} #{len(self._images) + 1}]"
        self._images[chip] = image
        return f"{chip} "

    def action_delete_left(self) -> None:
        """A chip goes as a whole."""
        row, column = self.cursor_location
        chips = [chip for chip in CHIP.finditer(self.document[row]) if chip.end() == column]
        if chips and self.selection.is_empty:
            self.delete((row, chips[0].start()), (row, column))
        else:
            super().action_delete_left()

    # What it shows

    def get_line(self, line_index: int) -> Text:
        """With files and chips in colour."""
        line = super().get_line(line_index)
        variables = self.app.theme_variables
        for pattern in (CHIP, SPOKEN):
            line.highlight_regex(pattern, variables.get("text-accent", "cyan"))
        if line_index == 0 and line.plain[:1] in "/!":
            line.stylize("bold", 0, len(line.plain.split(" ")[0]) if line.plain[:1] == "/" else 1)
        return line

    def on_text_area_changed(self) -> None:
        self.set_class(self.text.startswith("!"), "-shell")
        self._look_for_choices()

    def on_text_area_selection_changed(self) -> None:
        self._look_for_choices()

    def _look_for_choices(self) -> None:
        row, column = self.cursor_location
        wanted = _wanted(self.document[row][:column], is_first_line=row == 0)
        if wanted != self._wanted:
            self._wanted = wanted
            self.post_message(self.Completing(wanted))


def with_pieces(old: str, new: str) -> str:
    """`new`, with the chips and files of `old` that it has lost at its end."""
    pieces = dict.fromkeys([*CHIP.findall(old), *SPOKEN.findall(old)])
    lost = [piece for piece in pieces if piece not in new]
    return f"{new}\n\n{' '.join(lost)}" if lost else new


def _wanted(before: str, is_first_line: bool) -> Wanted | None:
    if is_first_line and re.fullmatch(r"/[\w-]*", before):
        return Wanted("command", before[1:])
    word = _last_word(before)
    return Wanted("file", word[1:]) if word.startswith("@") else None


def _last_word(before: str) -> str:
    return re.split(r"\s", before)[-1]

"""Cells of a terminal as a PNG: a font from a wheel, nothing of the system, nothing from the network."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import TerminalTheme

CELL = (17, 34)
"""Pixels of a cell; pictures are shown at half their size."""
FONT_SIZE = 28.24
"""At which the font is as wide as a cell."""
BAR, MARGIN, RADIUS = 56, 16, 20
COLORS = 255
"""Of the picture; one more is the transparency outside of the window's corners."""
LIGHTS = ((236, 106, 94), (244, 191, 79), (97, 197, 84))

RGB = tuple[int, int, int]
Line = Iterable[Segment]


@dataclass(frozen=True, slots=True)
class Look:
    """The window around the cells, and the terminal's own colours."""

    background: RGB
    foreground: RGB
    bar: RGB
    title: RGB

    @property
    def colors(self) -> TerminalTheme:
        return TerminalTheme(self.background, self.foreground, list(ANSI[:8]), list(ANSI[8:]))


DARK = Look((19, 21, 25), (214, 217, 222), (34, 38, 46), (150, 157, 168))
LIGHT = Look((251, 250, 247), (36, 41, 47), (232, 229, 222), (106, 111, 118))
ANSI: tuple[RGB, ...] = (
    *((40, 44, 52), (229, 138, 134), (143, 194, 138), (224, 176, 111)),
    *((127, 180, 202), (180, 160, 210), (127, 209, 185), (214, 217, 222)),
    *((90, 98, 110), (240, 160, 156), (165, 215, 160), (240, 200, 140)),
    *((150, 200, 220), (200, 180, 225), (150, 225, 200), (255, 255, 255)),
)


def save(lines: Sequence[Line], columns: int, file: Path, title: str, look: Look = DARK) -> None:
    """The lines in a window of so many columns, as few bytes as it takes."""
    window = Image.new(
        "RGB", (columns * CELL[0] + 2 * MARGIN, BAR + len(lines) * CELL[1] + 2 * MARGIN), look.background
    )
    draw = ImageDraw.Draw(window)
    _bar(draw, window.width, title, look)
    for row, line in enumerate(lines):
        _line(draw, line, BAR + MARGIN + row * CELL[1], look)
    _cut_out(window).save(file, optimize=True, transparency=COLORS)


def _cut_out(window: Image.Image) -> Image.Image:
    """With few colours and round corners."""
    outside = Image.new("L", window.size, 255)
    ImageDraw.Draw(outside).rounded_rectangle((0, 0, window.width - 1, window.height - 1), RADIUS, fill=0)
    few = window.quantize(COLORS, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    few.paste(COLORS, mask=outside)
    return few


def _bar(draw: ImageDraw.ImageDraw, width: int, title: str, look: Look) -> None:
    draw.rectangle((0, 0, width, BAR), fill=look.bar)
    for number, light in enumerate(LIGHTS):
        draw.circle((36 + number * 40, BAR // 2), 11, fill=light)
    draw.text((width // 2, BAR // 2), title, fill=look.title, font=font("", 24), anchor="mm")


def _line(draw: ImageDraw.ImageDraw, line: Line, top: int, look: Look) -> None:
    left = MARGIN
    for text, style in _characters(line):
        width = cell_len(text) * CELL[0]
        front, back = _colors(style, look)
        box = (left, top, left + width - 1, top + CELL[1] - 1)
        if back != look.background:
            draw.rectangle(box, fill=back)
        if not _drawn(draw, text, box, front):
            # Every character in the middle of its cells: what is not of this font is of another width.
            draw.text(
                (left + width / 2, top + 26), text, fill=front, font=_font_for(text, style), anchor="ms"
            )
        if style.underline:
            draw.line((left, top + 30, left + width - 1, top + 30), fill=front, width=2)
        if style.strike:
            draw.line((left, top + 18, left + width - 1, top + 18), fill=front, width=2)
        left += width


def _characters(line: Line) -> Iterator[tuple[str, Style]]:
    for segment in line:
        if not segment.control:
            for character in segment.text:
                if cell_len(character):
                    yield character, segment.style or Style.null()


def _colors(style: Style, look: Look) -> tuple[RGB, RGB]:
    front = _rgb(style.color, look, look.foreground)
    back = _rgb(style.bgcolor, look, look.background)
    if style.reverse:
        front, back = back, front
    if style.dim:
        front = (_between(front[0], back[0]), _between(front[1], back[1]), _between(front[2], back[2]))
    return front, back


def _rgb(color: Color | None, look: Look, otherwise: RGB) -> RGB:
    if color is None or color.is_default:
        return otherwise
    red, green, blue = color.get_truecolor(look.colors)
    return red, green, blue


def _between(front: int, back: int) -> int:
    return (front * 3 + back * 2) // 5


EIGHTHS = {
    **dict(zip("▁▂▃▄▅▆▇█", range(1, 9), strict=True)),
    **dict(zip("▏▎▍▌▋▊▉", range(1, 8), strict=True)),
}


def _drawn(draw: ImageDraw.ImageDraw, text: str, box: tuple[int, int, int, int], color: RGB) -> bool:
    """Lines and blocks, which must meet those of the next cell; False for anything else."""
    left, top, right, bottom = box
    across, down = (left + right) // 2, (top + bottom) // 2
    match text:
        case "▁" | "▂" | "▃" | "▄" | "▅" | "▆" | "▇" | "█":
            draw.rectangle((left, bottom + 1 - round(CELL[1] * EIGHTHS[text] / 8), right, bottom), fill=color)
        case "▏" | "▎" | "▍" | "▌" | "▋" | "▊" | "▉":
            draw.rectangle((left, top, left - 1 + round(CELL[0] * EIGHTHS[text] / 8), bottom), fill=color)
        case "─" | "━":
            half = 1 if text == "─" else 2
            draw.rectangle((left, down - half + 1, right, down + half), fill=color)
        case "│" | "┃":
            half = 1 if text == "│" else 2
            draw.rectangle((across - half + 1, top, across + half, bottom), fill=color)
        case "╭" | "╮" | "╰" | "╯":
            _corner(draw, text, box, color)
        case _:
            return False
    return True


def _corner(draw: ImageDraw.ImageDraw, text: str, box: tuple[int, int, int, int], color: RGB) -> None:
    left, top, right, bottom = box
    across, down = (left + right) // 2, (top + bottom) // 2
    is_left, is_top = text in "╭╰", text in "╭╮"
    radius = CELL[0] // 2
    x = across if is_left else across + 1 - 2 * radius
    y = down if is_top else down + 1 - 2 * radius
    begin = {"╭": 180, "╮": 270, "╯": 0, "╰": 90}[text]
    draw.arc((x, y, x + 2 * radius, y + 2 * radius), begin, begin + 90, fill=color, width=2)
    middle = down + radius if is_top else down - radius + 1
    draw.rectangle(
        (across, *((middle, across + 1, bottom) if is_top else (top, across + 1, middle))), fill=color
    )
    draw.rectangle(
        (across + radius, down, right, down + 1) if is_left else (left, down, across - radius + 1, down + 1),
        fill=color,
    )


@cache
def font(kind: str = "", size: float = FONT_SIZE, family: str = "DejaVuSansMono") -> ImageFont.FreeTypeFont:
    """`kind` is "", "Bold", "Oblique" or "BoldOblique"."""
    spec = find_spec("matplotlib")  # which brings fonts; it is not imported
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("The font is missing: pip install 'kcode[pictures]'")
    file = f"{family}-{kind}.ttf" if kind else f"{family}.ttf"
    return ImageFont.truetype(Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / file, size)


def _font_for(text: str, style: Style) -> ImageFont.FreeTypeFont:
    if "\u2800" <= text <= "\u28ff":  # Braille, of which spinners are made
        return font(family="DejaVuSans")
    return font(("Bold" if style.bold else "") + ("Oblique" if style.italic else ""))

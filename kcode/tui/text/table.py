"""Tables that fit: columns share the width, cells wrap, and where that is hopeless each row becomes a few lines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from kcode.tui.text.flow import Line, Run, cells, hung, wrapped

BETWEEN = " │ "
LEAST = 6
"""Cells of a column below which a table is not one any more."""

Cell = tuple[tuple[Run, ...], ...]
"""Rows of runs: a cell may have line breaks of its own."""


@dataclass(frozen=True, slots=True)
class Table:
    head: tuple[Cell, ...]
    body: tuple[tuple[Cell, ...], ...]
    sides: tuple[str, ...]
    """Of each column: left, right or center."""

    def lines(self, width: int) -> list[Line]:
        widths = self._widths(width)
        if widths is None:
            return list(self._listed(width))
        rule = "─┼─".join("─" * size for size in widths)
        head = [
            tuple((text, f"strong {look}".strip()) for text, look in row) for row in _one_row_each(self.head)
        ]
        lines = [*self._row([(row,) for row in head], widths), Line(((rule, "faint"),))]
        for row in self.body:
            lines += self._row(row, widths)
        return lines

    def _widths(self, width: int) -> list[int] | None:
        """Narrow columns get what they need, the others the rest in equal shares."""
        rows = (self.head, *self.body)
        wanted = [max(_wanted(row[column]) for row in rows) for column in range(len(self.head))]
        room = width - len(BETWEEN) * (len(wanted) - 1)
        if sum(wanted) <= room:
            return wanted
        fair = 0
        for number, size in enumerate(sorted(wanted)):
            fair = room // (len(wanted) - number)
            if size > fair:
                break
            room -= size
        return [min(size, fair) for size in wanted] if fair >= LEAST else None

    def _row(self, row: Sequence[Cell], widths: Sequence[int]) -> Iterator[Line]:
        columns = [
            [line for part in cell for line in wrapped(part, size)]
            for cell, size in zip(row, widths, strict=True)
        ]
        for parts in zip_longest(*columns, fillvalue=Line()):
            runs: list[Run] = []
            for number, (line, size) in enumerate(zip(parts, widths, strict=True)):
                runs += [(BETWEEN, "faint")] if number else []
                runs += _padded(line, size, self.sides[number])
            yield Line(tuple(runs))

    def _listed(self, width: int) -> Iterator[Line]:
        """`name: value` for each cell."""
        names = [tuple(run for part in cell for run in part) for cell in self.head]
        for number, row in enumerate(self.body):
            if number:
                yield Line()
            for name, cell in zip(names, row, strict=True):
                runs = [*((text, f"strong {look}".strip()) for text, look in name), (": ", "faint")]
                yield from hung(wrapped([*runs, *_flat(cell)], max(width - 2, 2)), ("", ""), ("  ", ""))


def _wanted(cell: Cell) -> int:
    return max((cells("".join(text for text, _ in row)) for row in cell), default=0)


def _flat(cell: Cell) -> Iterator[Run]:
    for number, row in enumerate(cell):
        yield from ([(" ", "")] if number else [])
        yield from row


def _one_row_each(cells_: Sequence[Cell]) -> list[tuple[Run, ...]]:
    return [tuple(_flat(cell)) for cell in cells_]


def _padded(line: Line, size: int, side: str) -> list[Run]:
    free = size - line.cells
    left = free if side == "right" else free // 2 if side == "center" else 0
    runs = [(" " * left, ""), *line.runs, (" " * (free - left), "")]
    return [run for run in runs if run[0]]

"""A small table of text: columns as wide as they need to be."""

from collections.abc import Sequence

GAP = "  "


def table(rows: Sequence[Sequence[str]], left: frozenset[int] = frozenset({0})) -> list[str]:
    """Lines with aligned columns; those whose number is not in `left` are right-aligned."""
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = zip(row, widths, range(len(row)), strict=True)
        padded = (cell.ljust(width) if at in left else cell.rjust(width) for cell, width, at in cells)
        lines.append(GAP.join(padded).rstrip())
    return lines

"""What a customer is about to buy."""

from shop.discount import reduced


class Cart:
    def __init__(self) -> None:
        self.lines: list[tuple[str, int, int]] = []

    def add(self, name: str, cents: int, count: int = 1) -> None:
        if count < 1:
            raise ValueError("a line has at least one piece")
        self.lines.append((name, cents, count))

    def total(self, percent: int = 0) -> int:
        return sum(reduced(cents, percent) * count for _, cents, count in self.lines)

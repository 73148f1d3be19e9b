"""What is said to who has cancelled a piece of work."""

from kcode.spend.receipt import Receipt


def words(receipt: Receipt, stopped: int = 0) -> str:
    """`Cancelled. Stopped 3 processes, kept 1 changed file, spent ~$0.0214.` `stopped`: processes of which no event has
    told yet."""
    count, files = receipt.stopped + stopped, len(receipt.changes)
    parts = [
        *([f"stopped {count} process{'' if count == 1 else 'es'}"] if count else []),
        *([f"kept {files} changed file{'' if files == 1 else 's'}"] if files else []),
        *([f"spent {receipt.total}"] if receipt.total.requests else []),
    ]
    said = ", ".join(parts)
    return f"Cancelled. {said[0].upper()}{said[1:]}." if said else "Cancelled."

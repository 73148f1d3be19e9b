"""`python -m benchmarks`: the four that every change should hold; by name also the others."""

import importlib
import sys

ALWAYS = ("first_request", "bill", "overhead", "startup")
KNOWN = (*ALWAYS, "cancel", "checkpoints", "screen", "repomap")


def main() -> int:
    names = sys.argv[1:] or ALWAYS
    unknown = set(names) - set(KNOWN)
    if unknown:
        print(
            f"There is no benchmark {', '.join(sorted(unknown))}. Known are {', '.join(KNOWN)}.",
            file=sys.stderr,
        )
        return 2
    sys.argv[1:] = []
    failures = 0
    for name in names:
        print(f"== {name}", flush=True)
        failures += bool(importlib.import_module(f"benchmarks.{name}").main())
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

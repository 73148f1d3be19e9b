"""`python -m kcode.scripted scenario.json [--port N]` serves a scenario; Ctrl-C prints the invoice."""

from __future__ import annotations

import argparse
import contextlib
import threading
from pathlib import Path

from kcode.scripted.invoice import table
from kcode.scripted.server import ScriptedProvider


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m kcode.scripted", description="Serve a scripted model.")
    parser.add_argument("scenario", type=Path, help="a JSON file")
    parser.add_argument("--port", type=int, default=0, help="a free one is taken by default")
    options = parser.parse_args()
    with (
        ScriptedProvider(options.scenario, port=options.port) as provider,
        contextlib.suppress(KeyboardInterrupt),
    ):
        print(
            f"Anthropic base {provider.url}\nOpenAI base    {provider.url}/v1\nCtrl-C ends it.",
            flush=True,
        )
        threading.Event().wait()
    print("", table(provider.invoice), *provider.mismatches, sep="\n")


if __name__ == "__main__":
    main()

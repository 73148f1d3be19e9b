"""How long a start takes: `kcode --version` beside `python -c pass`, the first request beside `import litellm`."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from kcode.scripted import ScriptedProvider
from tests.playing import MODEL, WIRES, WireName, say, scenario, settings_for
from tests.running import KCODE

STARTS = 20
FIRST_REQUESTS = 5
BOUND = 3.0
"""`kcode --version` over `python -c pass`."""


def installed() -> list[str]:
    """The console script of an installed kcode beside this Python, else the checkout's."""
    script = shutil.which("kcode", path=str(Path(sys.executable).parent))
    return [script] if script else KCODE


def seconds(command: list[str], environment: Mapping[str, str], folder: Path) -> float:
    began = time.monotonic()
    nowhere = subprocess.DEVNULL
    subprocess.run(
        command, env=environment, cwd=folder, check=True, stdin=nowhere, stdout=nowhere, stderr=nowhere
    )
    return time.monotonic() - began


def versions(environment: Mapping[str, str], folder: Path) -> tuple[float, float]:
    """Median seconds of nothing, and of `--version`; by turns, so that both meet the same machine."""
    nothing, version = [], []
    for _ in range(STARTS):
        nothing.append(seconds([sys.executable, "-c", "pass"], environment, folder))
        version.append(seconds([*installed(), "--version"], environment, folder))
    return statistics.median(nothing), statistics.median(version)


def modules(call: str, environment: Mapping[str, str], folder: Path) -> int:
    """How many are loaded after the call, in a Python that begins with those it always has."""
    setup = KCODE[-1].partition("from kcode")[0]
    code = f"{setup}{call}; import json; print(json.dumps(len(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [*KCODE[:-1], code], env=environment, cwd=folder, check=True, capture_output=True, text=True
    )
    return int(json.loads(done.stderr.splitlines()[-1]))


def first_request(wire: WireName, environment: Mapping[str, str], folder: Path) -> float:
    """Seconds from the start of the process to the arrival of its first request."""
    with ScriptedProvider(scenario(say("Hm."))) as provider:
        settings = [part for one in settings_for(provider, wire) for part in ("--set", one)]
        began = time.monotonic()
        seconds([*installed(), "run", "hi", "-m", MODEL, "--ephemeral", *settings], environment, folder)
        return provider.requests[0].arrived - began


def main() -> int:
    """1 when the version takes too long."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        environment = os.environ | {"KCODE_HOME": home, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        nothing, version = versions(environment, folder)
        print(f"python -c pass                {nothing * 1000:8.0f} ms")
        print(
            f"kcode --version               {version * 1000:8.0f} ms   {version / nothing:.2f} times as long"
        )
        base = modules("pass", environment, folder)
        told = modules(
            "sys.argv[1:] = ['--version']; from kcode.cli.main import main; main()", environment, folder
        )
        run = modules("import kcode.cli.run", environment, folder)
        print(
            f"modules: Python {base}, kcode --version +{told - base}, kcode run +{run - base} (and LiteLLM)"
        )
        bare, firsts = [], {wire: list[float]() for wire in WIRES}
        for _ in range(FIRST_REQUESTS):
            bare.append(seconds([sys.executable, "-c", "import litellm"], environment, folder))
            for wire in WIRES:
                firsts[wire].append(first_request(wire, environment, folder))
        importing = statistics.median(bare)
        print(f"import litellm                {importing:8.2f} s")
        for wire, times in firsts.items():
            first = statistics.median(times)
            print(f"first request, {wire:14} {first:8.2f} s    {first / importing:.2f} times as long")
    return 1 if version > BOUND * nothing else 0


if __name__ == "__main__":
    raise SystemExit(main())

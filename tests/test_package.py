import os
import re
import resource
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINKS = {
    "agent": "agent",
    "modes": "modes",
    "tools": "tools",
    "memory": "memory",
    "tests/provider": "scripted",
}
STARTS = 15

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Built:
    wheel: Path
    sdist: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """An sdist of what git tracks, and a wheel built from the sdist alone."""
    source, out = tmp_path_factory.mktemp("source") / "checkout", tmp_path_factory.mktemp("dist")
    for name in tracked():
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target, follow_symlinks=False)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return Built(next(out.glob("*.whl")), next(out.glob("*.tar.gz")))


@dataclass(frozen=True)
class Installed:
    """kcode from the wheel, alone in its environment, called from a folder that is full of traps."""

    bin: Path
    here: Path
    environment: Mapping[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        program = [str(self.bin / command[0]), *command[1:]]
        return subprocess.run(
            program,
            cwd=self.here,
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture(scope="module")
def installed(
    built: Built, tmp_path_factory: pytest.TempPathFactory, outer_environment: dict[str, str]
) -> Installed:
    folder = tmp_path_factory.mktemp("machine")
    venv.create(folder / "venv", with_pip=True)
    python, home, traps = folder / "venv/bin/python", folder / "home", folder / "traps"
    home.mkdir()
    pip = [str(python), "-m", "pip", "-qq", "--disable-pip-version-check", "--no-input", "install"]
    for what in (
        ["--require-hashes", "-r", str(ROOT / "requirements.txt")],
        ["--no-deps", "--no-index", str(built.wheel)],
    ):
        done = subprocess.run([*pip, *what], env=outer_environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    for name in ("agent", "modes", "tools", "memory", "tests", "scripted", "provider", "cli", "llm", "spend"):
        (traps / name).mkdir(parents=True)
        (traps / name / "__init__.py").write_text(
            f'raise SystemExit("the module {name} of this folder was run")\n'
        )
    kept = {name: value for name, value in os.environ.items() if name not in ("KCODE_HOME", "PYTHONPATH")}
    return Installed(folder / "venv/bin", traps, {**kept, "HOME": str(home), "PYTHONPATH": str(traps)})


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.splitlines() if (ROOT / name).exists()]


def shipped() -> set[str]:
    """What must be in the wheel: every tracked file of the packages, under its import name."""
    files = set()
    for name in tracked():
        for folder, package in LINKS.items():
            if name.startswith(f"{folder}/"):
                files.add(f"kcode/{package}{name.removeprefix(folder)}")
        if name.startswith("kcode/") and not (ROOT / name).is_symlink():
            files.add(name)
    return files


def test_the_wheel_holds_every_tracked_file_of_the_packages_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == shipped()


def test_licence_and_readme_are_in_sdist_and_wheel(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        names = {name.rpartition("/")[2] for name in wheel.namelist()}
        metadata = next(wheel.read(name).decode() for name in wheel.namelist() if name.endswith("/METADATA"))
    assert "LICENSE" in names
    assert "make demo" in metadata
    with tarfile.open(built.sdist) as sdist:
        assert {"LICENSE", "README.md", "setup.py"} <= {name.partition("/")[2] for name in sdist.getnames()}


def test_the_requirements_are_pinned_with_hashes_and_name_no_place() -> None:
    for file in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / file).read_text()
        pins = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
        assert all(re.match(r"[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", pin, re.DOTALL) for pin in pins)
        assert not re.search(r"://|--(extra-)?index|--find-links|/(home|root|tmp)/", text)


def test_the_installed_program_tells_its_version_among_modules_of_the_same_names(
    installed: Installed,
) -> None:
    done = installed.run("kcode", "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"kcode \d+\.\d+\.\d+\n", done.stdout)


def test_the_installed_program_solves_the_demo_among_modules_of_the_same_names(installed: Installed) -> None:
    done = installed.run("kcode", "demo", "--headless")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_installed_command_can_be_loaded(installed: Installed) -> None:
    listed = installed.run(
        "python", "-c", "from kcode.cli.root import COMMANDS; print(*COMMANDS)"
    ).stdout.split()
    failed = {
        name: done.stderr for name in listed if (done := installed.run("kcode", name, "--help")).returncode
    }
    assert listed
    assert failed == {}


def test_the_version_costs_little_more_than_starting_python(installed: Installed) -> None:
    def cost(command: Callable[[], object]) -> float:
        """Processor seconds, the least of several: what else runs here must not count."""
        spent = []
        for _ in range(STARTS):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            command()
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return min(spent)

    nothing = cost(lambda: installed.run("python", "-c", "pass"))
    assert cost(lambda: installed.run("kcode", "--version")) < 3 * nothing

"""Settings: the user's settings.toml, over it a trusted project's, over both what the command line says."""

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kcode.errors import BadInput
from kcode.events import Effort
from kcode.narrowing import narrowed
from kcode.paths import config_dir

PermissionMode = Literal["ask", "edits", "auto", "plan"]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Provider(Section):
    """An OpenAI- or Anthropic-compatible server, or other terms for a provider that kcode knows."""

    wire: Literal["openai", "anthropic"] | None = None
    base_url: str | None = None
    key: str | None = Field(None, pattern=r"^(keyring|none|env:\w+)$")
    """`keyring`, `env:NAME` or `none`; unset: the provider's own variable, then the keyring."""
    keys: tuple[Annotated[str, Field(pattern=r"^(keyring|env:\w+)$")], ...] = ()
    """Several of them: another one takes over when one is refused or has to wait."""
    headers: dict[str, str] = {}


class Price(Section):
    """Dollars per million tokens. `cached` defaults to the full input price, and so do the stored ones,
    except where Anthropic's surcharge is usual: 1.25 and 2 input prices."""

    input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    cached: Decimal | None = Field(None, ge=0)
    stored: Decimal | None = Field(None, ge=0)
    stored_1h: Decimal | None = Field(None, ge=0)


class Budget(Section):
    """Dollars; unset: no limit (docs/budgets.md)."""

    request: Decimal | None = Field(None, ge=0)
    task: Decimal | None = Field(None, ge=0)
    """Of a task and all below it."""
    session: Decimal | None = Field(None, ge=0)
    day: Decimal | None = Field(None, ge=0)
    """Of all kcodes of this user, as `month` and `repository`."""
    month: Decimal | None = Field(None, ge=0)
    repository: Decimal | None = Field(None, ge=0)
    least_output: int = Field(1024, ge=1)
    """Tokens: down to so many a reply is shortened so that its request fits."""


class Permissions(Section):
    mode: PermissionMode = "ask"
    allow: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


class Retry(Section):
    attempts: int = Field(6, ge=1, le=50)
    """Requests to one model before the fallback, the first one included."""
    first_wait: float = Field(1.0, ge=0)
    """Seconds; doubled with each attempt, unless the provider names a time."""
    longest_wait: float = Field(60.0, ge=0)
    """Seconds; a provider that asks for more is not waited for."""


class Timeouts(Section):
    """Seconds."""

    silence: float = Field(300.0, gt=0)
    """A provider that sends nothing for so long is given up."""
    command: float = Field(600.0, gt=0)
    command_silence: float = Field(300.0, gt=0)


class Cache(Section):
    """The provider's prompt cache."""

    keep_alive: Literal["auto", "off"] = "auto"
    """`auto`: while a command, a question or a task for others is open, pings keep it alive when that pays."""


class Context(Section):
    shorten: Literal["auto", "window"] = "auto"
    """`auto`: old results are dropped, or the conversation is condensed, when that pays for itself; `window`: only
    when the model's window is full."""


class Limits(Section):
    turns: int | None = Field(None, ge=1)
    """Steps per prompt."""
    guard: bool = True
    """Whether work that goes in circles is stopped until the user has looked at it."""
    output_tokens: int = Field(16_000, ge=1)
    """max_tokens of a request, lowered to the model's own maximum."""


class Delegation(Section):
    """Tasks that a model gives to others."""

    side_by_side: int = Field(4, ge=1)
    depth: int = Field(2, ge=1)
    """How deep they may be nested."""
    count: int = Field(40, ge=0)
    """How many a session may begin."""
    silence: float = Field(120.0, gt=0)
    """Seconds without a sign of life after which the user is told."""
    worktrees: Literal["auto", "always", "never"] = "auto"
    """Whether a task that writes gets a git worktree of its own; auto: when another one writes beside it."""


class Worktrees(Section):
    """What a new worktree gets besides what git tracks."""

    setup: str = ""
    """A shell command that is run in it first, such as `npm ci`."""
    copy_ignored: tuple[str, ...] = ()
    """Patterns of ignored files that are copied into it, such as `.env.local`."""


class Checkpoints(Section):
    """What is kept of files before they are changed, so that it can be undone."""

    enabled: bool = True
    largest_file: int = Field(10_000_000, ge=1)
    """Bytes; a larger one is left out."""
    keep_days: float = Field(14.0, gt=0)
    total: int = Field(2_000_000_000, ge=1)
    """Bytes of all that is kept, of every folder."""


class Memory(Section):
    use: bool = True
    """Whether models get the index of the memory bank, where there is one."""
    update: Literal["ask", "auto", "never"] = "ask"
    """What becomes of the updates that models propose. Where nobody can be asked, they are kept for
    `kcode memory update`."""
    map_tokens: int = Field(0, ge=0, le=4_000)
    """Tokens of a map of the repository that models get from the start; 0: none, they ask for it (`outline`)."""


class Sandbox(Section):
    """What commands can reach."""

    mode: Literal["auto", "on", "off"] = "auto"
    """`auto`: commands that nobody approved (permission mode `auto`) run in one; `on`: all do."""
    network: bool = False
    writable: tuple[str, ...] = ()
    """Folders besides the workspace."""
    hidden: tuple[str, ...] = ()
    """Files and folders besides those where keys usually are."""


class Environment(Section):
    """Variables that commands get although their names look secret, and those that they do not get."""

    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class Settings(Section):
    models: dict[str, str] = {}
    """Mode -> `provider/model`; `default` for every other mode, `small` for titles and summaries."""
    effort: dict[str, Effort] = {}
    fallback: dict[str, tuple[str, ...]] = {}
    budget: Budget = Budget()
    providers: dict[str, Provider] = {}
    prices: dict[str, Price] = {}
    permissions: Permissions = Permissions()
    sandbox: Sandbox = Sandbox()
    environment: Environment = Environment()
    retry: Retry = Retry()
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    cache: Cache = Cache()
    context: Context = Context()
    delegate: Delegation = Delegation()
    worktrees: Worktrees = Worktrees()
    checkpoints: Checkpoints = Checkpoints()
    memory: Memory = Memory()
    windows: dict[str, Annotated[int, Field(ge=1)]] = {}
    """Model -> tokens that fit into a request, where nobody else knows or says it wrong."""
    keys: dict[str, str] = {}
    """Name of a key of the screen -> the keys for it, as "ctrl+x" (docs/keys.md)."""
    profiles: dict[str, dict[str, Any]] = {}
    """Named sets of settings, laid over the rest by `--profile NAME`."""

    def fallbacks(self, mode: str) -> tuple[str, ...]:
        """Models that go on when that of the mode is unavailable, in order."""
        return self.fallback.get(mode) or self.fallback.get("default", ())


def user_file() -> Path:
    return config_dir() / "settings.toml"


def project_file(root: Path) -> Path:
    return root / ".kcode" / "settings.toml"


def load(files: Iterable[Path], assignments: Iterable[str] = (), profile: str | None = None) -> Settings:
    """The files one over the other (those that exist), then the profile, then `key=value` assignments. A project's
    counts as far as it is narrower than what is below it.

    Raises BadInput with file, place and reason of whatever is wrong.
    """
    merged: dict[str, Any] = {}
    for file in files:
        values = read(file)
        check(values, str(file))
        merged = _laid_over(merged, narrowed(merged, values)[0] if _is_projects(file) else values)
    if profile is not None:
        merged = _laid_over(merged, _profile(merged, profile))
    for assignment in assignments:
        merged = _laid_over(merged, parse_assignment(assignment))
    return check(merged, "--set" if assignments else "settings")


def left_out(file: Path, below: Path) -> list[str]:
    """Names of a project's settings that do not count above the user's, since a project may only narrow."""
    return narrowed(read(below), read(file))[1]


def _is_projects(file: Path) -> bool:
    return file.parent.name == ".kcode" and file != user_file()


def read(file: Path) -> dict[str, Any]:
    """The raw values of one settings file; {} when there is none."""
    try:
        if file.exists() and not (file.is_file() or file.is_dir()):  # a pipe would never end
            raise BadInput(f"{file} is no file. Move it away.")
        return tomllib.loads(file.read_text(encoding="utf-8-sig"), parse_float=Decimal)
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{file} is no valid TOML: {error}. Mend it, or move it away.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} cannot be read: {error}.") from None


def parse_assignment(assignment: str) -> dict[str, Any]:
    """`budget.session=2.5` as {"budget": {"session": 2.5}}; a value that is no TOML is taken as text."""
    key, equals, value = assignment.partition("=")
    if not equals or not key.strip():
        raise BadInput(f"--set takes key=value, as in `--set limits.turns=30`; this is {assignment!r}.")
    try:
        return tomllib.loads(f"{key} = {value}", parse_float=Decimal)
    except tomllib.TOMLDecodeError:
        pass
    try:
        return tomllib.loads(f"{key} = {_quoted(value)}")
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"--set {assignment}: {error}.") from None


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _profile(merged: dict[str, Any], name: str) -> dict[str, Any]:
    profiles = merged.get("profiles", {})
    if name not in profiles:
        known = ", ".join(sorted(profiles)) or "none is set"
        raise BadInput(f"There is no profile {name!r} in the settings (known: {known}).")
    found: dict[str, Any] = profiles[name]
    return found


def _laid_over(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    merged = dict(lower)
    for key, value in upper.items():
        both_tables = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _laid_over(merged[key], value) if both_tables else value
    return merged


def check(values: dict[str, Any], source: str) -> Settings:
    """The raw values as settings. BadInput with every fault, and where it is."""
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        faults = "\n".join(
            f"  {'.'.join(map(str, e['loc']))}: {_fault(e['type'], e['loc'], e['msg'])}"
            for e in error.errors()
        )
        raise BadInput(f"{source} is wrong:\n{faults}") from None


def _fault(kind: str, place: Sequence[int | str], message: str) -> str:
    return f"no such setting{nearest(place)}" if kind == "extra_forbidden" else message


def nearest(place: Sequence[int | str]) -> str:
    """`; did you mean limits.turns?` for a mistyped name, or nothing."""
    own = {i: str(part) for i, part in enumerate(place)}
    known = [
        ".".join(own.get(i, part) if part == "*" else part for i, part in enumerate(name)) for name in names()
    ]
    known += [name.rpartition(".")[0] for name in known]
    found = difflib.get_close_matches(".".join(own.values()), known, n=1, cutoff=0.7)
    return f"; did you mean {found[0]}?" if found else ""


def names() -> Iterator[tuple[str, ...]]:
    """Every setting there is, with `*` for a name that the user gives: ("providers", "*", "base_url")."""
    return _names((), Settings)


def _names(place: tuple[str, ...], kind: Any) -> Iterator[tuple[str, ...]]:
    if isinstance(kind, type) and issubclass(kind, Section):
        for name, field in kind.model_fields.items():
            yield from _names((*place, name), field.annotation)
    elif get_origin(kind) is dict:
        yield from _names((*place, "*"), get_args(kind)[1])
    else:
        yield place

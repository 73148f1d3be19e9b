"""From options to a session: settings, model, modes, permissions, ledger, session file. Every front end starts here."""

import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from kcode import paths, settings, trust
from kcode.agent.approvals import Approvals
from kcode.agent.equipment import Equipment
from kcode.agent.permissions import Permissions
from kcode.agent.session import Session
from kcode.agent.task import Conversation
from kcode.agent.worktrees import Worktrees
from kcode.cli import bug, waking
from kcode.cli.options import RunOptions
from kcode.cli.signals import aside
from kcode.errors import BadInput
from kcode.events import MAIN, Event, Listener, Spent
from kcode.llm.catalog import Catalog, key_for
from kcode.llm.client import Client
from kcode.memory import checkpoints, keeping, log, skills
from kcode.memory.project import Project
from kcode.modes.choice import EVERY, Models
from kcode.modes.load import load_modes
from kcode.modes.mode import Mode, mode_named
from kcode.modes.places import all_places, not_trusted
from kcode.processes.git import GitError
from kcode.processes.sandbox import Surroundings
from kcode.settings import Settings
from kcode.spend.ledger import Ledger
from kcode.tools.memory import Memory
from kcode.tools.tool import Toolbox, installed_tools

DEFAULT_MODE = "code"

WHY_NARROW = "a project may narrow, never widen"
NO_SANDBOX = (
    "Permission mode auto asks nothing, and here its commands would run without a sandbox: {why} "
    'Mend that, or say that it is meant: --yolo, or `mode = "off"` below `[sandbox]` in the settings.'
)


@dataclass(slots=True)
class Started:
    """A session that is ready for its first prompt, and what must be put away afterwards."""

    session: Session
    settings: Settings
    ledger: Ledger
    notices: list[str]
    """What the user should know before it begins."""
    put_away: ExitStack


def start(options: RunOptions, someone_answers: bool, listeners: Iterable[Listener] = ()) -> Started:
    """Everything that can be wrong with options and settings is found here, before money is spent: BadInput.

    The listeners are told all that happens from the first event on.
    """
    home = folder(options.cd or Path())
    chosen, notices = settings_for(home, options)
    root = home if options.worktree is None else own_worktree(home, options.worktree, chosen)
    with ExitStack() as cleanup:
        cleanup.enter_context(bug.logged())
        past = _past(root, options)
        id = log.new_session_id() if past is None or options.fork else past.stem
        events = _events(past, notices) if past else []
        said = _main_conversation(events)

        ledger = _ledger(notices, cleanup)
        modes = modes_for(home, options, notices)
        catalog = Catalog(chosen)
        mode = mode_named(modes, options.mode or said.mode or DEFAULT_MODE).name
        models = models_for(options, chosen, modes, said)
        choice = models.begin(mode)
        key_for(catalog.model(choice.model))

        project = Project(root, not options.safe_mode, chosen.memory.use, chosen.memory.map_tokens)
        overflow = _overflow(id, options, cleanup)
        permissions = permissions_for(chosen, options)
        _must_be_confined(permissions, root, someone_answers)
        also = [folder(f) for f in options.add_dir]
        kept = _checkpoints(id, root, also, options, chosen, overflow)
        cleanup.callback(kept.close)
        equipment = Equipment(
            client=Client(chosen, catalog, ledger),
            tools=tools_for(project, chosen),
            modes=modes,
            models=models,
            delegation=chosen.delegate,
            worktrees=Worktrees(chosen.worktrees),
            project=project,
            around=surroundings_for(chosen, permissions, overflow),
            approvals=Approvals(permissions, someone_answers),
            checkpoints=kept,
            turns=chosen.limits.turns,
            output_tokens=chosen.limits.output_tokens,
            command_limit=chosen.timeouts.command,
            command_silence=chosen.timeouts.command_silence,
        )
        session = Session(id, root, equipment, overflow, [*also, *_own_skills()], events)
        if not options.ephemeral:
            session.listen(_written_down(id, past if options.fork else None, cleanup))
        for listener in listeners:
            session.listen(listener)
        budget, purse = budget_for(options, chosen, said), purse_for(id, options, said)
        spent = 0 if budget is None else _spent_elsewhere(ledger, purse, events)
        session.begin(mode, choice.model, choice.effort, budget, project.text, purse, spent)
        if options.name:
            session.rename(options.name)
        notices += waking.words(session) if past and someone_answers else []
        return Started(session, chosen, ledger, notices, cleanup.pop_all())


def folder(path: Path) -> Path:
    """The folder, resolved. BadInput when it is none, or one of which nothing can be written down."""
    try:
        resolved = path.expanduser().resolve(strict=True)
        str(resolved).encode()
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or "a loop of symlinks"
        raise BadInput(f"{path} is no folder to work in: {why}. Name one with -C.") from None
    except UnicodeEncodeError:
        raise BadInput(f"{str(path)!r} cannot be worked in: its name is no UTF-8. Give it another.") from None
    if not resolved.is_dir():
        raise BadInput(f"{path} is no folder. Name the folder to work in with -C.")
    return resolved


def own_worktree(home: Path, name: str, chosen: Settings) -> Path:
    """The folder of the worktree of that name, made when there is none. BadInput when there can be none."""
    if name and not re.fullmatch(r"[\w][\w.-]*", name):
        raise BadInput(f"{name!r} is no name for a worktree: letters, digits, dots, dashes.")
    name = name or f"w{secrets.token_hex(3)}"
    making = Worktrees(chosen.worktrees).named(name, home)
    try:
        return aside(making).folder
    except GitError as error:
        raise BadInput(f"There can be no worktree of {home}: {error}.") from None


def settings_for(root: Path, options: RunOptions) -> tuple[Settings, list[str]]:
    """The user's settings, the project's when the folder is trusted, and the flags over them."""
    files, notices = [settings.user_file()], []
    project = settings.project_file(root)
    if project.is_file() and not options.safe_mode:
        if trust.is_trusted(root):
            files.append(project)
            if kept := settings.left_out(project, settings.user_file()):
                notices.append(
                    f"{project}: {', '.join(kept)} only count in your own settings ({WHY_NARROW})."
                )
        else:
            notices.append(f"{project} is not used: the folder is not trusted. Read it, then `kcode trust`.")
    chosen = settings.load(files, options.set, options.profile)
    return _with_flags(chosen, options), notices


def _with_flags(chosen: Settings, options: RunOptions) -> Settings:
    limits = {"turns": options.max_turns, "output_tokens": options.max_tokens}
    fallback = chosen.fallback
    if options.fallback_models:
        fallback = dict.fromkeys((*fallback, "default"), options.fallback_models)
    budget = chosen.budget
    if options.max_budget_usd is not None:
        budget = budget.model_copy(update={"session": options.max_budget_usd})
    permissions = chosen.permissions
    return chosen.model_copy(
        update={
            "fallback": fallback,
            "budget": budget,
            "limits": chosen.limits.model_copy(update={k: v for k, v in limits.items() if v is not None}),
            "permissions": permissions.model_copy(
                update={
                    "mode": options.permission_mode or permissions.mode,
                    "allow": (*permissions.allow, *options.allowed_tools),
                    "deny": (*permissions.deny, *options.disallowed_tools),
                }
            ),
        }
    )


def permissions_for(chosen: Settings, options: RunOptions) -> Permissions:
    """As settings and flags have it; folders that the user opened can be written by commands, too."""
    also = tuple(str(folder(path)) for path in options.add_dir)
    sandbox = chosen.sandbox.model_copy(update={"writable": (*chosen.sandbox.writable, *also)})
    return Permissions(_with_memory(chosen), yolo=options.yolo, sandbox=sandbox)


def _with_memory(chosen: Settings) -> settings.Permissions:
    """What is to become of proposals for memory, as a rule beside the others; a rule of the user's on it stands."""
    own = chosen.permissions
    match chosen.memory.update:
        case "auto":
            return own.model_copy(update={"allow": (*own.allow, Memory.name)})
        case "ask" if Memory.name not in own.allow:
            return own.model_copy(update={"ask": (*own.ask, Memory.name)})
        case "ask" | "never":
            return own


def tools_for(project: Project, chosen: Settings) -> Toolbox:
    """Those that have something to do here: what is offered is paid for with every request."""
    is_wanted = project.remembers and chosen.memory.update != "never"
    return Toolbox(tool for tool in installed_tools().values() if is_wanted or tool is not Memory)


def _own_skills() -> list[Path]:
    """The folder of the user's own skills: they are read where they lie."""
    own = skills.folder()
    return [own.resolve()] if own.is_dir() else []


def _must_be_confined(permissions: Permissions, root: Path, someone_answers: bool) -> None:
    """Where nobody can be asked, `auto` without a sandbox needs the user's word before it begins. BadInput also when
    the settings insist on one, and there is none."""
    permissions.sandbox(root)
    if not someone_answers and (why := permissions.unconfined(root)):
        raise BadInput(NO_SANDBOX.format(why=why))


def surroundings_for(
    chosen: Settings, permissions: Permissions, overflow: Path
) -> Callable[[Path, bool], Surroundings]:
    """What a command that works in a folder is started in, as the permissions stand then."""
    named = [key or "" for one in chosen.providers.values() for key in (one.key, *one.keys)]
    keys = tuple(key.removeprefix("env:") for key in named if key.startswith("env:"))

    def around(root: Path, is_approved: bool) -> Surroundings:
        return Surroundings(
            keep=chosen.environment.keep,
            drop=(*chosen.environment.drop, *keys),
            sandbox=permissions.sandbox(root, overflow / "tmp", is_approved=is_approved),
            shown=(overflow,),
        )

    return around


def modes_for(root: Path, options: RunOptions, notices: list[str]) -> dict[str, Mode]:
    """All modes. `notices` get what the user should know of those that do not count."""
    modes, complaints = load_modes(all_places(root, options.safe_mode))
    notices += complaints if options.safe_mode else [*complaints, *not_trusted(root)]
    return modes


def models_for(
    options: RunOptions, chosen: Settings, modes: Mapping[str, Mode], said: Conversation
) -> Models:
    """The models of this session's modes. What the session has in its modes stays, unless the options say otherwise."""
    asked = options.models_by_mode
    models = Models(chosen, modes, dict(asked), {EVERY: options.effort} if options.effort else {})
    for mode, choice in said.picks.items():
        if not {mode, EVERY} & asked.keys():
            models.picks[mode] = choice.model
        if choice.effort and not options.effort:
            models.efforts[mode] = choice.effort
    return models


def budget_for(options: RunOptions, chosen: Settings, said: Conversation) -> int | None:
    """Micro-dollars: the flag's, else what the session has, else the settings'."""
    if options.max_budget_usd is None and said.messages:
        return said.budget
    limit = chosen.budget.session
    return None if limit is None else int(limit * 1_000_000)


def purse_for(id: str, options: RunOptions, said: Conversation) -> str:
    """The session whose budget this one spends. A fork shares that of the session it was made of, unless it is given
    an amount of its own."""
    if options.fork and options.max_budget_usd is not None:
        return id
    return options.purse or said.budgets.purse or id


def _spent_elsewhere(ledger: Ledger, purse: str, events: Iterable[Event]) -> int:
    """Micro-dollars of a purse of which this session's own events do not tell."""
    own = sum(event.spend.micro_dollars or 0 for event in events if isinstance(event, Spent))
    return max(ledger.used(purse) - own, 0)


def _past(root: Path, options: RunOptions) -> Path | None:
    """The file of the session that is gone on with. BadInput when -c or -r finds none."""
    if options.resume:
        return log.find_session(options.resume)
    if not options.continue_last:
        return None
    found = log.last_session(root)
    if found is None:
        raise BadInput(f'No session was begun in {root} yet. Start one: kcode run "…".')
    return found


def _written_down(id: str, copied: Path | None, cleanup: ExitStack) -> Listener:
    """What writes events into the session's file, which is open until the clean-up."""
    file = _session_file(id, copied)
    cleanup.callback(file.close)
    return file.append


def _ledger(notices: list[str], cleanup: ExitStack) -> Ledger:
    """The user's, open until the clean-up; `notices` get what there is to know of it."""
    ledger = Ledger(paths.data_dir() / "ledger.sqlite3")
    cleanup.callback(ledger.close)
    notices += [ledger.note] if ledger.note else []
    return ledger


def _session_file(id: str, copied: Path | None) -> log.SessionLog:
    """The file of the session, open, with the events of another one for a start. BadInput when it cannot be written."""
    file = log.session_path(id)
    try:
        if copied is not None:
            shutil.copyfile(copied, file)
        return log.SessionLog(file)
    except OSError as error:
        raise BadInput(
            f"The session cannot be kept in {file.parent}: {error.strerror}. Mend that, or keep none: --ephemeral."
        ) from None


def _events(past: Path, notices: list[str]) -> list[Event]:
    events, bad = log.load_events(past)
    if bad:
        notices.append(f"{bad} lines of session {past.stem} could not be read and are left out.")
    return events


def _main_conversation(events: list[Event]) -> Conversation:
    said = Conversation()
    for event in events:
        if event.task == MAIN:
            said.add(event)
    return said


def _overflow(id: str, options: RunOptions, cleanup: ExitStack) -> Path:
    """Where long output goes: beside the session, so that it is still there when the session is gone on with."""
    if options.ephemeral:
        return Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="kcode-"))).resolve()
    overflow = log.session_path(id).with_suffix("").resolve()
    cleanup.callback(shutil.rmtree, overflow / "tmp", ignore_errors=True)
    return overflow


def _checkpoints(
    id: str, root: Path, also: list[Path], options: RunOptions, chosen: Settings, overflow: Path
) -> checkpoints.Checkpoints:
    """Those of the session; they are gone with an ephemeral one."""
    wish = chosen.checkpoints
    file = overflow / "checkpoints.sqlite3" if options.ephemeral else keeping.file_for(root)
    place = keeping.place_for(root, also, wish.largest_file)
    return checkpoints.Checkpoints(place, id, file, wish.total, wish.keep_days, wish.enabled)

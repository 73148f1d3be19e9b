"""What may happen without asking: rules, the permission mode, and what is protected from both.

The first that has something to say decides: a deny rule; the mode `plan`; `yolo`; an ask rule; protection; an allow
rule; the border of the workspace; the mode. Of a command every part is judged, and the strictest word holds.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import gettempdir
from typing import Literal

from kcode import settings
from kcode.agent.alike import folder_of, pattern_of
from kcode.agent.commands import Part, Redirection, Simple, Unclear, parts
from kcode.agent.named import QUIET, files_in, secrets_in
from kcode.agent.programs import name_of
from kcode.agent.protected import WHY, protection
from kcode.agent.rules import Rule, rule
from kcode.agent.surprises import mentions, runs_others, surprise
from kcode.agent.words import Word, names_in
from kcode.errors import ToolError
from kcode.processes.sandbox import Sandbox, active, why_not
from kcode.tools.tool import Group, Tool, Workspace

Verdict = Literal["allow", "ask", "deny"]
STRICTNESS: dict[Verdict, int] = {"allow": 0, "ask": 1, "deny": 2}

MEMORY, HEARD = "memory", "later sessions will hear it"
"""The tool, and the rule on it that `memory.update = "ask"` is; and why it asks."""

PLAN = "Plan mode only reads: change nothing, run no command, and say what you would do."

QUIET_WHEN_SEEN = {"printf", "test", "["}
"""Builtins that change nothing when all of their words are known."""

HARMLESS_VARIABLES = names_in(
    "CI NO_COLOR FORCE_COLOR TERM LANG LC_ALL TZ COLUMNS LINES DEBUG VERBOSE RUST_BACKTRACE NODE_ENV "
    "PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE PYTHONHASHSEED"
)
RUNNING_VARIABLES = re.compile(
    r"PATH|PS[0-4]|PROMPT_COMMAND|(BASH_)?ENV|SHELL|IFS|LD_\w+|DYLD_\w+|\w*PAGER|EDITOR|VISUAL|BROWSER|GIT_\w+|LESSOPEN"
    r"|PERL5(OPT|LIB|DB)|PYTHON(STARTUP|PATH|HOME|BREAKPOINT)|NODE_OPTIONS|RUBY(OPT|LIB)|JAVA_TOOL_OPTIONS|MAKEFLAGS"
    r"|(SSH|SUDO)_ASKPASS|RSYNC_RSH|TAR_OPTIONS|RIPGREP_CONFIG_PATH|RUSTC(_\w+)?|CC|CXX|HOME|XDG_CONFIG_\w+"
)
"""What programs run, load or obey."""
MEANINGFUL_VARIABLES = {"http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy"}
"""Other names in lower case are the script's own."""


@dataclass(frozen=True, slots=True)
class Decision:
    verdict: Verdict
    reason: str
    """Of a deny a sentence for the model, else some words for the user."""


FINE = Decision("allow", "")


@dataclass(frozen=True, slots=True)
class Judged:
    part: str
    decision: Decision


NO_SANDBOX = settings.Sandbox(mode="off")


class Permissions:
    """The settings' rules with the flags', the mode, and what the user has granted in the session."""

    def __init__(
        self,
        chosen: settings.Permissions,
        *,
        yolo: bool = False,
        sandbox: settings.Sandbox = NO_SANDBOX,
    ) -> None:
        """BadInput when a rule is none."""
        self.mode = chosen.mode
        self.yolo = yolo
        """The user's word: nothing is asked."""
        self.goes_without = False
        """The user's word: `auto` runs commands also where there is no sandbox."""
        self._sandbox = sandbox
        self._deny, self._ask, self._allow = (
            tuple(map(rule, texts)) for texts in (chosen.deny, chosen.ask, chosen.allow)
        )
        self._granted: set[tuple[str, str]] = set()

    def decide(self, tool: Tool, workspace: Workspace) -> Decision:
        """ToolError when the target is no path at all."""
        match tool.group:
            case "command":
                judged = self.explain(tool.target(), workspace, tool.name)
                return max((one.decision for one in judged), key=lambda one: STRICTNESS[one.verdict])
            case "read" | "edit" as group:
                name = tool.target() or "."
                workspace.judged[name] = workspace.resolved(name)
                return self._file(tool.name, group, name, workspace)
            case "delegate" | "outside" | "switch" as group:
                return self._other(tool.name, group, tool.target(), _call(tool))

    def sandbox(self, root: Path, tmp: Path | None = None, *, is_approved: bool = False) -> Sandbox | None:
        """The one that a command runs in now, with what rules deny to be read hidden. What the user has approved, with
        its very words, runs in none, unless the settings insist; BadInput when they do, and there is none."""
        found = active(self._sandbox, "" if self.yolo or is_approved else self.mode, root, tmp)
        return found and replace(found, hidden=(*found.hidden, *self._denied_places(root)))

    def unconfined(self, root: Path) -> str | None:
        """Why `auto` has to ask before a command: there is no sandbox, and the user has not said that it goes
        without. None when it need not."""
        if self.mode != "auto" or self.yolo or self.goes_without or self._sandbox.mode == "off":
            return None
        return why_not(root)

    def hides(self, tool: str, path: Path, root: Path) -> bool:
        """Whether a rule denies this file to a tool that reads, or wants it asked."""
        return self._path_rule((*self._deny, *self._ask), tool, "read", (path,), root) is not None

    def _denied_places(self, root: Path) -> Iterator[Path]:
        for one in self._deny:
            name = (one.pattern or "").removesuffix("**").removesuffix("*")
            if one.is_about("read", "read") and name.strip("/") and not set(name) & set("*?["):
                yield Path(name).expanduser() if name.startswith(("/", "~")) else root / name

    def explain(self, command: str, workspace: Workspace, tool: str = "shell") -> tuple[Judged, ...]:
        """The parts that were seen in a command, and what is thought of each."""
        seen = parts(command) or (Simple(()),)
        moves = any(
            isinstance(part, Simple) and name_of(part.words) in ("cd", "pushd", "popd") for part in seen
        )
        judged = tuple(Judged(shown(part), self._part(part, tool, workspace, moves)) for part in seen)
        if (tool, command) in self._granted and all(one.decision.verdict != "deny" for one in judged):
            return tuple(Judged(one.part, Decision("allow", "you allowed it")) for one in judged)
        return judged

    def grantable(self, tool: Tool) -> str:
        """What `grant` would allow, in words."""
        edits = "all that it wants to remember" if tool.name == MEMORY else "all edits in the workspace"
        return edits if tool.group == "edit" else "exactly this call"

    def grant(self, tool: Tool) -> None:
        """The user's `always`, for this session: edits in the workspace, or else exactly this call."""
        self._granted.add(_all_edits(tool.name) if tool.group == "edit" else (tool.name, _call(tool)))

    def likeness(self, tool: Tool, workspace: Workspace) -> str:
        """A rule that allows this call and others like it; "" where there is none that may be offered."""
        match tool.group:
            case "command":
                seen = (part for part in parts(tool.target()) if isinstance(part, Simple))
                rules = [f"{tool.name}({pattern_of(part.words)})" for part in seen if pattern_of(part.words)]
            case "edit":
                rules = [f"edit({folder_of(tool.target())})"] if folder_of(tool.target()) else []
            case "read" | "delegate" | "outside" | "switch":
                rules = []
        fitting = (one for one in rules if self._with(one).decide(tool, workspace).verdict == "allow")
        return next(fitting, "")

    def grant_like(self, tool: Tool, workspace: Workspace) -> None:
        """The user's `like`, for this session."""
        if like := self.likeness(tool, workspace):
            self._allow = (*self._allow, rule(like))

    def _with(self, allowed: str) -> "Permissions":
        other = copy(self)
        other._allow = (*self._allow, rule(allowed))
        return other

    def _file(self, tool: str, group: Literal["read", "edit"], name: str, workspace: Workspace) -> Decision:
        path = workspace.resolved(name)
        paths = (path, Path(workspace.root, Path(name).expanduser()))
        root, shown_path = workspace.root, workspace.shown(path)
        if denied := self._path_rule(self._deny, tool, group, paths, root):
            return Decision("deny", f"Denied by the rule {denied.text}.")
        if self.mode == "plan" and group == "edit":
            return Decision("deny", PLAN)
        if self.yolo:
            return Decision("allow", "yolo")
        asked = self._path_rule(self._ask, tool, group, paths, root)
        if asked and not (asked.text == MEMORY and _all_edits(MEMORY) in self._granted):
            return Decision("ask", HEARD if asked.text == MEMORY else f"the rule {asked.text}")
        if protected := protection(paths, writes=group == "edit"):
            verdict: Verdict = "deny" if protected == "git" else "ask"
            why = f"{shown_path} is protected: {WHY[protected]}"
            return Decision(verdict, f"{why}." if verdict == "deny" else why)
        for one in self._allow:
            if one.is_about(tool, group) and one.allows_path(path, root):
                return Decision("allow", f"the rule {one.text}")
        if not workspace.holds(path):
            is_granted = (tool, name) in self._granted
            return Decision("allow", "you allowed it") if is_granted else _outside(path)
        if group == "read" or self.mode in ("edits", "auto") or _all_edits(tool) in self._granted:
            return Decision("allow", f"it is in the workspace ({self.mode})")
        return Decision("ask", "edits need your yes")

    def _other(self, tool: str, group: Group, target: str, call: str) -> Decision:
        def first(rules: Iterable[Rule]) -> Rule | None:
            return next(
                (one for one in rules if one.is_about(tool, group) and one.matches_text(target)), None
            )

        if denied := first(self._deny):
            return Decision("deny", f"Denied by the rule {denied.text}.")
        if self.mode == "plan" and group == "outside":
            return Decision("deny", PLAN)
        if self.yolo:
            return Decision("allow", "yolo")
        if asked := first(self._ask):
            return Decision("ask", f"the rule {asked.text}")
        if allowed := first(self._allow):
            return Decision("allow", f"the rule {allowed.text}")
        if group in ("delegate", "switch") or self.mode == "auto" or (tool, call) in self._granted:
            return Decision("allow", self.mode)
        return Decision("ask", "it reaches out of the workspace")

    def _part(self, part: Part, tool: str, workspace: Workspace, moves: bool) -> Decision:
        match part:
            case Simple():
                return self._simple(part, tool, workspace, moves)
            case Unclear():
                return self._unclear(part.reason, tool, workspace)
            case Redirection(target=Word(text=text)):
                is_relative = text is not None and not text.startswith(("/", "~"))
                if text is None or part.target.is_pattern or (moves and is_relative):
                    return self._unclear("which file it names is not known before", tool, workspace, "edit")
                return self._redirection(text, part.writes, workspace)

    def _redirection(self, name: str, writes: bool, workspace: Workspace) -> Decision:
        try:
            decision = self._file("edit" if writes else "read", "edit" if writes else "read", name, workspace)
        except ToolError as error:
            return Decision("ask", str(error))
        path = workspace.resolved(name)
        in_temp = path.is_relative_to(Path(gettempdir()).resolve())
        if decision == _outside(path) and self.mode == "auto" and in_temp:
            return Decision("allow", "a temporary file")
        return decision

    def _simple(self, simple: Simple, tool: str, workspace: Workspace, moves: bool) -> Decision:
        if forbidden := self._forbidden(simple.words, tool):
            return forbidden
        if (named := self._named(simple.words, workspace, moves)).verdict != "allow":
            return named
        if self.yolo:
            return Decision("allow", "yolo")
        if secret := next(secrets_in(simple.words), ""):
            return Decision("ask", f"{secret} is protected: {WHY['secret']}")
        if running := next(filter(RUNNING_VARIABLES.fullmatch, simple.assigned), ""):
            return self._unclear(f"{running} is set, which can run programs", tool, workspace)
        if strange := next(filter(_is_meaningful, simple.assigned), ""):
            return self._by_mode(tool, f"{strange} is set", workspace)
        if simple.is_bare or not simple.words or self._is_quiet(simple.words, workspace):
            return Decision("allow", "it changes nothing")
        return self._allowed(simple.words, tool, workspace)

    def _named(self, words: tuple[Word, ...], workspace: Workspace, moves: bool) -> Decision:
        """What rules say of the files that are named in a command, whatever it does with them."""
        rules = [one for one in (*self._deny, *self._ask) if one.pattern and one.is_about("read", "read")]
        if not rules or (words and words[0].text in QUIET):
            return FINE
        found = [
            one for name in files_in(words, workspace.root) for one in self._about(rules, name, workspace)
        ]
        if denied := next((one for one in found if one in self._deny), None):
            return Decision("deny", f"Denied by the rule {denied.text}.")
        asked = next((one for one in found if not self.yolo), None)
        if asked is None and moves and not self.yolo and any(word.is_known for word in words[1:]):
            return Decision("ask", f"it may be what {rules[0].text} is about, since the folder changes")
        return Decision("ask", f"the rule {asked.text}") if asked else FINE

    def _about(self, rules: Iterable[Rule], name: str, workspace: Workspace) -> Iterator[Rule]:
        try:
            paths = (workspace.resolved(name), Path(workspace.root, Path(name).expanduser()))
        except ToolError:
            return
        yield from (one for one in rules if any(one.forbids_path(path, workspace.root) for path in paths))

    def _forbidden(self, words: tuple[Word, ...], tool: str) -> Decision | None:
        answers = {
            one: one.forbids_command(words) if words else one.pattern is None
            for one in (*self._deny, *self._ask)
            if one.is_about(tool, "command")
        }
        for one in self._deny:
            if answers.get(one):
                return Decision("deny", f"Denied by the rule {one.text}.")
        if self.mode == "plan":
            return Decision("deny", PLAN)
        if self.yolo:
            return None
        for one, answer in answers.items():
            if answer is not False:
                return Decision(
                    "ask", f"the rule {one.text}" if answer else f"it may be what {one.text} is about"
                )
        if answers and (why := runs_others(words)):
            return Decision("ask", f"{why}: it may be what {next(iter(answers)).text} is about")
        spoken = (one for one in answers if one.program and mentions(words, one.program))
        return next((Decision("ask", f"it may be what {one.text} is about") for one in spoken), None)

    def _allowed(self, words: tuple[Word, ...], tool: str, workspace: Workspace) -> Decision:
        reason = ""
        for one in self._allow:
            if not one.is_about(tool, "command"):
                continue
            if one.allows_command(words):
                reason = surprise(words) if one.pattern else ""
                if not reason:
                    return Decision("allow", f"the rule {one.text}")
        return self._by_mode(tool, reason or "commands need your yes", workspace)

    def _by_mode(self, tool: str, reason: str, workspace: Workspace) -> Decision:
        """What no rule with a pattern is about."""
        for one in self._allow:
            if one.pattern is None and one.is_about(tool, "command"):
                return Decision("allow", f"the rule {one.text}")
        if self.mode != "auto":
            return Decision("ask", reason)
        if why := self.unconfined(workspace.root):
            return Decision("ask", f"it would run without a sandbox: {why}")
        return Decision("allow", "auto")

    def _unclear(self, reason: str, tool: str, workspace: Workspace, group: Group = "command") -> Decision:
        """It may be anything: so may it be what a rule forbids."""
        ruled = [
            one
            for one in (*self._deny, *self._ask)
            if one.is_about(tool, "command") or one.is_about("edit", group)
        ]
        if any(one.pattern is None and one in self._deny for one in ruled):
            return Decision("deny", f"Denied by the rule {ruled[0].text}.")
        if self.mode == "plan":
            return Decision("deny", PLAN)
        if self.yolo:
            return Decision("allow", "yolo")
        return Decision("ask", reason) if ruled else self._by_mode(tool, reason, workspace)

    def _is_quiet(self, words: tuple[Word, ...], workspace: Workspace) -> bool:
        program = words[0].text
        if program in QUIET:
            return True
        if program in QUIET_WHEN_SEEN:
            return not surprise(words)
        if program == "cat" and len(words) == 1:  # what is written, its redirection says
            return True
        if program == "cd" and len(words) == 2 and words[1].is_known and words[1].text:
            with suppress(ToolError):
                return workspace.holds(workspace.resolved(words[1].text))
        return False

    def _path_rule(
        self, rules: Iterable[Rule], tool: str, group: Group, paths: Iterable[Path], root: Path
    ) -> Rule | None:
        return next(
            (
                one
                for one in rules
                if one.is_about(tool, group) and any(one.forbids_path(p, root) for p in paths)
            ),
            None,
        )


def _all_edits(tool: str) -> tuple[str, str]:
    """A grant of one tool that edits is one of all; what is remembered is another thing."""
    return (tool if tool == MEMORY else "edit"), ""


def _call(tool: Tool) -> str:
    """What a grant is bound to: this command, this file, or else all arguments."""
    return tool.target() if tool.group in ("command", "read") else tool.model_dump_json()


def _outside(path: Path) -> Decision:
    return Decision("ask", f"{path} is outside of the workspace")


def shown(part: Part) -> str:
    """A part as `kcode permissions check` shows it."""
    match part:
        case Simple(words, assigned):
            return " ".join(
                [f"{name}=…" for name in assigned] + ["…" if w.text is None else w.text for w in words]
            )
        case Redirection(target, writes):
            return f"{'>' if writes else '<'} {'…' if target.text is None else target.text}"
        case Unclear(text):
            return text


def _is_meaningful(variable: str) -> bool:
    if variable in HARMLESS_VARIABLES:
        return False
    return variable in MEANINGFUL_VARIABLES or not variable.islower()

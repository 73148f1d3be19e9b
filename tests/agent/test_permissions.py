from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode import settings
from kcode.agent.permissions import Decision, Permissions, Verdict
from kcode.errors import BadInput, ToolError
from kcode.paths import config_dir, data_dir
from kcode.processes.jobs import Jobs
from kcode.settings import PermissionMode
from kcode.tools.shell import Shell
from kcode.tools.tool import Group, Output, Tool, Workspace

Decide = Callable[..., Decision]


class Reach(Tool):
    """A tool of any group."""

    name: ClassVar[str] = "reach"
    group: ClassVar[Group] = "read"
    where: str

    def target(self) -> str:
        return self.where

    async def run(self, workspace: Workspace, call_id: str) -> Output:
        raise NotImplementedError


class Read(Reach):
    """A reader."""

    name = "look"
    group = "read"


class Edit(Reach):
    """A writer."""

    name = "change"
    group = "edit"


class Write(Edit):
    name: ClassVar[str] = "write"


class Delegate(Reach):
    """Gives work away."""

    name = "give"
    group = "delegate"


class Outside(Reach):
    """Reaches out."""

    name = "fetch"
    group = "outside"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    async def nobody(question: str, choices: tuple[str, ...]) -> str:
        raise ToolError(question)

    root = tmp_path / "work"
    for folder in ("src", ".git/hooks", ".kcode/memory"):
        (root / folder).mkdir(parents=True)
    (tmp_path / "also").mkdir()
    (root / "out").symlink_to(tmp_path)
    (root / "git-link").symlink_to(root / ".git")
    return Workspace(
        root, (tmp_path / "also",), tmp_path / "overflow", nobody, lambda i, t: None, Jobs(), 9, 9
    )


def permissions(
    mode: PermissionMode = "ask",
    allow: tuple[str, ...] = (),
    ask: tuple[str, ...] = (),
    deny: tuple[str, ...] = (),
    yolo: bool = False,
) -> Permissions:
    return Permissions(settings.Permissions(mode=mode, allow=allow, ask=ask, deny=deny), yolo=yolo)


ALLOWED = (
    "shell(git diff *)",
    "shell(git status)",
    "shell(git log *)",
    "shell(pytest *)",
    "shell(ls *)",
    "shell(grep *)",
    "shell(find *)",
    "shell(sed *)",
    "shell(sort *)",
    "shell(head *)",
    "shell(cat *)",
    "shell(python -m pytest *)",
    "shell(npm run test:*)",
    "shell(uniq *)",
    "shell(awk *)",
    "shell(tar *)",
)


@pytest.mark.parametrize(
    "command",
    [
        "git diff",
        "git diff --stat HEAD~1 -- src",
        "git   diff\t--stat",
        "git status",
        "pytest",
        "pytest -q tests/test_a.py::test_b",
        "python -m pytest -x",
        "npm run test:unit",
        "git diff | head -n 5",
        "git log --oneline && git status; pytest",
        "cd src && pytest -q",
        "echo start; pytest; echo done",
        "pytest 2>&1 | head -40",
        "pytest > /dev/null 2>&1",
        "timeout 60 pytest -q",
        "nice -n 5 timeout 60 pytest",
        "CI=1 pytest",
        "env CI=1 pytest",
        "bash -c 'git diff && pytest'",
        "time pytest",
        "sed -n '1,20p' a.py",
        "sed 's/a/b/g' a.py",
        "find . -name '*.py' -type f",
        "sort -u names.txt",
        "grep -rn 'x > y; rm z' src",
        "ls *.py",
        "cat .env.example",
        "for n in 1 2; do pytest; done",
        "if pytest; then echo ok; else echo bad; fi",
        "(cd src; ls)",
        "! grep -q word a.txt",
        "[ -f a.py ] && cat a.py",
        "cat <<'E'\n$(rm x)\nE",
        "pytest # && rm -rf /",
        "pytest \\\n  -q",
        "x=1; pytest",
        "awk '{print $1}' a.txt",
        "",
        "# only a comment",
    ],
)
def test_what_the_rules_allow_runs_unasked(workspace: Workspace, command: str) -> None:
    decision = permissions(allow=ALLOWED).decide(Shell(command=command), workspace)
    assert decision.verdict == "allow", decision.reason


@pytest.mark.parametrize(
    "command",
    [
        # another command than the rule's
        "git difftool",
        "git diffx",
        "git",
        "git status --short",
        "pytest-watch",
        "./pytest",
        "/tmp/pytest",
        "npm run test",
        "python -m pytestx",
        "python pytest",
        # hidden behind an allowed one
        "git diff; rm x",
        "git diff && rm x",
        "git diff || rm x",
        "git diff | sh",
        "git diff & rm x",
        "git diff\nrm x",
        "git diff $(rm x)",
        "git diff `rm x`",
        'git diff "$(rm x)"',
        "git diff <(rm x)",
        "pytest; " * 60 + "rm x",
        "cat <<E\n$(rm x)\nE",
        "bash -c 'git diff; rm x'",
        "timeout 5 rm x",
        "env rm x",
        "f() { rm x; }; git diff",
        "if git diff; then rm x; fi",
        "case a in a) rm x;; esac",
        # redirections
        "git diff > out",
        "git diff >> src/a.py",
        "git diff > /etc/passwd",
        "git diff > out.txt --stat",
        "pytest &> log",
        "{ git diff; } > out",
        "cat < /etc/shadow",
        "git diff > .git/config",
        # what is not known before
        "git diff $x",
        "git diff ${x@P}",
        "git $x",
        "$x diff",
        "g'i't$x diff",
        "pytest {a,b}",
        "cat $'a'",
        "git diff $((a[$(rm x)]))",
        "find . | xargs cat",
        "echo ls | sh",
        "git diff \r--x",
        "git diff (",
        "/bin/l? x",
        # what changes the meaning of a program
        "PATH=/tmp/evil git diff",
        "GIT_EXTERNAL_DIFF=x git diff",
        "env LD_PRELOAD=x ls",
        "PAGER=x; git log",
        "export PATH=/tmp/evil; git diff",
        "alias git=rm; git diff",
        "hash -p /tmp/evil git; git diff",
        "cd /tmp && pytest",
        "cd && pytest",
        "sudo pytest",
        "timeout --strange 4 pytest",
        # options that run programs or write files
        "git -c core.pager=x diff",
        "git diff --output=x",
        "git diff --ext-diff",
        "git log -p --textconv",
        "find . -exec cat {} +",
        "find . -delete",
        "find . -fprint x",
        "sed -i s/a/b/ a.py",
        "sed 's/a/b/w out' a.py",
        "sed 's/a/b/e' a.py",
        "sed -n '1e rm x' a.py",
        "sort -o a b",
        "sort --compress-program=x a",
        "uniq a b",
        "awk 'BEGIN{system(\"rm x\")}'",
        "tar xf a --checkpoint-action=exec=x",
        "tar xf a -I x",
        # secrets
        "cat .env",
        "cat src/.env.local",
        "cat ~/.ssh/id_rsa",
        "cat .e*",
        "grep -r x --include=.env",
    ],
)
def test_what_the_rules_do_not_allow_is_asked(workspace: Workspace, command: str) -> None:
    decision = permissions(allow=ALLOWED).decide(Shell(command=command), workspace)
    assert decision.verdict in ("ask", "deny") and decision.reason


@pytest.mark.parametrize(
    "command",
    [
        "rm x",
        "rm",
        "/bin/rm x",
        "./rm x",
        "RM x",
        r"\rm x",
        "r'm' x",
        '"rm" x',
        'r""m x',
        "A=1 rm x",
        "> out rm x",
        "ls; rm x",
        "ls\nrm x",
        "ls # nothing\nrm x",
        "echo $(rm x)",
        "echo `rm x`",
        "cat <(rm x)",
        "cat <<E\n$(rm x)\nE",
        "sudo rm x",
        "sudo -u joe env A=1 nice -n 5 timeout 9 rm x",
        "command rm x",
        "exec rm x",
        "nohup rm x &",
        "ls | xargs rm",
        "ls | xargs -n 1 -0 rm -f",
        "find . -name x -exec rm {} \\;",
        "bash -c 'rm x'",
        "bash -c \"bash -c 'rm x'\"",
        "eval rm x",
        "eval 'ls; rm x'",
        "trap 'rm x' EXIT",
        "bash <<< 'rm x'",
        "sh <<E\nrm x\nE",
        "busybox rm x",
        "f() { rm x; }; f",
        "for i in 1; do rm $i; done",
        "while true; do rm x; done",
        "[[ -f x ]] && rm x",
        "rm $x",
        "coproc rm x",
        "time rm x",
        "! rm x",
        "rm x; echo 'unfinished",
        "git push",
        "git push --force origin",
        "git -C elsewhere push",
        "git --no-pager -c a=b push origin",
        "/usr/bin/git push",
    ],
)
@pytest.mark.parametrize("mode", ["auto", "ask"])
def test_a_deny_rule_holds_in_every_disguise(
    workspace: Workspace, command: str, mode: PermissionMode
) -> None:
    denying = permissions(mode, allow=("shell",), deny=("shell(rm *)", "command(git push *)"))
    decision = denying.decide(Shell(command=command), workspace)
    assert decision.verdict == "deny" and decision.reason.startswith("Denied by the rule")


@pytest.mark.parametrize(
    "command",
    ["git log push", "echo rm", "git rm x", "firmware", "ls rm", "git commit -m push", "grep -r 'rm x' ."],
)
def test_a_deny_rule_is_about_nothing_else(workspace: Workspace, command: str) -> None:
    denying = permissions("auto", deny=("shell(rm *)", "command(git push *)"))
    assert denying.decide(Shell(command=command), workspace).verdict == "allow"


@pytest.mark.parametrize(
    "command", ["$x", "ls | sh", "git $x", 'bash -c "$x"', "ls (", "watch rm x", "/bin/r? x"]
)
def test_what_may_be_denied_is_asked_even_in_auto(workspace: Workspace, command: str) -> None:
    denying = permissions("auto", deny=("shell(rm *)", "shell(git push *)"))
    assert denying.decide(Shell(command=command), workspace).verdict == "ask"
    assert permissions("auto").decide(Shell(command=command), workspace).verdict == "allow"


simple = st.sampled_from(
    ["rm", "rm -rf x", "A=1 rm", "r''m", "\\rm x", "/bin/rm", "git push", "git -C x push origin main"]
)


@given(simple, st.data())
def test_no_decoration_leads_past_a_deny_rule(command: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(0, 3))):
        command = data.draw(
            st.sampled_from(
                [
                    f"( {command} )",
                    f"{{ {command}; }}",
                    f"ls; {command}",
                    f"{command} | cat",
                    f"ls &&\n  {command}",
                    f"ls # it's \"fine\n{command}",
                    f"echo $( {command} )",
                    f'echo "a $( {command} ) b"',
                    f"! {command}",
                    f"if true; then {command}; fi",
                    f"for i in a b; do {command}; done",
                    f"env B=2 bash -c {quoted(command)}",
                    f"timeout 3 sh -c {quoted(command)}",
                    f"eval {quoted(command)}",
                    f"bash <<'END'\n{command}\nEND\n",
                    f"f() {{ {command}\n}}",
                    f"{command} > /dev/null 2>&1",
                    f"{command} \\\n",
                ]
            )
        )
    root = Path("/nowhere")
    place = Workspace(root, (), root, None, lambda i, t: None, Jobs(), 9, 9)  # type: ignore[arg-type]
    denying = permissions("auto", deny=("shell(rm *)", "shell(git push *)"))
    assert denying.decide(Shell(command=command), place).verdict == "deny", command


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def test_the_strictest_rule_wins(workspace: Workspace) -> None:
    found = permissions(
        "auto", allow=("shell(git *)",), ask=("shell(git commit *)",), deny=("shell(git push *)",)
    )
    verdicts = [
        found.decide(Shell(command=f"git {c}"), workspace).verdict for c in ("log", "commit -m x", "push")
    ]
    assert verdicts == ["allow", "ask", "deny"]


GROUPS: dict[str, type[Reach]] = {"read": Read, "edit": Edit, "delegate": Delegate, "outside": Outside}


@pytest.mark.parametrize(
    ("mode", "read", "edit", "command", "delegate", "outside"),
    [
        ("ask", "allow", "ask", "ask", "allow", "ask"),
        ("edits", "allow", "allow", "ask", "allow", "ask"),
        ("auto", "allow", "allow", "allow", "allow", "allow"),
        ("plan", "allow", "deny", "deny", "allow", "deny"),
    ],
)
def test_each_mode_gives_its_groups_free(
    workspace: Workspace,
    mode: PermissionMode,
    read: Verdict,
    edit: Verdict,
    command: Verdict,
    delegate: Verdict,
    outside: Verdict,
) -> None:
    found = permissions(mode)
    verdicts = [found.decide(tool(where="src/a.py"), workspace).verdict for tool in GROUPS.values()]
    assert verdicts == [read, edit, delegate, outside]
    assert found.decide(Shell(command="make"), workspace).verdict == command


def test_plan_tells_the_model_what_to_do_instead(workspace: Workspace) -> None:
    for tool in (Edit(where="a"), Shell(command="ls"), Outside(where="x")):
        assert (
            "Plan mode only reads" in permissions("plan", allow=("shell(ls)",)).decide(tool, workspace).reason
        )


@pytest.mark.parametrize("mode", ["ask", "edits", "auto"])
@pytest.mark.parametrize("where", ["/etc/hosts", "../other", "~/notes", "out/x", "src/../../x", "/"])
def test_outside_of_the_workspace_is_asked_in_every_mode(
    workspace: Workspace, mode: PermissionMode, where: str
) -> None:
    for tool in (Read(where=where), Edit(where=where)):
        decision = permissions(mode).decide(tool, workspace)
        assert decision.verdict == "ask" and "outside" in decision.reason
    assert permissions(mode, yolo=True).decide(Edit(where=where), workspace).verdict == "allow"


def test_opened_folders_are_inside(workspace: Workspace) -> None:
    for where in ("../also/x", str(workspace.also[0] / "y"), str(workspace.overflow / "z")):
        assert permissions().decide(Read(where=where), workspace).verdict == "allow"
    assert permissions("edits").decide(Edit(where="../also/x"), workspace).verdict == "allow"


@pytest.mark.parametrize(
    "where", [".git/config", ".git/hooks/pre-commit", ".GIT/config", "git-link/config", "src/.git/x"]
)
def test_the_files_of_git_are_not_edited(workspace: Workspace, where: str) -> None:
    for mode in ("ask", "edits", "auto"):
        decision = permissions(mode, allow=("edit",)).decide(Edit(where=where), workspace)
        assert decision.verdict == "deny" and "git commands" in decision.reason
    assert permissions().decide(Read(where=where), workspace).verdict == "allow"


@pytest.mark.parametrize(
    "where",
    [
        ".kcode/settings.toml",
        ".KCODE/Settings.toml",
        ".kcode/modes/x.md",
        ".bashrc",
        "src/.gitmodules",
        ".envrc",
    ],
)
def test_what_decides_what_runs_later_is_always_asked(workspace: Workspace, where: str) -> None:
    for mode in ("ask", "edits", "auto"):
        decision = permissions(mode, allow=("edit", "edit(**)")).decide(Edit(where=where), workspace)
        assert decision.verdict == "ask" and "protected" in decision.reason


def test_what_kcode_keeps_is_always_asked(workspace: Workspace) -> None:
    workspace.also = (*workspace.also, config_dir().parent)
    for folder in (config_dir(), data_dir()):
        assert "protected" in permissions("auto").decide(Edit(where=str(folder / "x")), workspace).reason


@pytest.mark.parametrize("where", [".env", ".ENV", "src/.env.local", ".env.production", ".envrc", ".ssh/key"])
def test_reading_secrets_is_asked(workspace: Workspace, where: str) -> None:
    for mode in ("ask", "edits", "auto"):
        decision = permissions(mode, allow=("read",)).decide(Read(where=where), workspace)
        assert decision.verdict == "ask" and "secrets" in decision.reason
    assert permissions(yolo=True).decide(Read(where=where), workspace).verdict == "allow"


@pytest.mark.parametrize(
    "where",
    [".env.example", ".env.local.sample", ".env.template", "env.py", ".environment", ".kcode/memory/a.md"],
)
def test_what_only_looks_like_it_is_free(workspace: Workspace, where: str) -> None:
    assert permissions().decide(Read(where=where), workspace).verdict == "allow"
    assert permissions("edits").decide(Edit(where=where), workspace).verdict == "allow"


@pytest.mark.parametrize(
    ("rule", "where", "verdict"),
    [
        ("edit(src/**)", "src/a.py", "allow"),
        ("edit(src/**)", "src/deep/a.py", "allow"),
        ("edit(src/**)", "srcs/a.py", "ask"),
        ("edit(src/**)", "other/src/a.py", "ask"),
        ("edit(src/**)", "src/../a.py", "ask"),
        ("edit(*.md)", "docs/a.md", "allow"),
        ("edit(*.md)", "docs/a.mdx", "ask"),
        ("change(src/**)", "src/a.py", "allow"),
        ("chan*(src/**)", "src/a.py", "allow"),
        ("read(src/**)", "src/a.py", "ask"),
        ("edit", "anything", "allow"),
        ("edit", "/etc/hosts", "ask"),
        ("edit(**)", "/etc/hosts", "ask"),
        ("edit(**)", "out/x", "ask"),
        ("edit(/etc/**)", "/etc/hosts", "allow"),
        ("edit(/etc/**)", "etc/hosts", "ask"),
        ("edit(~/notes/**)", "~/notes/a", "allow"),
    ],
)
def test_rules_about_paths(workspace: Workspace, rule: str, where: str, verdict: Verdict) -> None:
    assert permissions(allow=(rule,)).decide(Edit(where=where), workspace).verdict == verdict


@pytest.mark.parametrize("where", ["gen/a.py", "GEN/a.py", "src/../gen/a.py", "link/a.py"])
def test_a_deny_rule_about_paths_holds_for_every_name_of_them(workspace: Workspace, where: str) -> None:
    (workspace.root / "gen").mkdir()
    (workspace.root / "link").symlink_to("gen")
    denying = permissions("auto", allow=("edit",), deny=("edit(gen/**)",), yolo=True)
    assert denying.decide(Edit(where=where), workspace).verdict == "deny"
    assert denying.decide(Edit(where="src/gen.py"), workspace).verdict == "allow"


def test_a_link_cannot_be_named_past_its_rule(workspace: Workspace) -> None:
    (workspace.root / "link").symlink_to("src")
    denying = permissions("auto", deny=("edit(link/**)",))
    assert denying.decide(Edit(where="link/a"), workspace).verdict == "deny"


def test_redirections_are_edits_of_their_target(workspace: Workspace) -> None:
    found = permissions("edits", allow=("shell(make *)",), deny=("edit(gen/**)",))
    told = {
        target: found.decide(Shell(command=f"make > {target}"), workspace).verdict
        for target in (
            "src/log",
            "gen/x",
            "/etc/x",
            ".git/hooks/x",
            "~/.bashrc",
            ".env",
            '"$x"',
            "*.log",
            "/dev/null",
        )
    }
    assert told == {
        "src/log": "allow",
        "gen/x": "deny",
        "/etc/x": "ask",
        ".git/hooks/x": "deny",
        "~/.bashrc": "ask",
        ".env": "ask",
        '"$x"': "ask",
        "*.log": "ask",
        "/dev/null": "allow",
    }
    assert found.decide(Shell(command="cd src; make > log"), workspace).verdict == "ask"


def test_in_auto_a_command_may_write_temporary_files(workspace: Workspace) -> None:
    workspace.root = Path("/nowhere")
    for target, verdict in {
        "/tmp/log": "allow",
        "/tmp/../etc/x": "ask",
        "/tmp/.env": "ask",
        "/etc/x": "ask",
    }.items():
        assert permissions("auto").decide(Shell(command=f"make > {target}"), workspace).verdict == verdict
        assert permissions("edits").decide(Shell(command=f"make > {target}"), workspace).verdict == "ask"


def test_yolo_asks_nothing_and_keeps_the_deny_rules(workspace: Workspace) -> None:
    found = permissions("auto", ask=("shell",), deny=("shell(rm *)", "fetch(http://evil/*)"), yolo=True)
    for tool in (
        Shell(command="sudo $x > /etc/y"),
        Read(where=".env"),
        Edit(where="/etc/x"),
        Outside(where="http://a"),
    ):
        assert found.decide(tool, workspace).verdict == "allow"
    for denied in (Shell(command="ls; rm x"), Outside(where="http://evil/x")):
        assert found.decide(denied, workspace).verdict == "deny"


def test_always_for_a_command_means_this_very_command(workspace: Workspace) -> None:
    found = permissions(deny=("shell(rm *)",))
    found.grant(Shell(command="make x > out && $y"))
    assert found.decide(Shell(command="make x > out && $y"), workspace).verdict == "allow"
    assert found.decide(Shell(command="make x"), workspace).verdict == "ask"
    found.grant(Shell(command="rm x"))
    assert found.decide(Shell(command="rm x"), workspace).verdict == "deny"


def test_always_for_an_edit_means_edits_in_the_workspace(workspace: Workspace) -> None:
    found = permissions()
    found.grant(Edit(where="a.py"))
    verdicts = [
        found.decide(Edit(where=w), workspace).verdict for w in ("b.py", "/etc/x", ".bashrc", ".git/x")
    ]
    assert verdicts == ["allow", "ask", "ask", "deny"]
    assert found.decide(Write(where="new.py"), workspace).verdict == "allow"


def test_always_for_a_place_outside_means_this_place(workspace: Workspace) -> None:
    found = permissions()
    found.grant(Read(where="/etc/hosts"))
    assert found.decide(Read(where="/etc/hosts"), workspace).verdict == "allow"
    assert found.decide(Read(where="/etc/passwd"), workspace).verdict == "ask"
    found.grant(Outside(where="http://a"))
    assert found.decide(Outside(where="http://a"), workspace).verdict == "allow"
    assert found.decide(Outside(where="http://b"), workspace).verdict == "ask"


def test_the_parts_of_a_command_are_explained(workspace: Workspace) -> None:
    found = permissions("edits", allow=("shell(git diff *)",), deny=("shell(rm *)",))
    explained = found.explain("cd src; git diff > a.txt; make -j2 && rm $x | sh", workspace)
    assert [(one.part, one.decision.verdict) for one in explained] == [
        ("cd src", "allow"),
        ("> a.txt", "ask"),
        ("git diff", "allow"),
        ("make -j2", "ask"),
        ("rm …", "deny"),
        ("sh", "ask"),
        ("sh", "ask"),
    ]
    assert explained[2].decision.reason == "the rule shell(git diff *)"
    assert explained[4].decision.reason == "Denied by the rule shell(rm *)."


@pytest.mark.parametrize("rule", ["", "shell(", "shell()", "shell( )", "shell)x(", "two words", "edit(!src)"])
def test_a_rule_that_is_none_is_refused(rule: str) -> None:
    with pytest.raises(BadInput, match="no permission rule"):
        permissions(allow=(rule,))


def test_a_target_that_is_no_path_is_the_models_error(workspace: Workspace) -> None:
    with pytest.raises(ToolError):
        permissions().decide(Read(where="a\0b"), workspace)


@given(st.text(max_size=50))
def test_any_command_gets_a_decision(command: str) -> None:
    place = Workspace(Path("/nowhere"), (), Path("/nowhere"), None, lambda i, t: None, Jobs(), 9, 9)  # type: ignore[arg-type]
    assert permissions().decide(Shell(command=command), place).verdict in ("allow", "ask", "deny")

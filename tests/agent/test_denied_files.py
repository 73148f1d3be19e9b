"""A rule about files holds for whatever comes upon them: searches, lists, outlines, commands, links that move."""

from pathlib import Path

import pytest

from kcode.errors import ToolError
from kcode.messages import ToolResult
from tests.agent.test_approvals import results
from tests.playing import Play, call, playing, say, scenario

DENY = 'permissions.deny=["read(secrets/**)", "read(*.pem)"]'
ASK = 'permissions.ask=["read(secrets/**)", "read(*.pem)"]'


@pytest.fixture
def guarded(repository: Path) -> Path:
    (repository / "secrets").mkdir()
    (repository / "secrets" / "vault.py").write_text("def hidden_word():\n    return 1\n")
    (repository / "shop" / "host.pem").write_text("hidden_word\n")
    return repository


def said(play: Play) -> str:
    return "\n".join(results(play))


@pytest.mark.parametrize("rule", [DENY, ASK])
async def test_tools_that_come_upon_a_file_leave_it_out(guarded: Path, rule: str) -> None:
    script = scenario(
        call("search", pattern="hidden_word"),
        call("search", pattern="hidden", glob="**/*.py"),
        call("list"),
        call("list", path="shop"),
        call("outline"),
        call("outline", symbol="hidden_word"),
        say("Done."),
    )
    with playing(script, guarded, set=(rule,)) as play:
        await play.session.prompt("go")
        assert len(results(play)) == 6
        assert "vault" not in said(play) and "host.pem" not in said(play)
        assert "cart.py" in said(play)


@pytest.mark.parametrize(
    "name",
    ["secrets/vault.py", "secrets/../secrets/vault.py", "link.py", "shop/host.pem", "SECRETS/vault.py"],
)
async def test_no_name_of_a_denied_file_opens_it(guarded: Path, name: str) -> None:
    (guarded / "link.py").symlink_to("secrets/vault.py")
    steps = [
        call("read", path=name),
        call("search", pattern="hidden_word", path=name),
        call("outline", path=name),
        call("shell", command=f"cat {name}"),
    ]
    with playing(scenario(*steps, say("Done.")), guarded, set=(DENY,)) as play:
        await play.session.prompt("go")
        assert [result.ok for result in play.messages if isinstance(result, ToolResult)] == [False] * 4
        assert "def hidden_word" not in said(play)


async def test_a_link_that_moves_between_judgement_and_use_opens_nothing(guarded: Path) -> None:
    (guarded / "link.py").symlink_to("shop/cart.py")
    with playing(scenario(say("Done.")), guarded, set=(DENY,)) as play:
        task = play.session.task
        tool = task.tools["read"].model_validate({"path": "link.py"})
        assert play.session.permissions.decide(tool, task.workspace).verdict == "allow"
        (guarded / "link.py").unlink()
        (guarded / "link.py").symlink_to("secrets/vault.py")
        with pytest.raises(ToolError, match="leads elsewhere than a moment ago"):
            await tool.run(task.workspace, "c1")
        assert play.session.permissions.decide(tool, task.workspace).verdict == "deny"

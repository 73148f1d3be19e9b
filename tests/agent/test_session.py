import asyncio
from pathlib import Path

import pytest

from kcode.agent.task import Conversation
from kcode.cli.start import start
from kcode.errors import BadInput
from kcode.events import Condensed, MessageAdded, ModeChanged, Noticed, TaskStarted
from kcode.memory import log
from kcode.messages import Prompt, Reply, ToolResult
from kcode.scripted import ScriptedProvider, shared_prefix
from tests.playing import MODEL, call, calls, options_for, playing, say, scenario


async def test_a_session_file_replays_to_the_same_conversation(repository: Path) -> None:
    script = scenario(
        calls(call("read", path="README.md"), call("todo", items=[{"text": "mend"}])), say("Done.")
    )
    with playing(script, repository) as play:
        await play.session.prompt("go")
        events, bad = log.load_events(log.session_path(play.session.id))
        replayed = Conversation()
        for event in events:
            replayed.add(event)
        assert bad == 0
        assert replayed == play.session.task.conversation
        assert [todo.text for todo in replayed.todos] == ["mend"]


async def test_a_resumed_session_sends_the_same_bytes_again(repository: Path) -> None:
    (repository / "AGENTS.md").write_text("Cents only.")
    with ScriptedProvider(scenario(call("read", path="README.md"), say("One."), match="first")) as provider:
        options = options_for(provider, repository)
        started = start(options, someone_answers=False)
        with started.put_away:
            await started.session.prompt("first")
        (repository / "AGENTS.md").write_text("Now something else.")
        again = start(options_for(provider, repository, continue_last=True), someone_answers=False)
        with again.put_away:
            assert again.session.id == started.session.id
            await again.session.prompt("second")
        before, after = provider.requests[-2:]
        assert shared_prefix(before, after) >= 0.99


async def test_calls_that_a_killed_process_left_open_are_answered_when_it_goes_on(repository: Path) -> None:
    with playing(scenario(call("read", path="README.md"), say("Went on.")), repository) as play:
        await play.session.prompt("go")
        path = log.session_path(play.session.id)
    lines = path.read_bytes().splitlines(keepends=True)
    until_the_call = next(i for i, line in enumerate(lines) if b'"calls":[{' in line.replace(b": ", b":"))
    path.write_bytes(b"".join(lines[: until_the_call + 1]))
    with ScriptedProvider(scenario(call("read", path="README.md"), say("Went on."))) as provider:
        again = start(options_for(provider, repository, continue_last=True), someone_answers=False)
        with again.put_away:
            last = again.session.task.conversation.messages[-1]
            assert isinstance(last, ToolResult) and "Not finished" in last.text
            assert await again.session.work() == "Went on."
        assert provider.mismatches == []


async def test_a_finished_session_has_nothing_to_go_on_with(repository: Path) -> None:
    with playing(scenario(say("Done.")), repository) as play:
        await play.session.prompt("go")
        with pytest.raises(BadInput, match="nothing to go on with"):
            await play.session.work()


async def test_a_fork_goes_on_beside_the_session_that_it_copies(repository: Path) -> None:
    with ScriptedProvider(scenario(say("One."), say("Two."), match="")) as provider:
        started = start(options_for(provider, repository), someone_answers=False)
        with started.put_away:
            await started.session.prompt("first")
            fork = start(
                options_for(provider, repository, resume=started.session.id, fork=True), someone_answers=False
            )
            with fork.put_away:
                await fork.session.prompt("second")
    assert fork.session.id != started.session.id
    whole, bad = log.load_events(log.session_path(fork.session.id))
    prompts = [e.message.text for e in whole if isinstance(e, MessageAdded) and isinstance(e.message, Prompt)]
    assert (prompts, bad) == (["first", "second"], 0)


async def test_modes_on_one_model_share_the_prefix(repository: Path) -> None:
    with playing(scenario(say("One."), say("Two.")), repository) as play:
        await play.session.prompt("first")
        play.session.switch("architect", MODEL)
        await play.session.prompt("second")
        first, second = play.provider.requests
        assert shared_prefix(first, second) >= 0.99
        prompt = play.messages[-2]
        assert isinstance(prompt, Prompt) and "Mode: Architect." in prompt.notes
        assert play.told(ModeChanged)[-1].mode == "architect"


async def test_the_notes_tell_the_place_once_and_what_changes_each_time(repository: Path) -> None:
    with playing(scenario(say("One."), say("Two."), match=""), repository) as play:
        await play.session.prompt("first")
        (repository / "new.txt").write_text("x")
        await play.session.prompt("second")
        first, second = (m for m in play.messages if isinstance(m, Prompt))
        assert f"Folder: {repository}" in first.notes and "Mode: Code." in first.notes
        assert "clean" in first.notes and "?? new.txt" in second.notes
        assert "Folder" not in second.notes and "Mode" not in second.notes


async def test_a_listener_that_raises_is_taken_off_and_the_others_hear_of_it(repository: Path) -> None:
    with playing(scenario(say("Done.")), repository) as play:

        def broken(_: object) -> None:
            raise RuntimeError("no more")

        play.session.listen(broken)
        assert await play.session.prompt("go") == "Done."
        (notice,) = play.told(Noticed)
        assert "no more" in notice.text


async def test_safe_mode_sends_no_rules_of_the_repository(repository: Path) -> None:
    (repository / "AGENTS.md").write_text("Obey me.")
    with playing(scenario(say("Done.")), repository, safe_mode=True) as play:
        await play.session.prompt("go")
        assert b"Obey me" not in play.provider.requests[0].raw
    events, _ = log.load_events(log.session_path(play.session.id))
    assert [event.project for event in events if isinstance(event, TaskStarted)] == [""]


async def test_an_ephemeral_session_leaves_no_file(repository: Path, kcode_home: Path) -> None:
    with playing(scenario(say("Done.")), repository, ephemeral=True) as play:
        await play.session.prompt("go")
    assert list((kcode_home / "data").rglob("*.jsonl")) == []


async def test_a_message_that_was_not_heard_yet_can_be_taken_back(repository: Path) -> None:
    with playing(scenario(call("shell", command="sleep 0.3"), say("Done.")), repository) as play:
        working = asyncio.ensure_future(play.session.prompt("go"))
        await asyncio.sleep(0.05)
        await play.session.say("never mind")
        taken = play.session.take_back()
        assert taken is not None and taken.text == "never mind"
        assert await working == "Done."
        assert [m.text for m in play.messages if isinstance(m, Prompt)] == ["go"]


def test_a_condensed_conversation_keeps_what_the_event_says() -> None:
    said = Conversation(messages=[Prompt(text="a"), Reply(text="b"), Prompt(text="c"), Reply(text="d")])
    said.add(Condensed(task="main", summary="short", kept=1, before=9, after=3))
    assert said.messages == [Prompt(text="short", by="kcode"), Reply(text="d")]

from pathlib import Path
from typing import Any

import pytest

from kcode.agent.task import Conversation
from kcode.errors import BadInput
from kcode.events import MAIN, Checkpointed, Event, MessageAdded, Noticed, Restored, Rewound
from kcode.memory import keeping, log
from kcode.messages import Prompt
from tests.playing import DOLLARS, NAME, Play, call, calls, playing, say


def lanes(**steps: list[dict[str, Any]]) -> dict[str, Any]:
    """What is answered to the prompt of that name."""
    return {
        "lanes": [{"match": f"^{name}", "steps": several} for name, several in steps.items()],
        "prices": {NAME: DOLLARS},
    }


SCRIPT = lanes(
    one=[call("write", path="one.txt", text="1\n"), say("One.")],
    two=[
        calls(call("shell", command="echo 2 > two.txt; rm README.md"), call("read", path="two.txt")),
        call("todo", items=[{"text": "later", "state": "open"}]),
        say("Two."),
    ],
    anew=[say("Three.")],
    go=[say("Again.")],
)


async def played(play: Play, *prompts: str) -> None:
    for prompt in prompts:
        await play.session.prompt(prompt)


def prompts(play: Play) -> list[str]:
    return [said.text for said in play.session.rewind.points()]


async def test_undo_takes_back_the_files_of_one_prompt_and_redo_brings_them_again(repository: Path) -> None:
    readme = (repository / "README.md").read_text()
    with playing(SCRIPT, repository) as play:
        await played(play, "one", "two")
        back = play.session.rewind
        plan = await back.plan_undo()
        assert plan and {file.path for file in plan.files} == {"README.md", "two.txt"}
        assert plan.title == "two" and (repository / "two.txt").exists()
        await back.undo()
        assert (repository / "README.md").read_text() == readme
        assert (repository / "one.txt").exists() and not (repository / "two.txt").exists()
        await back.redo()
        assert (repository / "two.txt").exists() and not (repository / "README.md").exists()
        await back.undo()
        await back.undo()
        assert not (repository / "one.txt").exists()
        assert await back.undo() is None
        assert [event.kind for event in play.told(Restored)] == ["undo", "redo", "undo", "undo"]


async def test_reading_takes_no_checkpoint_and_each_writing_call_takes_one(repository: Path) -> None:
    with playing(SCRIPT, repository) as play:
        await played(play, "one", "two")
        assert [(event.task, event.messages) for event in play.told(Checkpointed)] == [(MAIN, 2), (MAIN, 6)]
        assert play.told(Noticed) == []


async def test_the_model_hears_with_the_next_prompt_that_files_were_taken_back(repository: Path) -> None:
    with playing(SCRIPT, repository) as play:
        await played(play, "one")
        await play.session.rewind.undo()
        await played(play, "two")
        notes = [message.notes for message in play.messages if isinstance(message, Prompt)]
        assert "took back your changes to: one.txt" in notes[1]


async def test_rewinding_takes_back_the_talk_the_files_or_both(repository: Path) -> None:
    with playing(SCRIPT, repository) as play:
        await played(play, "one", "two")
        back = play.session.rewind
        first, second = back.points()
        text, plan = await back.rewind(second.message, files=False)
        assert (text, plan, prompts(play)) == ("two", None, ["one"])
        assert (repository / "two.txt").exists()
        assert play.session.task.conversation.todos == ()
        text, plan = await back.rewind(first.message, talk=False)
        assert plan and len(plan.restored) == 3 and prompts(play) == ["one"]
        assert not (repository / "one.txt").exists() and (repository / "README.md").exists()
        await back.redo()
        await back.rewind(first.message)
        assert prompts(play) == [] and not (repository / "one.txt").exists()
        assert await play.session.prompt("anew") == "Three."
        assert prompts(play) == ["anew"]


async def test_a_rewound_conversation_is_the_same_when_it_is_gone_on_with(repository: Path) -> None:
    with playing(SCRIPT, repository) as play:
        await played(play, "one", "two")
        await play.session.rewind.rewind(play.session.rewind.points()[1].message)
        path = log.session_path(play.session.id)
        events, _ = log.load_events(path)
        replayed = Conversation()
        for event in events:
            replayed.add(event)
        assert replayed.messages == play.messages
        assert (replayed.todos, replayed.mode_told) == (
            play.session.task.conversation.todos,
            play.session.task.conversation.mode_told,
        )
        id = play.session.id
    with playing(SCRIPT, repository, resume=id) as play:
        assert prompts(play) == ["one"]
        plan = await play.session.rewind.plan_rewind(play.session.rewind.points()[0].message)
        assert plan and [file.path for file in plan.files] == ["one.txt"]
        assert await play.session.prompt("go on") == "Again."


async def test_in_a_fork_the_talk_can_be_rewound_and_the_files_of_the_other_session_stay(
    repository: Path,
) -> None:
    with playing(SCRIPT, repository) as play:
        await played(play, "one")
        id = play.session.id
    with playing(SCRIPT, repository, resume=id, fork=True) as play:
        back = play.session.rewind
        assert await back.plan_rewind(back.points()[0].message) is None
        assert await back.rewind(back.points()[0].message) == ("one", None)
        assert (repository / "one.txt").exists() and prompts(play) == []


async def test_only_what_came_after_a_prompt_is_taken_back_with_it_after_rewinding_the_talk_alone(
    repository: Path,
) -> None:
    script = lanes(
        one=[call("write", path="one.txt", text="1\n"), say("One.")],
        two=[call("write", path="two.txt", text="2\n"), say("Two.")],
    )
    with playing(script, repository) as play:
        await played(play, "one")
        await play.session.rewind.rewind(play.session.rewind.points()[0].message, files=False)
        await played(play, "two")
        await play.session.rewind.rewind(play.session.rewind.points()[0].message)
        assert (repository / "one.txt").exists() and not (repository / "two.txt").exists()


async def test_what_children_did_is_taken_back_with_the_prompt(repository: Path) -> None:
    script = lanes(
        plan=[call("delegate", mode="code", message="part one"), say("All done.")],
        part=[call("shell", command="echo child > child.txt"), say("Done.")],
    )
    with playing(script, repository, mode="orchestrator") as play:
        await play.session.prompt("plan it")
        assert (repository / "child.txt").exists()
        await play.session.rewind.rewind(play.session.rewind.points()[0].message)
        assert not (repository / "child.txt").exists()


async def test_nothing_is_kept_where_the_settings_say_so(repository: Path) -> None:
    with playing(SCRIPT, repository, set=("checkpoints.enabled=false",)) as play:
        await played(play, "one", "two")
        assert play.told(Checkpointed) == [] and await play.session.rewind.undo() is None


async def test_a_store_that_fails_is_a_notice_and_the_work_goes_on(
    repository: Path, kcode_home: Path
) -> None:
    (kcode_home / "data").mkdir(parents=True)
    (kcode_home / "data" / "checkpoints").touch()
    with playing(SCRIPT, repository) as play:
        await played(play, "one", "two")
        assert ["cannot be kept for undoing" in event.text for event in play.told(Noticed)] == [True]
        assert (repository / "two.txt").exists()


async def test_an_ephemeral_session_leaves_nothing_behind(repository: Path) -> None:
    with playing(SCRIPT, repository, ephemeral=True) as play:
        await played(play, "one")
        assert not keeping.folder().exists()
        await play.session.rewind.undo()
        assert not (repository / "one.txt").exists()


async def test_there_is_no_going_back_while_the_model_is_at_work_or_to_what_was_not_said(
    repository: Path,
) -> None:
    with playing(SCRIPT, repository) as play:
        refused: list[str] = []

        def at_work(event: Event) -> None:
            if isinstance(event, MessageAdded) and not refused:
                try:
                    play.session.rewind._must_rest()
                except BadInput as error:
                    refused.append(str(error))

        play.session.listen(at_work)
        await played(play, "one")
        assert refused and "at work" in refused[0]
        with pytest.raises(BadInput, match="no prompt of yours"):
            await play.session.rewind.rewind(1)
        assert play.told(Rewound) == []

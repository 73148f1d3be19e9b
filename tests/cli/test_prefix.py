import json
from pathlib import Path

from click.testing import CliRunner

from kcode.cli.doctor import command
from kcode.cli.prefix import lines_of
from tests.playing import Play, call, playing, say, scenario

LONG = "a sentence that is long enough to be cached. " * 150
SCRIPT = scenario(call("read", path="README.md"), call("list", path="."), say("done"), match="go")


async def worked(play: Play) -> None:
    play.session.task.system = LONG
    await play.session.prompt("go")


async def test_each_request_of_a_healthy_session_begins_with_all_of_the_one_before(repository: Path) -> None:
    with playing(SCRIPT, repository) as play:
        await worked(play)
        lines = list(lines_of(play.started.ledger.traces(play.session.id), play.session.task.client.catalog))
        assert [line.shared for line in lines] == [None, 1.0, 1.0]
        assert [line.cause for line in lines] == ["first", None, None]
        assert lines[2].cached > 0.9 * lines[2].input and lines[2].blocks == lines[1].blocks + 2
        assert sum(line.micro_dollars or 0 for line in lines) == play.provider.total


async def test_the_place_and_the_price_of_a_miss_are_told_for_a_session(repository: Path) -> None:
    with playing(SCRIPT, repository) as play:
        await worked(play)
        play.session.task.system = f"{LONG}."
        await play.session.prompt("go")
        session = play.session.id
        lines = list(lines_of(play.started.ledger.traces(session), play.session.task.client.catalog))
        missed = next(line for line in lines if line.cause == "system")
        assert missed.shared is not None and missed.shared < 0.7 and (missed.extra or 0) > 1_000
    done = CliRunner().invoke(command, ["--prefix", session], standalone_mode=False)
    assert done.exit_code == 0, done.output
    assert f"Session {session}" in done.output and "from the cache; misses cost" in done.output
    table = CliRunner().invoke(command, ["--prefix", session, "--json"], standalone_mode=False)
    assert [line["task"] for line in json.loads(table.output)] == ["main"] * 6


def test_without_a_session_it_says_where_to_look(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["--prefix", "20990101"], standalone_mode=False)
    assert "kcode sessions list" in str(done.exception)

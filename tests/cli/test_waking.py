from pathlib import Path

from kcode.memory import log
from tests.playing import playing, say, scenario


async def a_talk(root: Path, words: str) -> str:
    with playing(scenario(say("Seen.")), root) as play:
        await play.session.prompt(words)
        return log.find_session(play.session.id).stem


async def test_going_on_with_a_long_talk_begins_with_its_price(tmp_path: Path) -> None:
    id = await a_talk(tmp_path, "many words " * 5_000)
    with playing(scenario(), tmp_path, resume=id, someone_answers=True) as again:
        (said,) = [one for one in again.started.notices if "the next message re-reads" in one]
    assert said.startswith("The cache holds") and said.endswith(".")


async def test_a_short_talk_a_new_one_and_one_without_a_user_begin_without_a_word(tmp_path: Path) -> None:
    short = await a_talk(tmp_path, "hello")
    long = await a_talk(tmp_path, "many words " * 5_000)
    for someone, id in ((True, short), (True, None), (False, long)):
        with playing(scenario(), tmp_path, someone_answers=someone, resume=id) as play:
            assert not [one for one in play.started.notices if "re-reads" in one]

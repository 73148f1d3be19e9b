import json
from pathlib import Path

import pytest

from kcode.cli.shape import Shape
from kcode.errors import BadInput, KcodeError
from tests.playing import playing, say, scenario

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def test_a_file_that_is_no_schema_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    for text, reason in [("{", "no JSON"), ('{"type": 7}', "no JSON schema"), ("[]", "no JSON schema")]:
        file.write_text(text)
        with pytest.raises(BadInput, match=reason):
            Shape.read(file)
    with pytest.raises(BadInput, match=r"missing\.json"):
        Shape.read(tmp_path / "missing.json")


async def test_an_answer_in_a_fence_is_taken_as_the_json_in_it(repository: Path) -> None:
    with playing(scenario(say('```json\n{"n": 1}\n```')), repository) as play:
        answer = await play.session.prompt("count")
        assert json.loads(await Shape(SCHEMA).held_to(answer, play.session)) == {"n": 1}


async def test_an_answer_that_does_not_fit_is_sent_back_with_the_fault(repository: Path) -> None:
    script = scenario(say('{"n": 1}', expect="is not of type"), match="does not fit")
    script["lanes"].append({"match": "count", "steps": [say('{"n": "one"}')]})
    with playing(script, repository) as play:
        answer = await play.session.prompt("count")
        assert await Shape(SCHEMA).held_to(answer, play.session) == '{"n": 1}'


async def test_a_model_that_never_fits_fails_with_the_fault(repository: Path) -> None:
    with playing(scenario(say("one"), say("two"), say("three")), repository) as play:
        answer = await play.session.prompt("count")
        with pytest.raises(KcodeError, match="no JSON"):
            await Shape(SCHEMA).held_to(answer, play.session)

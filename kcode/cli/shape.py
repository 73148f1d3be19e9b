"""`--json-schema`: the last words must be JSON of a given schema."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kcode.agent.session import Session
from kcode.errors import BadInput, KcodeError

TRIES = 2
"""How often the model is told what was wrong."""


@dataclass(frozen=True, slots=True)
class Shape:
    schema: dict[str, Any]

    @classmethod
    def read(cls, file: Path) -> "Shape":
        """BadInput when the file holds no JSON schema."""
        from jsonschema.exceptions import SchemaError
        from jsonschema.validators import validator_for

        try:
            schema = json.loads(file.expanduser().read_text(encoding="utf-8"))
            validator_for(schema).check_schema(schema)
        except (OSError, ValueError) as error:
            raise BadInput(f"{file} holds no JSON: {error}") from None
        except SchemaError as error:
            raise BadInput(f"{file} is no JSON schema: {error.message}") from None
        if not isinstance(schema, dict):
            raise BadInput(f"{file} is no JSON schema: it must be an object.")
        return cls(schema)

    @property
    def request(self) -> str:
        return f"At the end answer with JSON alone, no other word, that fits this schema:\n{json.dumps(self.schema)}"

    async def held_to(self, answer: str, session: Session) -> str:
        """The answer as JSON in one line; the model is asked again when it does not fit. KcodeError in the end."""
        for _ in range(TRIES):
            fault = self.fault(answer)
            if fault is None:
                break
            answer = await session.prompt(f"That does not fit: {fault} Answer with the JSON alone.")
        fault = self.fault(answer)
        if fault:
            raise KcodeError(f"The answer does not fit the schema: {fault}")
        return json.dumps(_json_of(answer), ensure_ascii=False)

    def fault(self, answer: str) -> str | None:
        """What is wrong with an answer, in a sentence."""
        from jsonschema.validators import validator_for

        try:
            value = _json_of(answer)
        except ValueError as why:
            return f"it is no JSON ({why})."
        error = next(iter(validator_for(self.schema)(self.schema).iter_errors(value)), None)
        return f"{error.json_path}: {error.message}." if error else None


def _json_of(answer: str) -> Any:
    """Models like to put a fence around it."""
    text = answer.strip()
    if text.startswith("```") and text.endswith("```"):
        text = text[3:-3].removeprefix("json").strip()
    return json.loads(text)

"""Keys of providers: where they are found, how they are kept, and how they stay out of what is shown.

An environment variable wins, then the system's keyring, then `keys.toml` in the config folder: a plain file
that is written only on the user's explicit word, and read only while nobody else can read it.
"""

import itertools
import json
import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from kcode.errors import BadInput, KcodeError
from kcode.messages import Record
from kcode.paths import config_dir, private_dir

KEYRING_NAME = "kcode"
"""The service under which the keyring holds our keys; the user name there is the provider."""

Place = Literal["keyring", "file"]

SHAPES = re.compile(
    r"""(?<![A-Za-z0-9])(?:
      sk-(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{16,}    # OpenAI, Anthropic, OpenRouter, DeepSeek, Moonshot
    | AIza[A-Za-z0-9_-]{30,}                    # Google
    | (?:xai-|gsk_|hf_|ghp_|github_pat_|AKIA)[A-Za-z0-9_]{16,}
    | (?<=Bearer\ )[A-Za-z0-9._~+/=-]{8,}
    )""",
    re.VERBOSE | re.IGNORECASE,
)
REDACTED = "[redacted]"
NAMES = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)(_\d+)?$")
OPAQUE = frozenset({"data", "signature", "encrypted"})
_found: set[str] = set()
"""Keys of this process, to be struck from whatever is kept or shown."""
SHORTEST_SECRET = 6
"""A shorter value is a placeholder such as `none`, and would be struck from ordinary words."""


class Key(Record):
    value: SecretStr
    source: str
    """`environment ANTHROPIC_API_KEY`, `keyring` or `file`."""

    @property
    def hint(self) -> str:
        """The last four characters: enough to tell two keys apart; nothing of a short one."""
        text = self.value.get_secret_value()
        return f"…{text[-4:]}" if len(text) >= 12 else "…"


def find_key(provider: str, variables: Sequence[str] = (), where: str | None = None) -> Key | None:
    """The key of a provider, or None.

    `variables`: the environment variables that may hold it; the first one set wins. `where`: the settings'
    word, `keyring`, `env:NAME` or `none`; None looks everywhere. BadInput for a `keys.toml` that others can
    read.
    """
    if where == "none":
        return None
    if where and where.startswith("env:"):
        return _from_environment([where.removeprefix("env:")])
    if where == "keyring":
        return _from_keyring(provider)
    if where is not None:
        raise BadInput(
            f"providers.{provider}.key is keyring, env:NAME or none in the settings; not {where!r}."
        )
    return _from_environment(variables) or _from_keyring(provider) or _from_file(provider)


def find_keys(
    provider: str, variables: Sequence[str] = (), where: str | None = None, listed: Sequence[str] = ()
) -> tuple[Key, ...]:
    """All keys of a provider, in the order in which they are used: those `listed` (`keyring`, `env:NAME`), else the one
    of `find_key`, and behind one from the environment those in NAME_2, NAME_3, ..., each different from the others."""
    if listed:
        found = [key for place in listed if (key := find_key(provider, variables, place))]
    else:
        first = find_key(provider, variables, where)
        found = [first, *_numbered(first)] if first else []
    return tuple({key.value: key for key in reversed(found)}.values())[::-1]


def _numbered(first: Key) -> Iterator[Key]:
    word, _, name = first.source.partition(" ")
    if word == "environment":
        for number in itertools.count(2):
            key = _from_environment([f"{name}_{number}"])
            if key is None:
                return
            yield key


def store_key(provider: str, value: SecretStr, *, in_file: bool = False) -> Place:
    """Keeps the key in the keyring, or `in_file`. KcodeError with the ways out when it was not kept."""
    text = value.get_secret_value()
    if in_file:
        _write_file({**_read_file(), provider: text})
        return "file"
    try:
        _ask_keyring(lambda ring: ring.set_password(KEYRING_NAME, provider, text))
        if _ask_keyring(lambda ring: ring.get_password(KEYRING_NAME, provider)) == text:
            return "keyring"
    except _NoKeyring as trouble:
        raise KcodeError(not_kept(provider, str(trouble))) from None
    raise KcodeError(not_kept(provider, "it did not give the key back"))


def delete_key(provider: str) -> list[Place]:
    """Forgets the key in keyring and file; where it was found. Environment variables are the user's own."""
    deleted: list[Place] = []
    if _from_keyring(provider):
        _ask_keyring(lambda ring: ring.delete_password(KEYRING_NAME, provider))
        deleted.append("keyring")
    kept = _read_file()
    if kept.pop(provider, None) is not None:
        _write_file(kept)
        deleted.append("file")
    return deleted


def keyring_trouble() -> str | None:
    """Why this machine's keyring cannot be used; None when it can."""
    try:
        _ask_keyring(lambda ring: ring.get_password(KEYRING_NAME, "none"))
    except _NoKeyring as trouble:
        return str(trouble)
    return None


def keys_file() -> Path:
    return config_dir() / "keys.toml"


def redact(text: str, secrets: Iterable[SecretStr | str] = ()) -> str:
    """The text without these values, and without whatever is shaped like a key."""
    values = (s.get_secret_value() if isinstance(s, SecretStr) else s for s in secrets)
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= SHORTEST_SECRET:
            text = text.replace(value, REDACTED)
    return SHAPES.sub(REDACTED, text)


def known_values() -> set[str]:
    """The keys that kcode has found in this process, and what the environment holds under a name like a key's."""
    named = (value for name, value in os.environ.items() if NAMES.search(name) and _is_keylike(value))
    return {*_found, *named}


def without_keys(text: str) -> str:
    """Less the keys that are known, whatever their shape; all else stays."""
    for value in sorted(known_values(), key=len, reverse=True):
        text = text.replace(value, REDACTED)
    return text


def redacted(value: Any) -> Any:
    """A copy of JSON values whose texts hold no key, neither a known one nor what is shaped like one. Pictures and
    signatures stay, whose letters may be any."""
    known = sorted(known_values(), key=len, reverse=True)
    return _redacted(value, known)


def _redacted(value: Any, known: Sequence[str]) -> Any:
    match value:
        case str():
            for one in known:
                value = value.replace(one, REDACTED)
            return SHAPES.sub(REDACTED, value)
        case list():
            return [_redacted(one, known) for one in value]
        case dict():
            return {k: one if k in OPAQUE else _redacted(one, known) for k, one in value.items()}
        case _:
            return value


def _is_keylike(value: str) -> bool:
    is_mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    return len(value) >= 12 and is_mixed and not set(value) & set(" /\\")


def _key(value: str, source: str) -> Key:
    if len(value) >= SHORTEST_SECRET:
        _found.add(value)
    return Key(value=SecretStr(value), source=source)


def _from_environment(variables: Sequence[str]) -> Key | None:
    for name in variables:
        if value := os.environ.get(name, "").strip():
            return _key(value, f"environment {name}")
    return None


def _from_keyring(provider: str) -> Key | None:
    """None also when there is no keyring, or it stays locked: `keyring_trouble` tells."""
    try:
        value = _ask_keyring(lambda ring: ring.get_password(KEYRING_NAME, provider))
    except _NoKeyring:
        return None
    return _key(value, "keyring") if value else None


class _NoKeyring(KcodeError):
    """The keyring is not there, locked, or broken."""


def _ask_keyring(question: Callable[[Any], str | None]) -> str | None:
    import keyring

    try:
        return question(keyring)
    except Exception as error:  # besides its own errors, a keyring raises those of D-Bus and desktops
        raise _NoKeyring(str(error).split(". ")[0].rstrip(".") or type(error).__name__) from None


def _from_file(provider: str) -> Key | None:
    value = _read_file().get(provider)
    return _key(value, "file") if value else None


def _read_file() -> dict[str, str]:
    file = keys_file()
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}.") from None
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise BadInput(f"{file} holds keys and can be read by others. Close it: chmod 600 {file}")
    try:
        return {provider: str(value) for provider, value in tomllib.loads(text).items()}
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{file} is no valid TOML: {error}. Mend it, or move it away.") from None


def _write_file(keys: dict[str, str]) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    file = keys_file()
    lines = [f"{json.dumps(provider)} = {json.dumps(value)}\n" for provider, value in sorted(keys.items())]
    try:
        with tempfile.NamedTemporaryFile("w", dir=private_dir(file.parent), delete=False) as new:
            new.writelines(lines)
            new.flush()
            os.fsync(new.fileno())
        Path(new.name).replace(file)
    except OSError as error:
        raise KcodeError(f"{file} cannot be written: {error.strerror}.") from None


def not_kept(provider: str, trouble: str, variables: Sequence[str] = ()) -> str:
    """What to tell the user when the keyring cannot be used: the ways without it."""
    variable = " or ".join(variables) or "the provider's environment variable"
    return (
        f"The key of {provider} was not kept: this machine's keyring cannot be used ({trouble}). "
        f"Set {variable} in the environment, or keep the key in a file that only you can read: "
        f"kcode auth login {provider} --in-file"
    )

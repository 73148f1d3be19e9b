import os
import stat
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from kcode import keys
from kcode.errors import BadInput, KcodeError

KEY = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz"


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A keyring that works, for this test alone."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class LockedKeyring(MemoryKeyring):
    def get_password(self, service: str, username: str) -> str | None:
        raise keyring.errors.KeyringLocked("The collection is locked. Unlock it")


class ForgetfulKeyring(MemoryKeyring):
    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class BrokenKeyring(MemoryKeyring):
    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError("no D-Bus")


def use(backend: keyring.backend.KeyringBackend) -> Iterator[keyring.backend.KeyringBackend]:
    before = keyring.get_keyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture
def ring() -> Iterator[keyring.backend.KeyringBackend]:
    yield from use(MemoryKeyring())


@pytest.fixture(params=[LockedKeyring, BrokenKeyring])
def useless_ring(request: pytest.FixtureRequest) -> Iterator[keyring.backend.KeyringBackend]:
    yield from use(request.param())


@pytest.fixture
def forgetful_ring() -> Iterator[keyring.backend.KeyringBackend]:
    yield from use(ForgetfulKeyring())


def value_of(key: keys.Key | None) -> str | None:
    return key.value.get_secret_value() if key else None


def test_a_key_is_kept_in_the_keyring_and_found_there(ring: MemoryKeyring) -> None:
    assert keys.find_key("anthropic") is None
    assert keys.store_key("anthropic", SecretStr(KEY)) == "keyring"
    found = keys.find_key("anthropic", ["ANTHROPIC_API_KEY"])
    assert found is not None
    assert (value_of(found), found.source) == (KEY, "keyring")
    assert ring.kept == {("kcode", "anthropic"): KEY}
    assert keys.keyring_trouble() is None
    assert keys.delete_key("anthropic") == ["keyring"]
    assert keys.find_key("anthropic") is None
    assert keys.delete_key("anthropic") == []


def test_the_environment_goes_before_the_keyring_and_that_before_the_file(
    ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["GOOGLE_API_KEY", "GEMINI_API_KEY"]
    keys.store_key("gemini", SecretStr("in the file"), in_file=True)
    assert value_of(keys.find_key("gemini", names)) == "in the file"
    keys.store_key("gemini", SecretStr("in the keyring"))
    assert value_of(keys.find_key("gemini", names)) == "in the keyring"
    monkeypatch.setenv("GEMINI_API_KEY", " second \n")
    found = keys.find_key("gemini", names)
    assert found is not None
    assert (value_of(found), found.source) == ("second", "environment GEMINI_API_KEY")
    monkeypatch.setenv("GOOGLE_API_KEY", "first")
    assert value_of(keys.find_key("gemini", names)) == "first"
    monkeypatch.setenv("GOOGLE_API_KEY", "")
    assert value_of(keys.find_key("gemini", names)) == "second"


def test_the_settings_say_where_to_look(ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    keys.store_key("openai", SecretStr("in the keyring"))
    monkeypatch.setenv("OPENAI_API_KEY", "usual")
    monkeypatch.setenv("WORK_KEY", "at work")
    assert value_of(keys.find_key("openai", ["OPENAI_API_KEY"], "env:WORK_KEY")) == "at work"
    assert value_of(keys.find_key("openai", ["OPENAI_API_KEY"], "keyring")) == "in the keyring"
    assert keys.find_key("openai", ["OPENAI_API_KEY"], "none") is None
    assert keys.find_key("openai", ["OPENAI_API_KEY"], "env:NOT_SET") is None
    with pytest.raises(BadInput, match=r"providers\.openai\.key is keyring, env:NAME or none"):
        keys.find_key("openai", [], "sk-in-the-settings")


def test_a_keyring_that_cannot_be_used_holds_no_key_and_says_why(useless_ring: LockedKeyring) -> None:
    assert keys.find_key("openai") is None
    assert keys.keyring_trouble() in ("The collection is locked", "no D-Bus")


def test_a_key_that_was_not_kept_is_told_with_the_two_ways(useless_ring: LockedKeyring) -> None:
    with pytest.raises(KcodeError, match=r"in the environment, or keep .* kcode auth login openai --in-file"):
        keys.store_key("openai", SecretStr(KEY))


def test_a_keyring_that_forgets_is_found_out(forgetful_ring: ForgetfulKeyring) -> None:
    with pytest.raises(KcodeError, match="did not give the key back"):
        keys.store_key("openai", SecretStr(KEY))


def test_a_machine_without_a_keyring_says_so() -> None:
    assert keys.keyring_trouble() == "No recommended backend was available"
    with pytest.raises(KcodeError, match="cannot be used"):
        keys.store_key("openai", SecretStr(KEY))
    assert not keys.keys_file().exists(), "a key never goes into a file on its own"


def test_the_file_is_for_the_users_eyes_only_and_keeps_the_other_keys() -> None:
    keys.store_key("openai", SecretStr("a"), in_file=True)
    keys.store_key('odd "one"\\', SecretStr('b"\\é'), in_file=True)
    assert value_of(keys.find_key("openai")) == "a"
    assert value_of(keys.find_key('odd "one"\\')) == 'b"\\é'
    assert stat.S_IMODE(keys.keys_file().stat().st_mode) == 0o600
    assert os.listdir(keys.keys_file().parent) == ["keys.toml"]
    assert keys.delete_key("openai") == ["file"]
    assert (keys.find_key("openai"), value_of(keys.find_key('odd "one"\\'))) == (None, 'b"\\é')


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_file_that_others_can_read_is_refused_with_the_remedy(mode: int) -> None:
    keys.store_key("openai", SecretStr("a"), in_file=True)
    keys.keys_file().chmod(mode)
    with pytest.raises(BadInput, match=r"chmod 600 .*keys.toml"):
        keys.find_key("openai")


def test_a_file_that_is_no_toml_is_named() -> None:
    keys.store_key("openai", SecretStr("a"), in_file=True)
    keys.keys_file().write_text("sk-pasted-here")
    with pytest.raises(BadInput, match=r"keys.toml is no valid TOML") as caught:
        keys.find_key("openai")
    assert "sk-pasted" not in str(caught.value)


def test_a_file_in_the_way_of_the_folder_is_told(kcode_home: Path) -> None:
    kcode_home.mkdir()
    (kcode_home / "config").write_text("a file in the way")
    with pytest.raises(KcodeError, match=r"keys.toml cannot be read: Not a directory"):
        keys.store_key("openai", SecretStr("a"), in_file=True)


def test_a_key_never_shows_itself() -> None:
    key = keys.Key(value=SecretStr(KEY), source="keyring")
    assert KEY not in f"{key!r} {key} {key.model_dump_json()}"
    assert key.hint == "…wxyz"
    assert keys.Key(value=SecretStr("short"), source="file").hint == "…"


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-abcdefghijklmnop1234.",
        f'{{"error": "invalid x-api-key {KEY}"}}',
        "OPENROUTER_API_KEY=sk-or-v1-0123456789abcdef0123",
        "key=AIzaSyA1234567890abcdefghijklmnopqrstuv&x=1",
        "xai-abcdefghijklmnopqrstuvw",
        "gsk_abcdefghijklmnopqrstuvw",
        "Authorization: Bearer abc.def-ghi_jkl",
        "authorization: bearer abcdefghijkl",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    ],
)
def test_what_is_shaped_like_a_key_is_redacted(text: str) -> None:
    clean = keys.redact(text)
    assert "[redacted]" in clean
    assert not any(part in clean for part in ("abcdef", "abc.def", "12345"))


@pytest.mark.parametrize(
    "text",
    [
        "disk-usage-monitoring-tools",
        "sk-learn",
        "the risk-averse-and-careful-way",
        "Bearer of bad news",
        "AKIA",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert keys.redact(text) == text


def test_known_values_are_redacted_whatever_their_shape() -> None:
    secrets: list[SecretStr | str] = [SecretStr("hunter22"), "hunter22-and-more", SecretStr("none"), ""]
    assert keys.redact("none of hunter22-and-more, hunter22", secrets) == "none of [redacted], [redacted]"


@given(st.text(), st.text(alphabet="abcXYZ019_-", min_size=16), st.text())
def test_no_key_passes_between_whatever_stands_around_it(before: str, key: str, after: str) -> None:
    assert f"sk-{key}" not in keys.redact(f"{before} sk-{key} {after}")

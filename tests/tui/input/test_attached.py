import base64
from pathlib import Path

import pytest

from kcode.errors import BadInput
from kcode.tui.input.attached import MOST_BYTES, images_in


def test_images_that_are_named_are_attached(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"one")
    (tmp_path / "b c.jpg").write_bytes(b"two")
    images = images_in('look at @a.png, and @"b c.jpg"', tmp_path)
    assert [(image.media_type, base64.b64decode(image.data)) for image in images] == [
        ("image/png", b"one"),
        ("image/jpeg", b"two"),
    ]


def test_other_files_and_names_without_a_file_are_words(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x")
    assert images_in("read @a.py and @gone.png, me@home.png", tmp_path) == ()


def test_an_image_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "big.png").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(BadInput, match="over 5 MB"):
        images_in("@big.png", tmp_path)

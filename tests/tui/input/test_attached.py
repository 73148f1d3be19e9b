import base64
from pathlib import Path

import pytest

from kcode.errors import BadInput
from kcode.tui.input.attached import MOST_BYTES, data_image, images_in, mention, named_by


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


PNG = base64.b64encode(b"\x89PNG fake").decode()


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    for name in ("a.png", "with blank.png", "c.jpg", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


@pytest.mark.parametrize(
    ("pasted", "names"),
    [
        ("{root}/a.png", ["a.png"]),
        ("a.png\n", ["a.png"]),
        ("'{root}/with blank.png'", ["with blank.png"]),
        ("{root}/with\\ blank.png {root}/c.jpg", ["with blank.png", "c.jpg"]),
        ("{root}/with blank.png", ["with blank.png"]),
        ("file://{root}/with%20blank.png", ["with blank.png"]),
        ("{root}/a.png\n{root}/c.jpg", ["a.png", "c.jpg"]),
    ],
)
def test_a_paste_of_nothing_but_images_is_known(shots: Path, pasted: str, names: list[str]) -> None:
    assert [path.name for path in named_by(pasted.format(root=shots), shots)] == names


@pytest.mark.parametrize(
    "pasted", ["look at a.png", "missing.png", "notes.txt", "", "a.png notes.txt", "it's"]
)
def test_any_other_paste_is_text(shots: Path, pasted: str) -> None:
    assert named_by(pasted, shots) == []


def test_a_pasted_image_is_named_so_that_it_is_found_again(shots: Path) -> None:
    for path in named_by("a.png 'with blank.png'", shots):
        assert len(images_in(f"see {mention(path, shots)} here", shots)) == 1


def test_a_data_url_is_an_image() -> None:
    image = data_image(f"data:image/png;base64,{PNG}\n")
    assert image is not None and (image.media_type, image.data) == ("image/png", PNG)
    assert data_image("data:text/plain;base64,aGk=") is None


@pytest.mark.parametrize("data", ["=====", "A" * (MOST_BYTES * 4 // 3 + 8)])
def test_a_damaged_or_large_data_url_is_refused(data: str) -> None:
    with pytest.raises(BadInput):
        data_image(f"data:image/png;base64,{data}")

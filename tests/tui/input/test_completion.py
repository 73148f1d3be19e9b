import asyncio

from kcode.tui.input.completion import Files, _mention


class Listing:
    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.times = 0

    async def __call__(self) -> list[str]:
        self.times += 1
        await asyncio.sleep(0)
        return self.names


async def test_folders_are_offered_with_a_slash_besides_files() -> None:
    files = Files(Listing("src/app/main.py", "src/app/view.py", "README.md"))
    assert set(await files.matching("src")) == {"src/", "src/app/", "src/app/main.py", "src/app/view.py"}


async def test_the_list_is_read_once_for_many_keys() -> None:
    listing = Listing("a.py")
    files = Files(listing)
    await asyncio.gather(files.matching("a"), files.matching("a."), files.matching("a.p"))
    assert listing.times == 1


async def test_a_folder_without_files_offers_nothing() -> None:
    assert await Files(Listing()).matching("a") == []


def test_a_name_with_blanks_stays_one_word_and_a_folder_is_gone_into() -> None:
    assert [_mention(name) for name in ("a.py", "src/", "my file.py")] == [
        "@a.py ",
        "@src/",
        '@"my file.py" ',
    ]

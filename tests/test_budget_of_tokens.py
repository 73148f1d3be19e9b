"""What a request costs before anything was said."""

import pytest

from benchmarks.first_request import BOUND, asked, counted
from tests.playing import WIRES, WireName


@pytest.mark.parametrize("wire", WIRES)
async def test_system_prompt_and_tools_stay_within_their_bound(wire: WireName) -> None:
    count = counted(await asked(wire))
    assert {"read", "write", "edit", "search", "list", "shell", "todo", "ask"} <= set(count.tools)
    assert 200 < count.system < count.whole
    assert count.whole <= BOUND, count

import ctypes
import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import hypothesis
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.errors import BadInput, KcodeError, OverBudget, Scope
from kcode.events import Left, SpendState
from kcode.messages import Usage
from kcode.spend.ledger import Entry, Ledger
from kcode.spend.limits import Limit
from kcode.spend.prices import PriceRow, price_of
from kcode.spend.report import total_of

ROOT = Path(__file__).parents[2]
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="wants /sys, or prctl")
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
WRITER = """
import sys
from pathlib import Path
from kcode.errors import KcodeError, OverBudget
from kcode.messages import Usage
from kcode.spend.ledger import Entry, Ledger
from kcode.spend.limits import Limit
ledger = Ledger(Path(sys.argv[1]))
entry = Entry(session="s", task="t", mode="code", model="x/y", provider="x", price=None, upper_bound=1000)
def held_to(amount):
    return [Limit(scope="session", micro_dollars=amount)]
def tell(text):
    print(text, flush=True)
"""


def entry(session: str = "s", upper_bound: int | None = 1000, **more: Any) -> Entry:
    plain = {"task": "t", "mode": "code", "model": "x/y", "provider": "x", "root": "/home/ada/shop"}
    return Entry(**{"session": session, "price": None, "upper_bound": upper_bound} | plain | more)


def change(path: Path, statement: str, *values: object) -> None:
    """What only a test does to the file."""
    connection = sqlite3.connect(path)
    if values:
        connection.execute(statement, values)
    else:
        connection.executescript(statement)
    connection.commit()
    connection.close()


def held_to(amount: int, scope: Scope = "session", key: str = "") -> list[Limit]:
    return [Limit(scope=scope, micro_dollars=amount, key=key)]


def writer(path: Path, script: str) -> subprocess.Popen[str]:
    """Another kcode at the same ledger."""
    command = [sys.executable, "-c", WRITER + script, str(path)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ledger.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    opened = Ledger(path)
    yield opened
    opened.close()


def test_a_request_is_written_down_before_it_leaves(ledger: Ledger, path: Path) -> None:
    ledger.reserve(entry())
    other = Ledger(path)
    assert other.used("s") == 1000
    assert other.total("s").requests == 0
    assert [row.state for row in other.rows()] == ["reserved"]
    other.close()


def test_what_was_reserved_gives_way_to_what_it_cost(ledger: Ledger) -> None:
    id = ledger.reserve(entry()).id
    ledger.settle(id, Usage(fresh=10, cached=20, stored=3, stored_1h=4, output=5, reasoning=2), 750)
    total = ledger.total("s")
    assert (total.micro_dollars, total.requests, ledger.used("s")) == (750, 1, 750)
    assert total.usage == Usage(fresh=10, cached=20, stored=3, stored_1h=4, output=5, reasoning=2)
    assert str(total) == "$0.0008"


def test_all_that_was_known_is_stored(ledger: Ledger, path: Path) -> None:
    price = price_of("anthropic/claude-sonnet-5-5")
    first = ledger.reserve(entry(price=price)).id
    again = entry(price=price).model_copy(
        update={"parent": first, "parent_task": "main", "purpose": "title", "fingerprint": "ab cd"}
    )
    second = ledger.reserve(again).id
    ledger.settle(second, Usage(), 1, first_token=12.5, ended=13.5)
    with sqlite3.connect(path) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM requests WHERE id = ?", [second]).fetchone())
    connection.close()
    assert PriceRow.model_validate_json(row["price"]) == price
    kept = [row[name] for name in ("parent", "parent_task", "purpose", "root", "fingerprint", "pid")]
    assert kept == [first, "main", "title", "/home/ada/shop", "ab cd", os.getpid()]
    assert (row["first_token"], row["ended"], row["upper_bound"]) == (12.5, 13.5, 1000)


def test_an_unknown_price_is_not_nothing(ledger: Ledger) -> None:
    ledger.settle(ledger.reserve(entry(upper_bound=None)).id, Usage(fresh=10), None)
    ledger.settle(ledger.reserve(entry()).id, Usage(fresh=10), 14_600)
    total = ledger.total("s")
    assert (total.unknown, total.usage.fresh) == (1, 20)
    assert str(total) == "≥$0.0146"


def test_estimates_are_marked_and_refusals_cost_nothing(ledger: Ledger) -> None:
    ledger.settle(ledger.reserve(entry()).id, Usage(), None, "failed")
    assert str(ledger.total("s")) == "$0"
    ledger.settle(ledger.reserve(entry()).id, Usage(output=3), 200, "estimated")
    assert str(ledger.total("s")) == "~$0.0002"


def test_usage_that_arrives_late_replaces_the_estimate(ledger: Ledger) -> None:
    id = ledger.reserve(entry()).id
    ledger.settle(id, Usage(output=3), 200, "estimated")
    ledger.settle(id, Usage(output=5), 300)
    assert str(ledger.total("s")) == "$0.0003"


def test_the_providers_word_wins_and_ours_is_kept(ledger: Ledger) -> None:
    ledger.settle(ledger.reserve(entry()).id, Usage(output=5), 300, provider_micro_dollars=360)
    ledger.settle(
        ledger.reserve(entry(upper_bound=None)).id, Usage(output=5), None, provider_micro_dollars=40
    )
    assert [(row.charged, row.calculated) for row in ledger.rows()] == [(360, 300), (40, None)]
    assert ledger.total("s").micro_dollars == ledger.used("s") == 400


def test_settling_what_was_never_reserved_is_a_bug(ledger: Ledger) -> None:
    with pytest.raises(KeyError, match="no request nowhere"):
        ledger.settle("nowhere", Usage(), 1)


def test_a_budget_is_used_up_to_its_last_micro_dollar(ledger: Ledger) -> None:
    for _ in range(3):
        ledger.reserve(entry(), held_to(3000))
    with pytest.raises(OverBudget, match=r"up to \$0.0010, and \$0 of the session's \$0.0030 is left"):
        ledger.reserve(entry(), held_to(3000))
    assert len(ledger.rows()) == 3
    ledger.reserve(entry("another session"), held_to(3000))


def test_what_a_request_did_not_cost_can_be_spent_again(ledger: Ledger) -> None:
    for _ in range(5):
        ledger.settle(ledger.reserve(entry(), held_to(1400)).id, Usage(), 100)
    with pytest.raises(OverBudget, match=r"`/budget 0.01`"):
        ledger.reserve(entry(), held_to(1400))


def test_a_budget_refuses_a_model_without_a_price_and_says_how_to_give_one(ledger: Ledger) -> None:
    with pytest.raises(OverBudget, match=r'\[prices."x/y"\] with input'):
        ledger.reserve(entry(upper_bound=None), held_to(10**9))
    assert ledger.rows() == []


def test_a_task_is_held_to_its_budget_with_all_below_it_and_with_nothing_beside_it(ledger: Ledger) -> None:
    for task in ("1", "1.1", "1.2.1", "11", "2", "main"):
        ledger.reserve(entry(task=task))
    assert ledger.used_of("task", session="s", key="1") == 3000
    assert ledger.used_of("task", session="s", key="1.1") == 1000
    assert ledger.used_of("task", session="s", key="main") == 6000
    ledger.reserve(entry(task="1.1.1"), held_to(4000, "task", "1"))
    with pytest.raises(OverBudget, match=r"\$0 of task 1's \$0.0040 is left. Give the task more") as refused:
        ledger.reserve(entry(task="1.3"), held_to(4000, "task", "1"))
    assert (refused.value.scope, refused.value.key) == ("task", "1")


def test_a_day_and_a_month_are_those_of_the_local_calendar_and_of_all_sessions(
    ledger: Ledger, path: Path
) -> None:
    now = datetime.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for moment in (midnight, midnight - timedelta(seconds=1), midnight.replace(day=1) - timedelta(seconds=1)):
        id = ledger.reserve(entry(token_hex())).id
        change(path, "UPDATE requests SET started = ? WHERE id = ?", moment.timestamp(), id)
    assert ledger.used_of("day") == 1000
    assert ledger.used_of("month") == (1000 if now.day == 1 else 2000)
    with pytest.raises(
        OverBudget, match=r"of today's \$0.0019 is left. Raise it: `kcode budget set day 0.01`"
    ):
        ledger.reserve(entry(), held_to(1900, "day"))


def test_a_repository_is_one_whatever_folder_of_it_is_worked_in(ledger: Ledger) -> None:
    ledger.reserve(entry(root="/home/ada/shop/web", repository="/home/ada/shop"))
    ledger.reserve(entry(root="/home/ada/shop", repository="/home/ada/shop"))
    ledger.reserve(entry(root="/home/ada/shoppe"))
    assert ledger.used_of("repository", repository="/home/ada/shop") == 2000
    with pytest.raises(OverBudget, match="repository's"):
        ledger.reserve(entry(root="/home/ada/shop"), held_to(2500, "repository"))


def test_sessions_of_one_purse_share_its_budget(ledger: Ledger) -> None:
    ledger.reserve(entry("first"))
    ledger.reserve(entry("fork", purse="first"), held_to(2000))
    with pytest.raises(OverBudget):
        ledger.reserve(entry("another fork", purse="first"), held_to(2000))
    assert ledger.used("first") == 2000


def test_a_request_alone_is_held_to_what_one_may_cost(ledger: Ledger) -> None:
    ledger.reserve(entry(), held_to(1000, "request"))
    ledger.reserve(entry(), held_to(1000, "request"))
    with pytest.raises(OverBudget, match="for a request"):
        ledger.reserve(entry(upper_bound=1001), held_to(1000, "request"))


def test_what_is_left_is_enough_down_to_the_least(ledger: Ledger) -> None:
    assert ledger.reserve(entry(), held_to(1700), least=500).micro_dollars == 1000
    assert ledger.reserve(entry(), held_to(1700), least=500).micro_dollars == 700
    assert ledger.used("s") == 1700
    with pytest.raises(OverBudget) as refused:
        ledger.reserve(entry(), held_to(1700), least=500)
    assert refused.value.may_fit_later
    assert (refused.value.limit, refused.value.left, refused.value.needed) == (1700, 0, 1000)


def test_a_ledger_of_the_first_version_keeps_all_that_it_knew(path: Path) -> None:
    path.parent.mkdir()
    change(path, (Path(__file__).parent / "ledger_v1.sql").read_text())
    ledger = Ledger(path)
    first, abandoned = ledger.rows()
    assert (first.charged, first.repository, first.reads, first.usage.fresh) == (
        600,
        "/home/ada/shop",
        None,
        100,
    )
    assert (abandoned.state, abandoned.charged) == ("estimated", 5000)
    assert ledger.used("s1") == ledger.used_of("repository", repository="/home/ada/shop") == 5600
    ledger.settle(ledger.reserve(entry("s1"), held_to(10_000)).id, Usage(), 7)
    ledger.close()
    again = Ledger(path)
    assert again.total("s1").micro_dollars == 5607
    again.close()


def test_rows_are_found_by_time_and_by_the_beginning_of_a_session(ledger: Ledger) -> None:
    for session in ("abc1", "abc2", "100%"):
        ledger.settle(ledger.reserve(entry(session)).id, Usage(), 1)
    first, second, third = ledger.rows()
    assert [first.session, second.session, third.session] == ["abc1", "abc2", "100%"]
    assert ledger.rows(session="abc") == [first, second]
    assert ledger.rows(session="%") == []
    assert ledger.rows(since=second.started) == [second, third]
    assert ledger.rows(until=second.started) == [first]


def test_threads_of_a_process_share_it(ledger: Ledger) -> None:
    def spend() -> None:
        for _ in range(20):
            ledger.settle(ledger.reserve(entry()).id, Usage(output=1), 7)

    threads = [threading.Thread(target=spend) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (ledger.total("s").micro_dollars, ledger.total("s").requests) == (560, 80)


@pytest.mark.slow
def test_eight_processes_lose_no_request(path: Path) -> None:
    script = """
for number in range(50):
    ledger.settle(ledger.reserve(entry).id, Usage(output=number), number)
"""
    processes = [writer(path, script) for _ in range(8)]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    ledger = Ledger(path)
    total = ledger.total("s")
    assert (total.requests, total.micro_dollars, total.usage.output) == (400, 8 * 1225, 8 * 1225)
    ledger.close()


def test_processes_side_by_side_do_not_overshoot_a_budget_together(path: Path) -> None:
    script = """
while True:
    try:
        id = ledger.reserve(entry, held_to(100_000)).id
    except OverBudget:
        break
    ledger.settle(id, Usage(), 900)
"""
    processes = [writer(path, script) for _ in range(4)]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    ledger = Ledger(path)
    assert 100_000 - 1000 < ledger.used("s") <= 100_000
    ledger.close()


@pytest.mark.slow
def test_eight_processes_with_fifty_requests_on_one_purse_do_not_overshoot_though_some_are_killed(
    path: Path,
) -> None:
    script = """
import os, random
entry = entry.model_copy(update={"session": str(os.getpid()), "purse": "p"})
for _ in range(50):
    try:
        id, granted = ledger.reserve(entry, held_to(150_000), least=100)
    except OverBudget:
        continue
    tell(id)
    ledger.settle(id, Usage(), random.randint(0, granted))
"""
    processes = [writer(path, script) for _ in range(8)]
    for victim in processes[:3]:
        said(victim)
        victim.send_signal(signal.SIGKILL)
    for process in processes:
        process.communicate()
    ledger = Ledger(path)
    rows = ledger.rows()
    assert {row.state for row in rows} <= {"settled", "estimated"}, "nothing is under way any more"
    assert len({row.session for row in rows}) > 3
    assert sum(row.charged or 0 for row in rows) <= ledger.used("p") <= 150_000
    assert all(process.returncode == 0 for process in processes[3:])
    ledger.close()


def test_a_killed_writer_leaves_its_row_which_counts_with_its_upper_bound(path: Path) -> None:
    process = writer(path, "tell(ledger.reserve(entry).id); import time; time.sleep(60)")
    id = said(process)
    ledger = Ledger(path)
    assert [row.state for row in ledger.rows()] == ["reserved"], "its process is still at work"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (row,) = ledger.rows()
    assert (row.id, row.state, row.charged) == (id, "estimated", 1000)
    assert str(ledger.total("s")) == "~$0.0010"
    ledger.close()


def test_opening_the_ledger_settles_what_the_dead_left(path: Path) -> None:
    process = writer(path, "ledger.reserve(entry).id; import os; os._exit(1)")
    process.communicate()
    ledger = Ledger(path)
    assert str(ledger.total("s")) == "~$0.0010"
    ledger.close()


def test_a_process_that_took_over_the_number_of_a_dead_one_is_not_mistaken_for_it(
    ledger: Ledger, path: Path
) -> None:
    id = ledger.reserve(entry()).id
    parent = psutil.Process(os.getppid())
    connection = sqlite3.connect(path)
    change = "UPDATE requests SET pid = ?, started = ? WHERE id = ?"
    connection.execute(change, [parent.pid, parent.create_time() + 5, id])
    connection.commit()
    assert [row.state for row in ledger.rows()] == ["reserved"]
    connection.execute(change, [parent.pid, parent.create_time() - 5, id])
    connection.commit()
    connection.close()
    assert [row.state for row in ledger.rows()] == ["estimated"]


@pytest.mark.parametrize("moment", [0.0, 0.01, 0.05])
def test_kill_9_at_any_moment_loses_nothing_that_was_said(path: Path, moment: float) -> None:
    process = writer(
        path, "while True: id = ledger.reserve(entry).id; tell(id); ledger.settle(id, Usage(), 5)"
    )
    ids = {said(process)}
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(moment)
    process.kill()
    assert process.stdout is not None
    ids |= {line.strip() for line in process.stdout if len(line) == 17}
    process.communicate()
    ledger = Ledger(path)
    assert ids <= {row.id for row in ledger.rows()}
    assert {row.state for row in ledger.rows()} <= {"settled", "estimated"}
    ledger.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_only_the_user_can_read_it(ledger: Ledger, path: Path) -> None:
    ledger.reserve(entry())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_damaged_file_is_kept_aside_and_a_new_one_begun(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("This was a ledger once." * 100)
    ledger = Ledger(path)
    (aside,) = path.parent.glob("ledger.sqlite3.damaged-*")
    assert aside.read_text().startswith("This was a ledger once.")
    assert str(aside) in ledger.note
    ledger.settle(ledger.reserve(entry()).id, Usage(), 5)
    assert ledger.total("s").micro_dollars == 5
    ledger.close()


def test_a_ledger_of_a_newer_kcode_is_left_alone(path: Path) -> None:
    Ledger(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(BadInput, match="newer kcode"):
        Ledger(path)
    assert path.read_bytes() == before


def test_a_ledger_that_stays_locked_is_named(ledger: Ledger, path: Path) -> None:
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(KcodeError, match=r"keeps the ledger .*ledger.sqlite3 locked"):
        Ledger(path, patience=0.05)
    holder.close()
    ledger.reserve(entry())


@on_linux
def test_where_nothing_can_be_written_the_money_is_counted_in_memory() -> None:
    ledger = Ledger(Path("/sys/kernel/kcode/ledger.sqlite3"))
    assert "in memory only" in ledger.note
    ledger.settle(ledger.reserve(entry(), held_to(1000)).id, Usage(), 900)
    assert ledger.total("s").micro_dollars == 900
    with pytest.raises(OverBudget):
        ledger.reserve(entry(), held_to(1000))
    ledger.close()


def be_nobody_special() -> None:
    """Even root keeps to file modes from here on."""
    dropped = ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)
    assert dropped == 0 or os.geteuid() != 0


@on_linux
@pytest.mark.parametrize(("file", "folder"), [(0o444, 0o700), (0o600, 0o500)])
def test_a_ledger_that_became_read_only_still_tells_what_was_spent(
    ledger: Ledger, path: Path, file: int, folder: int
) -> None:
    ledger.settle(ledger.reserve(entry()).id, Usage(), 700)
    path.chmod(file)
    path.parent.chmod(folder)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            WRITER + "tell(ledger.note); ledger.reserve(entry).id; tell(ledger.used('s'))",
            str(path),
        ],
        cwd=ROOT,
        preexec_fn=be_nobody_special,
        capture_output=True,
        text=True,
    )
    path.parent.chmod(0o700)
    assert done.stderr == ""
    note, used = done.stdout.splitlines()
    assert ("in memory only" in note, used) == (True, "1700")


def test_a_full_disk_is_told_and_spoils_nothing(path: Path) -> None:
    script = """
try:
    while True:
        tell(ledger.reserve(entry).id)
except KcodeError as error:
    tell(error)
"""
    Ledger(path).close()
    limit = path.stat().st_size + 20_000
    done = subprocess.run(
        [sys.executable, "-c", WRITER + script, str(path)],
        cwd=ROOT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
    )
    *ids, complaint = done.stdout.splitlines()
    assert "Is the disk full?" in complaint
    ledger = Ledger(path)
    assert ids == [row.id for row in ledger.rows()] != []
    ledger.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    opened = Ledger(tmp_path_factory.mktemp("shared") / "ledger.sqlite3")
    yield opened
    opened.close()


amounts = st.none() | st.integers(0, 10**9)
settled = st.tuples(
    amounts, amounts, st.sampled_from(["settled", "estimated", "failed"]), st.integers(0, 10**6)
)


@hypothesis.settings(max_examples=25)
@given(st.lists(settled, max_size=8))
def test_the_sum_is_the_sum_of_its_parts(
    shared: Ledger, requests: list[tuple[int | None, int | None, SpendState, int]]
) -> None:
    session = token_hex()
    for micro, reported, state, output in requests:
        id = shared.reserve(entry(session)).id
        shared.settle(id, Usage(output=output), micro, state, provider_micro_dollars=reported)
    total = shared.total(session)
    charges = [micro if reported is None else reported for micro, reported, *_ in requests]
    known = [charge for charge in charges if charge is not None]
    blank = [state for charge, (*_, state, _) in zip(charges, requests, strict=True) if charge is None]
    assert total.micro_dollars == sum(known) == shared.used(session)
    assert total.unknown == sum(state != "failed" for state in blank)
    assert total.usage.output == sum(output for *_, output in requests)
    assert total == total_of(shared.rows(session=session))


def test_of_the_budgets_of_a_request_the_tightest_is_told(path: Path) -> None:
    ledger = Ledger(path)
    for session, money in (("other", 300), ("s", 100)):
        id = ledger.reserve(entry(session)).id
        ledger.settle(id, Usage(), money)
    limits = [
        Limit(scope="request", micro_dollars=1),
        *held_to(500),
        *held_to(700, "day"),
        *held_to(9_000, "month"),
    ]
    assert ledger.tightest(id, limits) == Left(scope="day", budget=700, left=300)
    assert ledger.tightest(id, held_to(50)) == Left(scope="session", budget=50, left=0)
    assert ledger.tightest(id, limits[:1]) is None
    ledger.close()

import csv
import json
from pathlib import Path

from kcode.messages import Usage
from kcode.spend import report
from kcode.spend.table import table
from tests.spend.rows import row


def test_a_table_shows_the_dearest_first_with_its_share() -> None:
    rows = [row(2_000, mode="ask"), row(5_000), row(3_000, usage=Usage(fresh=12_345, stored=1_000, output=7))]
    assert report.as_text(rows, "mode") == [
        "mode   requests  input  cached  output     cost",
        "code          2  13.7k      2%      57  $0.0080  ████████    80%",
        "ask           1    400     75%      50  $0.0020  ██          20%",
        "total         3  14.1k      4%     107  $0.0100",
    ]


def test_what_is_not_known_is_said() -> None:
    rows = [row(), row(None, model="x/y"), row(500, state="estimated"), row(None, state="reserved")]
    lines = report.as_text(rows, "model")
    assert lines[2].split() == ["x/y", "1", "400", "75%", "50", "$?", "0%"]
    assert lines[3].split()[:6] == ["total", "3", "1.2k", "75%", "150", "≥~$0.0015"]
    assert lines[4].startswith("~ Some requests were cut")
    assert lines[5] == '≥ No price is known for x/y. Give it in the settings: [prices."x/y"].'
    assert lines[6] == "… Under way: 1."


def test_a_provider_that_reckons_otherwise_is_told_from_one_percent_on() -> None:
    assert len(report.as_text([row(1010, calculated=1000)], "model")) == 3
    lines = report.as_text([row(1011, calculated=1000), row(2000)], "model")
    assert lines[-1] == "! Their provider charged $0.0010 for 1 of them; by the price list it is $0.0010."


def test_days_and_months_stay_in_their_order() -> None:
    rows = [row(1, day="2026-10-31"), row(2, day="2026-11-02"), row(9, day="2026-11-01")]
    assert [group.name for group in report.grouped(rows, "day")] == ["2026-10-31", "2026-11-01", "2026-11-02"]
    assert [(g.name, g.total.micro_dollars) for g in report.grouped(rows, "month")] == [
        ("2026-10", 1),
        ("2026-11", 11),
    ]


def test_repositories_are_named_from_the_home_folder_on() -> None:
    rows = [row(3, root=f"{Path.home()}/shop"), row(2, root="/srv/shop"), row(1)]
    assert [g.name for g in report.grouped(rows, "repo")] == ["~/shop", "/srv/shop", "(no repository)"]


def test_json_has_whole_micro_dollars_and_every_digit() -> None:
    data = json.loads(report.as_json([row(14_625), row(None, model="x/y")], "model"))
    assert data["by"] == "model"
    assert [group["model"] for group in data["groups"]] == ["anthropic/claude-sonnet-5-5", "x/y"]
    assert data["total"] == {
        "requests": 2,
        "unknown_requests": 1,
        "fresh": 200,
        "cached": 600,
        "stored": 0,
        "stored_1h": 0,
        "output": 100,
        "reasoning": 0,
        "micro_dollars": 14_625,
        "dollars": "0.014625",
        "is_estimate": False,
        "is_at_least": True,
    }


def test_csv_can_be_read_by_a_spreadsheet() -> None:
    lines = report.as_csv([row(14_625, model='odd,"model"')], "model").splitlines()
    (read,) = csv.DictReader(lines)
    assert (read["model"], read["micro_dollars"], read["dollars"]) == ('odd,"model"', "14625", "0.014625")


def test_nothing_is_a_table_with_a_sum_of_nothing() -> None:
    assert report.as_text([], "model")[-1].split() == ["total", "0", "0", "-", "0", "$0"]
    assert json.loads(report.as_json([], "day"))["groups"] == []


def test_a_table_is_as_wide_as_its_cells() -> None:
    assert table([["a", "1", "x"], ["bbb", "22", ""]]) == ["a     1  x", "bbb  22"]
    assert table([]) == []


def test_what_a_tool_brought_is_paid_by_the_request_that_reads_it_first() -> None:
    rows = [
        row(1000, reads="prompt"),
        row(1000, reads="read,read,shell", usage=Usage(fresh=100, output=10)),
        row(500, reads="", purpose="title"),
        row(70, reads=None),
    ]
    groups = {group.name: group.total for group in report.grouped(rows, "tool")}
    assert {name: total.micro_dollars for name, total in groups.items()} == {
        "prompt": 1000,
        "read": 666,
        "shell": 334,
        "(title)": 500,
        "(chat)": 70,
    }
    assert groups["read"].usage == Usage(fresh=66, output=6)
    assert sum(total.micro_dollars for total in groups.values()) == report.total_of(rows).micro_dollars


def test_tasks_of_two_sessions_are_two() -> None:
    rows = [row(session="a"), row(session="b"), row(session="b", task="1")]
    assert [group.name for group in report.grouped(rows, "task")] == ["a main", "b 1", "b main"]

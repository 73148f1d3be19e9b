"""Pages on money: what was spent, and what the next request sends and costs."""

import asyncio
from collections.abc import Callable, Sequence

from textual.content import Content

from kcode.errors import BadInput, KcodeError
from kcode.llm.catalog import Catalog
from kcode.llm.request import Request
from kcode.llm.size import estimated_tokens
from kcode.memory import context, summary
from kcode.spend import quote
from kcode.spend.bill import Bill, PriceOf, ToolBill
from kcode.spend.meter import Account, Meter, Reading
from kcode.spend.money import dollars, tokens
from kcode.spend.prices import PriceRow
from kcode.spend.table import table
from kcode.spend.total import Total
from kcode.tui.desk import Desk
from kcode.tui.pages.page import ByWidth
from kcode.tui.pages.program import show_program
from kcode.tui.status import gauge
from kcode.tui.text.safe import one_line
from kcode.tui.transcript.plain import counted

BAR = 20
LONGEST_NAME = 30
MINUTES = 40
SPARKS = "·▁▂▃▄▅▆▇█"


def show_cost(desk: Desk, _: str = "") -> None:
    desk.view("What it cost", ByWidth(lambda width: cost_page(desk.meter, _price_of(desk), width)))


def cost_page(meter: Meter, price_of: PriceOf, width: int) -> Content:
    """This session's spend by mode, model, purpose, task and tool; what was saved, overhead, wasted."""
    reading, bill = meter.reading(), meter.bill
    usage = reading.session.usage
    rent = bill.rent(meter.price)
    lines = [
        Content.assemble(
            (str(reading.session), "bold"),
            f"   {counted(reading.session.requests, 'request')}",
            f"   ↑{tokens(usage.input)} ↓{tokens(usage.output)} tokens",
        ),
        *(Content.styled(line, "$text-muted") for line in _saved(meter, price_of)),
        *_budget_lines(meter),
        *([Content.styled(f"{rent.offer()}", "$text-warning")] if rent else []),
        Content(""),
    ]
    groups = {title: _grouped(meter, name_of) for title, name_of in BY.items()}
    if len(bill.tasks) > 1:
        groups["By task"] = _by_task(bill)
    if bill.overhead:
        groups["Overhead"] = _dearest(bill.overhead)
    widest = max((len(name) for group in groups.values() for name in group), default=0)
    for title, group in groups.items():
        lines += [Content.styled(title, "bold $text-accent"), *_bars(group, widest, width), Content("")]
    lines += _waste_lines(_dearest(bill.wasted), widest, width)
    lines += _tool_lines(bill.tools(price_of), widest, width)
    minutes = meter.minutes(MINUTES)
    most, now = dollars(max(minutes)), dollars(reading.per_minute)
    lines += [
        Content.styled("By minute", "bold $text-accent"),
        Content.assemble(
            sparkline(minutes), (f"  the last {MINUTES}: at most {most}, now {now}", "$text-muted")
        ),
    ]
    return Content("\n").join(lines)


def _by_task(bill: Bill) -> dict[str, Total]:
    names = {
        task: f"{task} {one_line(bill.titles.get(task, ''))}"[:LONGEST_NAME].strip() for task in bill.tasks
    }
    return _dearest({names[task]: total for task, total in bill.tasks.items()})


def _dearest(group: dict[str, Total]) -> dict[str, Total]:
    return dict(sorted(group.items(), key=lambda item: -item[1].micro_dollars))


def _waste_lines(wasted: dict[str, Total], widest: int, width: int) -> list[Content]:
    """What came of nothing, with its share of the steps."""
    if not wasted:
        return []
    rows = [[name.ljust(widest), str(total), f"{total.requests}×"] for name, total in wasted.items()]
    return [Content.styled("Wasted", "bold $text-accent"), *_columns(rows, {0}, (2,), width), Content("")]


def _tool_lines(tools: Sequence[ToolBill], widest: int, width: int) -> list[Content]:
    """Each with its share of the requests: what its calls were as output, and its results as input."""
    if not tools:
        return []
    most = max(tool.micro_dollars or 0 for tool in tools) or 1
    rows = [
        [
            one_line(tool.name).ljust(widest),
            dollars(tool.micro_dollars, is_estimate=True),
            gauge((tool.micro_dollars or 0) / most, BAR),
            counted(tool.calls, "call"),
            f"{tool.failed} failed" if tool.failed else "",
            f"↑{tokens(tool.tokens)} of results",
        ]
        for tool in tools
    ]
    head = Content.styled("By tool", "bold $text-accent")
    return [head, *_columns(rows, left={0, 2, 3, 4}, lightest=(2, 5, 4, 3), width=width), Content("")]


BY: dict[str, Callable[[Account], str]] = {
    "By mode": lambda account: account.mode,
    "By model": lambda account: account.model,
    "By purpose": lambda account: account.purpose,
}


def _grouped(meter: Meter, name_of: Callable[[Account], str]) -> dict[str, Total]:
    groups: dict[str, Total] = {}
    for account, total in meter.accounts.items():
        name = one_line(name_of(account))
        groups[name] = groups.get(name, Total()) + total
    return _dearest(groups)


def _bars(groups: dict[str, Total], widest: int, width: int) -> list[Content]:
    if not groups:
        return [Content.styled("nothing yet", "$text-muted")]
    most = max(total.micro_dollars for total in groups.values()) or 1
    rows = [
        [
            name.ljust(widest),
            str(total),
            gauge(total.micro_dollars / most, BAR),
            counted(total.requests, "request"),
            f"↑{tokens(total.usage.input)}",
            f"↓{tokens(total.usage.output)}",
            f"{total.cache_share:.0%} cached",
        ]
        for name, total in groups.items()
    ]
    return _columns(rows, left={0, 2, 3}, lightest=(2, 3, 5, 4, 6), width=width)


def _columns(
    rows: Sequence[Sequence[str]], left: set[int], lightest: Sequence[int], width: int
) -> list[Content]:
    """A table without those of the `lightest` columns, in their order, that do not fit."""
    kept = list(range(len(rows[0])))
    lines: list[str] = []
    for dropped in (None, *lightest):
        kept = [at for at in kept if at != dropped]
        at_left = frozenset(new for new, old in enumerate(kept) if old in left)
        lines = table([[row[at] for at in kept] for row in rows], left=at_left)
        if max(map(len, lines)) <= width:
            break
    return [Content(line) for line in lines]


def sparkline(values: Sequence[int]) -> str:
    """The highest value is a full block; what is not nothing shows at least a line."""
    most = max(values, default=0) or 1
    steps = len(SPARKS) - 1
    return "".join(SPARKS[max(1, round(value / most * steps)) if value else 0] for value in values)


def _saved(meter: Meter, price_of: PriceOf) -> list[str]:
    """What the provider's cache took off the bill, and what its misses put on it."""
    bill = meter.bill
    if not meter.session.usage.cached:
        return ["nothing came out of a cache yet"]
    share = f"{meter.session.cache_share:.0%} of the input came out of it"
    lines = [f"the cache took {dollars(bill.saved(price_of))} off: {share}"]
    if bill.missed.requests:
        lines.append(f"{_misses(bill.missed.requests)} cost {dollars(bill.missed.micro_dollars)} more")
    if bill.kept:
        lines.append(f"keeping it alive saved {dollars(bill.kept)}")
    return lines


def _misses(count: int) -> str:
    return f"{count} miss{'' if count == 1 else 'es'}"


def _budget_lines(meter: Meter) -> list[Content]:
    tightest = meter.reading().tightest
    if tightest is None:
        return []
    whose = "budget" if tightest.scope == "session" else f"{tightest.scope} budget"
    return [Content(f"{whose} {dollars(tightest.budget)}, {dollars(tightest.left)} left")]


def _price_of(desk: Desk) -> PriceOf:
    opened = desk.state.opened

    def price(model: str) -> PriceRow | None:
        try:
            return Catalog(opened.settings).model(model).price if opened else None
        except KcodeError:
            return None

    return price


def show_what_if(desk: Desk, model: str) -> None:
    opened = desk.state.opened
    if not model:
        raise BadInput("Say with which model: /whatif openrouter/qwen/qwen3-coder")
    if opened:
        show_program("spend", "--session", opened.session, "--what-if")(desk, model)


def show_context(desk: Desk, _: str = "") -> None:
    desk.work(_show_context(desk))


async def _show_context(desk: Desk) -> None:
    request = await asyncio.wrap_future(desk.engine.look(lambda session: session.task.request()))
    meter = desk.meter
    parts, tools = context.parts(request, meter.reading().context or None), context.tools(request)

    offers = _offers(meter, request)

    def page(width: int) -> Content:
        return context_page(parts, tools, meter.reading(), meter.price, width, offers)

    desk.view("What the next request sends", ByWidth(page))


def _offers(meter: Meter, request: Request) -> list[str]:
    """What would make it less, with the price of each way."""
    rent, size = meter.bill.rent(meter.price), meter.reading().context
    at = len(request.messages) - summary.kept(request.messages)
    stays = request.model_copy(update={"messages": request.messages[at:]})
    shorter = quote.condense(meter.price, size, estimated_tokens(stays))
    is_worth_it = shorter is not None and shorter.pays_after is not None and shorter.after < size
    return [*([rent.offer()] if rent else []), *([f"/compact: {shorter}"] if is_worth_it else [])]


def context_page(
    parts: Sequence[context.Part],
    tools: Sequence[context.Part],
    reading: Reading,
    price: PriceRow | None,
    width: int,
    offers: Sequence[str] = (),
) -> Content:
    """`offers`: what would make it less, in words."""
    whole = sum(part.tokens for part in parts) or 1
    rows = [
        [
            part.name,
            f"~{tokens(part.tokens)}",
            gauge(part.tokens / whole, BAR),
            f"{part.tokens / whole:.0%}",
            _rent(part.tokens, price),
            part.detail,
        ]
        for part in parts
    ]
    window = f" of {tokens(reading.window)}" if reading.window else ""
    lines = [
        Content.assemble(
            (f"~{tokens(whole)}{window} tokens", "bold"),
            f"   {_next(reading.next_warm, reading.next_cold)}",
        ),
        Content(""),
        *_columns(rows, left={0, 2, 5}, lightest=(2, 5, 3), width=width),
        Content(""),
        Content.styled("Tools", "bold $text-accent"),
        Content("  ".join(f"{part.name} {part.tokens}" for part in tools)),
        Content(""),
        *(Content.styled(offer, "$text-warning") for offer in offers),
        *([Content("")] if offers else []),
        Content.styled(
            "Estimated: 4 bytes a token. Each is paid again with every step, at the cache's price where it holds.",
            "$text-muted",
        ),
    ]
    return Content("\n").join(lines)


def _rent(count: int, price: PriceRow | None) -> str:
    """What a part costs in each step, out of the cache."""
    return f"{dollars(int(count * price.cached))}/step" if price else "?"


def _next(warm: int | None, cold: int | None) -> str:
    if warm is None or cold is None:
        return "the price is unknown"
    return f"the next request: {dollars(warm)} with the cache, {dollars(cold)} without"

"""What can be chosen in the middle of a session: mode, model, permissions, another session, a theme."""

import asyncio
import itertools
import re
import time
from collections.abc import Sequence
from decimal import Decimal

from kcode import keys
from kcode.errors import BadInput
from kcode.events import Effort
from kcode.llm.catalog import Catalog, ModelFacts
from kcode.llm.providers import Provider
from kcode.llm.servers import ask_servers
from kcode.memory import log, sessions
from kcode.settings import PermissionMode
from kcode.spend import quote
from kcode.spend.meter import Meter
from kcode.spend.money import tokens
from kcode.spend.prices import PriceRow
from kcode.tui import themes
from kcode.tui.desk import Desk
from kcode.tui.engine.words import Chosen, Opened, Wish
from kcode.tui.lists.choices import Choice
from kcode.tui.text.safe import one_line
from kcode.tui.transcript.plain import counted

SESSIONS_LISTED = 60
DATED = re.compile(r"[-@](?:20\d{6}|20\d\d-\d\d-\d\d)(?:-v\d(?::\d)?)?$")
"""What providers hang behind a model's name for the day it was made."""
PERMISSIONS: dict[PermissionMode, str] = {
    "ask": "asks before every edit and command that no rule allows",
    "edits": "edits files in the workspace without asking; asks before commands",
    "auto": "asks nothing but what a rule or protection wants asked",
    "plan": "reads only",
}


# Modes


def modes_in_order(opened: Opened) -> list[str]:
    return list(opened.modes)


def choose_mode(desk: Desk, name: str = "") -> None:
    """By name, or from a list."""
    opened, chosen = _open(desk)
    if name:
        switch_mode(desk, _mode_named(opened, name))
        return
    rows = [
        Choice(
            mode,
            opened.modes[mode].title,
            one_line(opened.modes[mode].when_to_use),
            detail=_detail_of_mode(desk, mode),
            is_current=mode == chosen.mode,
        )
        for mode in modes_in_order(opened)
    ]
    desk.pick(
        "Mode", rows, lambda row: switch_mode(desk, row.id), "Shift+Tab next · Enter takes · Esc leaves"
    )


def next_mode(desk: Desk) -> None:
    opened, chosen = _open(desk)
    names = modes_in_order(opened)
    at = names.index(chosen.mode) if chosen.mode in names else -1
    switch_mode(desk, names[(at + 1) % len(names)])


def switch_mode(desk: Desk, mode: str) -> None:
    """Says which model works in it, what that takes, and what it costs to tell it the talk."""
    opened, _ = _open(desk)
    model, detail = desk.state.model_of(mode), _detail_of_mode(desk, mode)
    _switch(desk, mode, model, desk.state.effort_of(mode))
    price = _brief(facts) if (facts := _facts(desk, model)) else "$?"
    desk.notice(f"{opened.modes[mode].title}, {price} per million tokens in and out; {detail}")


def _switch(desk: Desk, mode: str, model: str, effort: Effort | None) -> None:
    desk.state.choose(mode, model, effort)
    desk.engine.switch(mode, model, effort)


def _detail_of_mode(desk: Desk, mode: str) -> str:
    _, chosen = _open(desk)
    model = desk.state.model_of(mode)
    if model == chosen.model:
        return f"{model} goes on: its cache is kept"
    return f"{model}: {_cold(_facts(desk, model), desk.meter)}"


def _mode_named(opened: Opened, name: str) -> str:
    found = [mode for mode in opened.modes if mode == name.lower()] or [
        mode for mode in opened.modes if mode.startswith(name.lower())
    ]
    if len(found) != 1:
        raise BadInput(f"There is no mode {name!r}. The modes are: {', '.join(modes_in_order(opened))}.")
    return found[0]


# Models


def choose_model(desk: Desk, model: str = "") -> None:
    """For the mode that one is in, by name or from a list."""
    _, chosen = _open(desk)
    if "/" in model:
        take_model(desk, chosen.mode, model)
    else:
        desk.work(_offer_models(desk, chosen.mode, model))


def choose_models(desk: Desk, _: str = "") -> None:
    """For any mode: which one first."""
    opened, chosen = _open(desk)
    rows = []
    for mode in modes_in_order(opened):
        facts = _facts(desk, desk.state.model_of(mode))
        rows.append(
            Choice(
                mode,
                opened.modes[mode].title,
                f"{desk.state.model_of(mode)}   {_figures(facts)}",
                is_current=mode == chosen.mode,
            )
        )
    desk.pick("The models of the modes", rows, lambda row: desk.work(_offer_models(desk, row.id, "")))


def take_model(desk: Desk, mode: str, model: str) -> None:
    opened, chosen = _open(desk)
    Catalog(opened.settings).model(model)  # BadInput for what is no model
    opened.models.picks[mode] = model
    if mode == chosen.mode:
        _switch(desk, mode, model, chosen.effort)
    else:
        desk.engine.pick(mode, model)
        desk.notice(f"{opened.modes[mode].title} will use {model}.")


async def _offer_models(desk: Desk, mode: str, query: str) -> None:
    opened, chosen = _open(desk)
    rows = await asyncio.to_thread(
        model_rows, Catalog(opened.settings), chosen, desk.meter, desk.state.model_of(mode)
    )
    words = query.lower().split()
    rows = [row for row in rows if all(word in row.id.lower() for word in words)]
    desk.pick(f"The model of {opened.modes[mode].title}", rows, lambda row: take_model(desk, mode, row.id))


def model_rows(catalog: Catalog, chosen: Chosen, meter: Meter, current: str) -> list[Choice]:
    """Those of the settings, then of servers on this machine, then of providers with a key, then all others."""
    rows = [row for row in catalog.providers() if row.is_local]
    served = {id: window for server in ask_servers(rows) for id, window in server.models.items()}
    with_key = {row.name for row in catalog.providers() if not row.is_local and _has_key(catalog, row)}
    settled = [current, *catalog.settings.models.values()]
    known = catalog.search()
    usable = (id for id in known if id.partition("/")[0] in with_key)
    choices = []
    for id in dict.fromkeys([*settled, *served, *_undated([*usable, *known])]):
        try:
            facts = catalog.model(id)
        except BadInput:
            continue
        facts = facts.model_copy(update={"window": facts.window or served.get(id)})
        can_be_used = facts.is_local or facts.provider in with_key
        choices.append(
            Choice(
                id,
                one_line(id),
                f"{_figures(facts)}{'' if can_be_used else '   no key'}",
                brief=f"{_brief(facts)}{'' if can_be_used else '  no key'}",
                detail="goes on: its cache is kept" if id == chosen.model else _cold(facts, meter),
                looked_up_by="local" if facts.is_local else "key" if can_be_used else "",
                is_current=id == current,
            )
        )
    return choices


def _undated(ids: Sequence[str]) -> list[str]:
    """Without those that are another one's name with its date: it says the same."""
    known = set(ids)
    return [id for id in ids if DATED.sub("", id) == id or DATED.sub("", id) not in known]


def _has_key(catalog: Catalog, row: Provider) -> bool:
    terms = catalog.settings.providers.get(row.name)
    return keys.find_key(row.name, row.key_names, terms.key if terms else None) is not None


def _facts(desk: Desk, model: str) -> ModelFacts | None:
    opened, _ = _open(desk)
    try:
        return Catalog(opened.settings).model(model)
    except BadInput:
        return None


def _figures(facts: ModelFacts | None) -> str:
    """`200k   $3 in  $15 out  $0.30 cached`: the window, and dollars per million tokens."""
    if facts is None:
        return "unknown"
    window = tokens(facts.window) if facts.window else "?"
    return f"{window:>6}   {prices(facts.price)}"


def _brief(facts: ModelFacts) -> str:
    """`$3/$15`: in and out."""
    row = facts.price
    if row is None:
        return "$?"
    return f"{_money(row.input)}/{_money(row.output)}" if row.input or row.output else "$0"


def prices(row: PriceRow | None) -> str:
    if row is None:
        return "price unknown"
    if not (row.input or row.output):
        return "costs nothing"
    return f"{_money(row.input):>6} in  {_money(row.output):>6} out  {_money(row.cached):>6} cached"


def _money(per_million: Decimal) -> str:
    """`$3`, `$0.30`, `$0.075`."""
    whole, _, rest = f"{per_million:.4f}".rstrip("0").partition(".")
    return f"${whole}.{rest.ljust(2, '0')}" if rest else f"${whole}"


def _cold(facts: ModelFacts | None, meter: Meter) -> str:
    """What it costs to send the talk to a model that has none of it in its cache."""
    context = meter.reading().context
    if context == 0:
        return "nothing was said yet: a switch costs nothing"
    switch = quote.switch(meter.price, facts.price if facts else None, context)
    pays = f"; pays after {counted(switch.pays_after, 'request')}" if switch.pays_after else ""
    return f"{switch}{pays}"


# Permissions


def choose_permissions(desk: Desk, name: str = "") -> None:
    if name:
        _permit(desk, name)
        return
    rows = [
        Choice(mode, mode, text, is_current=mode == desk.state.permissions)
        for mode, text in PERMISSIONS.items()
    ]
    desk.pick("What happens without asking", rows, lambda row: _permit(desk, row.id))


def _permit(desk: Desk, name: str) -> None:
    mode = next((mode for mode in PERMISSIONS if mode == name), None)
    if mode is None:
        raise BadInput(f"There is no permission mode {name!r}. There are: {', '.join(PERMISSIONS)}.")
    desk.engine.permit(mode)


# Sessions


def choose_session(desk: Desk, id: str = "") -> None:
    if id:
        desk.engine.open(Wish("resume", log.find_session(id).stem))
    else:
        desk.work(_offer_sessions(desk))


async def _offer_sessions(desk: Desk) -> None:
    opened, _ = _open(desk)
    infos = await asyncio.to_thread(_sessions_of, str(opened.root))
    rows = [
        Choice(
            info.id,
            one_line(info.title) or "(nothing was said)",
            f"{_when(info.updated)} · {counted(info.prompts, 'prompt')}",
            detail=info.id,
            is_current=info.id == opened.session,
        )
        for info in infos
    ]
    if rows:
        desk.pick("Sessions of this folder", rows, lambda row: _resume(desk, row.id))
    else:
        desk.notice("No session was begun in this folder yet.")


def _resume(desk: Desk, id: str) -> None:
    if desk.state.opened is None or id != desk.state.opened.session:
        desk.engine.open(Wish("resume", id))


def _sessions_of(root: str) -> list[sessions.SessionInfo]:
    here = (info for info, _ in sessions.listed(root) if info.prompts)
    return list(itertools.islice(here, SESSIONS_LISTED))


def _when(at: float) -> str:
    same_day = time.strftime("%x", time.localtime(at)) == time.strftime("%x")
    return time.strftime("%H:%M" if same_day else "%Y-%m-%d %H:%M", time.localtime(at))


# Themes


def choose_theme(desk: Desk, name: str = "") -> None:
    if name:
        _take_theme(desk, name)
        return
    rows = [
        Choice(theme, theme, help, is_current=theme == desk.app.theme)
        for theme, help in themes.OFFERED.items()
    ]
    desk.pick("Theme", rows, lambda row: _take_theme(desk, row.id))


def _take_theme(desk: Desk, name: str) -> None:
    if name not in themes.OFFERED:
        raise BadInput(f"There is no theme {name!r}. There are: {', '.join(themes.OFFERED)}.")
    desk.app.theme = name
    themes.keep(name)


def _open(desk: Desk) -> tuple[Opened, Chosen]:
    if desk.state.opened is None or desk.state.chosen is None:
        raise BadInput("No session is open yet.")
    return desk.state.opened, desk.state.chosen

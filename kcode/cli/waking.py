"""What it costs to go on with a session, said before the first message."""

import time

from kcode.agent.session import Session
from kcode.llm.size import estimated_tokens
from kcode.spend import quote

LEAST = 1_000
"""Micro-dollars: less is not worth a word."""


def words(session: Session) -> list[str]:
    """Nothing where there is no talk yet, it costs next to nothing, or its price is unknown."""
    task = session.task
    request = task.request()
    if not request.messages:
        return []
    before = task.client.watch.before((request.session, request.task))
    is_known = before is not None and before.model == request.model
    waking = quote.waking(
        task.client.catalog.model(request.model).price,
        task.client.estimate(request),
        time.time() - before.ended if before and is_known else float("inf"),
        prefix=estimated_tokens(request.model_copy(update={"messages": ()})),
        life=before.print.life if before and is_known else "5m",
    )
    return [f"{str(waking)[0].upper()}{str(waking)[1:]}."] if (waking.next or 0) >= LEAST else []

"""Fetching payouts in the worker: a round every hour; sooner after one in which nobody answered."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from kernel.access import Issuer
from reconciliation.fetching import actions
from reconciliation.fetching.asking import AwayError, Payments
from reconciliation.wiring import Wiring

log = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 60.0


async def keep_fetching(wiring: Wiring, stop: asyncio.Event) -> None:
    """Fetch until stop is set, if it is known where payments is; whatever fails is tried again."""
    settings = wiring.settings
    if not settings.fetches_payouts:
        return
    issuer = Issuer("reconciliation", settings.service_key.get_secret_value())
    payments = Payments(base_url=settings.payments_api, issuer=issuer, clock=wiring.clock)
    try:
        while not stop.is_set():
            pause = await fetch_once(wiring, payments, stop)
            try:
                await asyncio.wait_for(stop.wait(), pause)
            except TimeoutError:
                continue
    finally:
        await payments.close()


async def fetch_once(wiring: Wiring, payments: Payments, stop: asyncio.Event) -> float:
    """Fetch once; return how long to rest then, in seconds."""
    interval = float(wiring.settings.payouts_fetch_seconds)
    try:
        await actions.fetch_all(wiring, payments, stop)
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    except AwayError as away:
        log.info("payouts are fetched later: payments does not answer", extra={"problem": str(away)})
        return min(interval, AGAIN_SECONDS)
    except SQLAlchemyError as problem:
        log.warning("payouts are fetched later", extra={"problem": str(problem)[:300]})
        return min(interval, AGAIN_SECONDS)
    except Exception:
        log.exception("payouts are fetched later after an unexpected fault")
    return interval

"""Everything the sandbox's edges need, made once and read from top to bottom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from kernel.clock import Clock
from sandbox.faults.model import Faults
from sandbox.gmopg.actions import GmopgDesk
from sandbox.gmopg.actions import sign as sign_gmopg
from sandbox.idempotency import Answers
from sandbox.journal import Journal
from sandbox.komoju.actions import KomojuDesk
from sandbox.komoju.actions import sign as sign_komoju
from sandbox.payers.finder import Finder
from sandbox.paypay.actions import PayPayDesk
from sandbox.paypay.signing import Doorman
from sandbox.settings import SandboxSettings
from sandbox.stripe.actions import StripeDesk
from sandbox.stripe.signing import sign as sign_stripe
from sandbox.webhooks import Sender


@dataclass(frozen=True, slots=True)
class Sandbox:
    """One running sandbox."""

    settings: SandboxSettings
    clock: Clock
    journal: Journal
    faults: Faults
    answers: Answers
    sender: Sender
    finder: Finder
    doorman: Doorman
    stripe: StripeDesk
    paypay: PayPayDesk
    komoju: KomojuDesk
    gmopg: GmopgDesk

    def start(self) -> None:
        """Read the journal and take up what was under way; needs a running event loop."""
        self.journal.open()
        self.sender.start()
        self.stripe.start()
        self.komoju.start()
        self.gmopg.start()

    async def stop(self) -> None:
        """Stop sending and let go of the journal."""
        await self.sender.stop()
        await self.finder.close()
        self.journal.close()


Later = Callable[[float, Callable[[], object]], object]


def in_real_time(seconds: float, act: Callable[[], object]) -> object:
    """Do something once so many seconds have passed."""
    return asyncio.get_running_loop().call_later(max(0.0, seconds), act)


def wire(settings: SandboxSettings, clock: Clock, later: Later = in_real_time) -> Sandbox:
    """Make a sandbox that has not started yet. `later` keeps what is to happen by itself, at the clock's pace."""
    journal = Journal(settings.journal_file, objects_max=settings.objects_max, bytes_max=settings.journal_bytes_max)
    faults = Faults()
    stripe_secrets = tuple(each.get_secret_value() for each in settings.stripe_webhook_secrets)
    komoju_secret = settings.komoju_webhook_secret.get_secret_value()
    sender = Sender(
        settings,
        clock,
        journal,
        faults,
        {
            "stripe": lambda delivery, at: sign_stripe(stripe_secrets, delivery, at),
            "paypay": lambda _delivery, _at: {},  # PayPay does not sign: a notification is a hint, never proof.
            "komoju": lambda delivery, _at: sign_komoju(komoju_secret, delivery),
            "gmopg": sign_gmopg,  # Not signed either.
        },
    )
    return Sandbox(
        settings=settings,
        clock=clock,
        journal=journal,
        faults=faults,
        answers=Answers(journal),
        sender=sender,
        finder=Finder(settings),
        doorman=Doorman(key=settings.paypay_api_key, secret=settings.paypay_api_secret.get_secret_value()),
        stripe=StripeDesk(settings, clock, journal, sender, later),
        paypay=PayPayDesk(settings, clock, journal, sender),
        komoju=KomojuDesk(settings, clock, journal, sender, later),
        gmopg=GmopgDesk(settings, clock, journal, sender, later),
    )

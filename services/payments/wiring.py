"""Everything that payments' edges need, put together in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from fastapi import Request

from kernel.access import Principal, Role, StaffDirectory, Verifier
from kernel.clock import Clock, SystemClock
from kernel.money import Yen
from kernel.rows import Database
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from kernel.web import Pages
from payments.charges.model import MethodUnknown
from payments.collecting import actions as collecting
from payments.collecting.model import KEY_MARK, Secret, System, secret_of
from payments.health.guard import Guarded
from payments.methods import connect_all
from payments.methods.protocol import DisputeReader, Method, PayoutReader
from payments.settings import PaymentsSettings
from payments.transfers.account import kana
from payments.transfers.model import Route
from payments.transfers.sealing import Keyring
from payments.transfers.zengin import Payer

HERE = Path(__file__).parent
SLICES_WITH_PAGES = (
    "cases",
    "charges",
    "collecting",
    "disputes",
    "messages",
    "notices",
    "operations",
    "refunds",
    "staff",
    "static_codes",
    "transfers",
    "transfer_files",
)


@dataclass(frozen=True)
class Wiring:
    """What routes, pages, consumers and pollers are given."""

    settings: PaymentsSettings
    database: Database
    clock: Clock
    methods: Mapping[str, Method]
    payouts: Mapping[str, PayoutReader]  # by the provider's name
    disputes: Mapping[str, DisputeReader]  # likewise
    pages: Pages
    sign_in: SignIn
    data_keys: Keyring
    payer: Payer | None  # our own account for transfer files

    def method(self, name: str) -> Method:
        """Return a method by its name; raise MethodUnknown."""
        found = self.methods.get(name)
        if found is None:
            raise MethodUnknown(method=name[:40], methods=", ".join(sorted(self.methods)))
        return found

    def methods_beside(self, name: str) -> list[str]:
        """Return the methods of the provider that carries one: each may be told of at the address of another."""
        known = self.methods.get(name)
        if known is None:
            return [name]
        carrier = known.capabilities.carrier
        return [each for each, method in self.methods.items() if method.capabilities.carrier == carrier]

    @property
    def carriers(self) -> dict[str, list[str]]:
        """The methods by who carries them: each is read and asked by itself."""
        found: dict[str, list[str]] = {}
        for name, method in self.methods.items():
            found.setdefault(method.capabilities.carrier, []).append(name)
        return found

    def offered(self, name: str) -> Method:
        """Return a method by which a new payment may begin; raise MethodUnknown for one that is retired, too."""
        if name not in self.settings.methods_enabled:
            raise MethodUnknown(method=name[:40], methods=", ".join(sorted(self.settings.methods_enabled)))
        return self.method(name)

    async def caller(self, request: Request, *, at: datetime) -> tuple[Principal, System | None]:
        """Return who calls, with the collecting system if an API key says so. Raises Unauthenticated."""
        scheme, _, presented = request.headers.get("authorization", "").partition(" ")
        presented = presented.strip()
        if scheme.lower() != "bearer" or not presented.startswith(KEY_MARK):
            return self.sign_in.principal(request, at=at), None
        async with self.database.transaction(correlation_id.get()) as tx:
            system = await collecting.known(tx, presented, at=at)
        return Principal(system.name, Role.SERVICE, frozenset()), system

    def choices(self, system: System, amount: Yen) -> list[Method]:
        """Return the methods by which an amount may be paid to a collecting system."""
        offered = [self.methods[each] for each in system.methods if each in self.settings.methods_enabled]
        return [each for each in offered if each.capabilities.amount_min <= amount <= each.capabilities.amount_max]

    def webhook_secret(self, secret: Secret) -> str:
        """Return what messages to a collecting system are signed with."""
        return secret_of(self.settings.collecting_master_key, secret)

    def checkout_url(self, charge_id: UUID) -> str:
        """Return where a charge is paid."""
        return f"{self.settings.payments_url}/pay/{charge_id}"

    @property
    def bank_account_needed(self) -> frozenset[str]:
        """The methods whose refunds go to a bank account."""
        return frozenset(name for name, method in self.methods.items() if method.capabilities.refund != "provider")

    def refund_route(self, method: str) -> Route:
        """Return how a refund to a bank account leaves: by the method's agency, or by our own bank's file."""
        known = self.methods.get(method)
        own = known is None or known.capabilities.refund == "transfer"
        return "file" if own or method in self.settings.refunds_by_own_transfer else "agency"

    async def close(self) -> None:
        """Let go of every connection."""
        for method in self.methods.values():
            await method.close()
        await self.database.close()


def wiring_of(request: Request) -> Wiring:
    """Return what app.py put together."""
    found = request.app.state.wiring
    assert isinstance(found, Wiring)  # noqa: S101 - app.py makes it before the first request
    return found


def _payer(settings: PaymentsSettings, methods: Mapping[str, Method]) -> Payer | None:
    """Return our own account for transfer files. Raises ValueError where real money needs it and it is not set."""
    carried = [name for name, method in methods.items() if method.capabilities.refund == "transfer"]
    wanted = [*carried, *settings.refunds_by_own_transfer]
    said = settings
    if not said.transfer_consignor_code:
        if not wanted:
            return None
        if said.production:
            raise ValueError(f"Refunds of {wanted[0]} go by our own bank: set the MOMIJI_TRANSFER_… settings.")
        return Payer("0000000001", "ﾓﾐｼﾞ ﾚﾝｼﾕｳ", "0000", "", "000", "", "normal", "0000001")  # for practice
    names = [kana(each) for each in (said.transfer_consignor_name, said.transfer_bank_name, said.transfer_branch_name)]
    consignor, bank, branch = names
    complete = said.transfer_bank_code and said.transfer_branch_code and said.transfer_account_number
    if not consignor or bank is None or branch is None or not complete:
        raise ValueError("The MOMIJI_TRANSFER_… settings are not complete; names are written in katakana.")
    return Payer(
        said.transfer_consignor_code,
        consignor[:40].rstrip(),
        said.transfer_bank_code,
        bank[:15].rstrip(),
        said.transfer_branch_code,
        branch[:15].rstrip(),
        said.transfer_account_kind,
        said.transfer_account_number,
    )


def wire(settings: PaymentsSettings, *, clock: Clock | None = None) -> Wiring:
    """Put payments together; nothing is connected yet."""
    now = clock or SystemClock()
    database = Database(
        settings.payments_database_url, service="payments", pool_size_max=settings.database_pool_size_max
    )
    connected = connect_all(settings, now)
    return Wiring(
        settings=settings,
        database=database,
        clock=now,
        methods={
            name: Guarded(method, database, now, calls_per_second=settings.calls_per_second)
            for name, method in connected.items()
        },
        disputes={each.capabilities.carrier: each for each in connected.values() if isinstance(each, DisputeReader)},
        payouts={each.capabilities.carrier: each for each in connected.values() if isinstance(each, PayoutReader)},
        pages=Pages(folders=[HERE / each / "templates" for each in SLICES_WITH_PAGES], words=[HERE / "words"]),
        data_keys=Keyring([each.get_secret_value() for each in settings.payments_data_keys]),
        payer=_payer(settings, connected),
        sign_in=SignIn(
            service="payments",
            verifier=Verifier.from_folder(settings.trusted_keys_dir or Path("/nonexistent"), audience="payments"),
            staff=StaffDirectory.from_file(settings.staff_file or Path("/nonexistent")),
            session_key=settings.session_key.get_secret_value(),
        ),
    )

"""A desk at which counter codes are registered and checked, for tests."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

from kernel.access import ALL_FACILITIES, Principal, Role
from kernel.clock import SystemClock
from support.collecting import Desk
from support.merchant_codes import counter_text

PLACE = "/operations/static-codes"
_numbers = count(1)


@dataclass
class Counters:
    """Staff of facilities before the pages of counter codes."""

    desk: Desk

    def headers(self, role=Role.ACCOUNTING, facilities=(ALL_FACILITIES,), language="en"):
        somebody = Principal(f"{role.value}-person", role, frozenset(facilities))
        token = self.desk.staff.token(somebody, audience="staff", at=SystemClock().now(), lifetime=timedelta(hours=1))
        return {"Authorization": f"Bearer {token}", "Accept-Language": language}

    def get(self, path="", role=Role.ACCOUNTING, facilities=(ALL_FACILITIES,), language="en"):
        headers = self.headers(role, facilities, language)
        return self.desk.till.client.get(f"{self.desk.till.url}{PLACE}{path}", headers=headers)

    def post(self, path="", role=Role.ACCOUNTING, facilities=(ALL_FACILITIES,), language="en", **form):
        headers = self.headers(role, facilities, language)
        return self.desk.till.client.post(f"{self.desk.till.url}{PLACE}{path}", data=form, headers=headers)

    def form(self, text, **more):
        return {
            "facility": "shukkeien",
            "counter": "東門",
            "name_ja": "縮景園",
            "name_en": "Shukkeien Garden",
            "text": text,
        } | more

    def register(self, text=None, **more):
        """Return (id, text) of a code that is registered now."""
        text = text or counter_text(f"{next(_numbers):06d}")
        answer = self.post(**self.form(text, **more))
        assert answer.status_code == 303, answer.text
        return answer.headers["location"].rsplit("/", 1)[1], text

    def check(self, text, role=Role.FACILITY, facilities=("shukkeien",), expected="", language="en"):
        """Return what the page says of a scanned code, as text."""
        answer = self.post("/check", role, facilities, language, text=text, expected=expected)
        assert answer.status_code == 200, answer.text
        found = re.search(r'<section class="above".*?</section>', answer.text, re.DOTALL)
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found[0])).split())

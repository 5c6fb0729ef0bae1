"""The gates of the facility book, and the words that gate staff know things by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kernel.access import Principal
from ticketing.admission.model import Gate
from ticketing.facilities.actions import FacilityBook


@dataclass(frozen=True, slots=True)
class BookGates:
    """What `desk.Gates` asks, answered by the book as it is now: a new gate works without a restart."""

    book: Callable[[], FacilityBook]

    def gate(self, code: str) -> Gate | None:
        """Return a gate by its code, or None."""
        found = self.book().gate(code)
        return None if found is None else Gate(found.code, found.facility)

    def gates_of(self, principal: Principal) -> Sequence[Gate]:
        """Return the gates of somebody's facilities, by the facilities' numbers."""
        facilities = [each for each in self.book().all() if principal.may_see(each.code)]
        return [Gate(gate.code, gate.facility) for each in facilities for gate in each.gates]

    def gate_name(self, code: str, language: str) -> str:
        """Return a facility's and its gate's name, such as 縮景園 正門."""
        found = self.book().gate(code)
        if found is None:
            return code
        return f"{self.facility_name(found.facility, language)} {found.name.of(language)}"

    def facility_name(self, facility: str, language: str) -> str:
        """Return a facility's name; its code if nobody knows it any more."""
        found = self.book().get(facility)
        return facility if found is None else found.name.of(language)

    def facility_number(self, facility: str) -> int:
        """Return the number that ticket codes carry for a facility; raise KeyError for one that is not in the book."""
        return self.book().facilities[facility].number

    def product_name(self, facility: str, product: str, language: str) -> str:
        """Return a product's name; its code if nobody knows it any more."""
        place = self.book().get(facility)
        found = None if place is None else place.product(product)
        return product if found is None else found.name.of(language)

    def category_name(self, facility: str, category: str, language: str) -> str:
        """Return a category's name, such as 大人; its code if nobody knows it any more."""
        place = self.book().get(facility)
        found = None if place is None else place.category(category)
        return category if found is None else found.name.of(language)

"""A form is believed when the browser says that it came from this very origin."""

import pytest
from starlette.requests import Request

from kernel.signin import ForeignPost, SignIn


def post_with(**headers: str) -> Request:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": [(b"host", b"tickets.example"), *named]})


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "null", "sec_fetch_site": "same-origin"},  # what a page under no-referrer sends
        {"origin": "https://tickets.example", "sec_fetch_site": "same-origin"},
        {"origin": "https://tickets.example"},
        {},
    ],
)
def test_our_own_forms_are_taken(headers):
    SignIn.require_own_page(post_with(**headers))


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "null", "sec_fetch_site": "cross-site"},
        {"origin": "https://tickets.example", "sec_fetch_site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "https://tickets.example.evil.example"},
    ],
)
def test_forms_of_other_sites_are_refused(headers):
    with pytest.raises(ForeignPost):
        SignIn.require_own_page(post_with(**headers))

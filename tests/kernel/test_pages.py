"""Pages speak the reader's language, and every word of theirs is there in Japanese."""

import re
from datetime import date
from itertools import chain
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from starlette.requests import Request

from kernel.web.language import ENGLISH, JAPANESE, language_of
from kernel.web.pages import Pages, wareki

SERVICES = Path(__file__).parents[2] / "services"


def request_of(*, accept="", cookie="", query=""):
    headers = [(b"accept-language", accept.encode()), (b"cookie", cookie.encode())]
    return Request({"type": "http", "method": "GET", "path": "/", "query_string": query.encode(), "headers": headers})


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ({}, JAPANESE),
        ({"accept": "en-US,en;q=0.9"}, ENGLISH),
        ({"accept": "fr,en;q=0.5"}, ENGLISH),
        ({"accept": "fr"}, JAPANESE),
        ({"accept": "en", "cookie": "momiji_language=ja"}, JAPANESE),
        ({"cookie": "momiji_language=ja", "query": "lang=en"}, ENGLISH),
        ({"query": "lang=<script>"}, JAPANESE),
    ],
)
def test_the_reader_s_wish_comes_first(asked, language):
    assert language_of(request_of(**asked)) == language


@pytest.mark.parametrize(
    ("day", "words"), [(date(2026, 11, 23), "令和8年11月23日"), (date(2019, 5, 1), "令和元年5月1日")]
)
def test_days_in_the_japanese_era(day, words):
    assert wareki(day) == words


def test_a_day_is_written_as_its_reader_does():
    assert Pages.day(JAPANESE, date(2026, 11, 23)) == "2026年11月23日(月)"
    assert Pages.day(ENGLISH, date(2026, 11, 23)) == "Mon 23 Nov 2026"


PACKAGES = ["kernel", "ticketing", "payments", "reconciliation"]
MESSAGE = re.compile(r"""\b_\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\s*\)""")


PLURAL = re.compile(r"""\bngettext\(\s*"((?:[^"\\]|\\.)*)",\s*"((?:[^"\\]|\\.)*)",""")


def _messages(package):
    """Return (msgids, translations) of each message; two msgids where there is a plural."""
    found = []
    for file in sorted((SERVICES / package).rglob("words/ja.po")):  # of the service, and of each of its slices
        with file.open("rb") as opened:
            found += [
                tuple([said] if isinstance(said, str) else list(said) for said in (message.id, message.string))
                for message in read_po(opened, locale="ja")
                if message.id
            ]
    return found


def _words(package):
    return {said: translations for said_all, translations in _messages(package) for said in said_all}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_word_on_a_page_is_there_in_japanese(package):
    known = _words("kernel") | _words(package)
    missing = {
        f"{template.relative_to(SERVICES)}: {said}"
        for template in (SERVICES / package).rglob("*.html")
        for pattern in (MESSAGE, PLURAL)
        for said in chain.from_iterable(pattern.findall(template.read_text(encoding="utf-8")))
        if said and not all(known.get(said.replace('\\"', '"').replace("\\'", "'"), [""]))
    }
    assert not missing


@pytest.mark.parametrize("package", PACKAGES)
def test_a_translation_keeps_the_message_s_fields(package):
    for said, translations in _messages(package):
        for each in translations:
            assert set(re.findall(r"{\w+}", each)) <= set(re.findall(r"{\w+}", " ".join(said))), said

"""Every refusal says what to do, in every language, and has a status."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from fastapi import FastAPI
from fastapi.testclient import TestClient

from kernel import refusals
from kernel.problems import install, status_of
from kernel.refusals import Refusal
from kernel.web import Pages, mount_problem_pages

SERVICES = Path(__file__).parents[2] / "services"
PACKAGES = ("kernel", "ticketing", "payments", "reconciliation")


def _every_refusal():
    for package in PACKAGES:
        module = importlib.import_module(package)
        for found in pkgutil.walk_packages(module.__path__, f"{package}."):
            if "migrations" not in found.name and not found.name.endswith("__main__"):
                importlib.import_module(found.name)
    found, todo = [], [Refusal]
    while todo:
        for kind in todo.pop().__subclasses__():
            found.append(kind)
            todo.append(kind)
    return [kind for kind in found if kind.__module__.split(".")[0] in PACKAGES]


REFUSALS = _every_refusal()


@pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.__name__)
def test_a_refusal_has_a_status_a_slug_and_a_sentence(kind):
    fields = dict.fromkeys(re.findall(r"{(\w+)", kind.advice), "1")
    refusal = kind(**fields)
    assert 400 <= status_of(refusal) < 600
    assert re.fullmatch(r"[a-z][a-z0-9-]+", kind.slug)
    assert refusal.detail


def _messages(package):
    folder = SERVICES / package / "web" if package == "kernel" else SERVICES / package
    found = {}
    for path in (folder / "words" / "ja.po", *sorted(folder.glob("*/words/ja.po"))):  # a slice may have its own
        with path.open("rb") as file:
            found |= {message.id: message.string for message in read_po(file, locale="ja") if message.id}
    return found


@pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.__name__)
def test_a_refusal_is_said_in_japanese(kind):
    if kind in {refusals.Malformed, refusals.Invalid, refusals.TooLarge, refusals.Gone}:
        return  # Answers to programs; pages raise more exact ones.
    package = kind.__module__.split(".")[0]
    words = _messages("kernel") | (_messages(package) if package != "kernel" else {})
    assert words.get(kind.advice), f"{kind.__name__}: no Japanese for “{kind.advice}”"
    assert set(re.findall(r"{\w+}", words[kind.advice])) <= set(re.findall(r"{\w+}", kind.advice))


@pytest.fixture(scope="module")
def web():
    app = FastAPI()
    install(app)
    mount_problem_pages(app, Pages(folders=[], words=[SERVICES / package / "words" for package in PACKAGES[1:]]))
    return TestClient(app)


@pytest.mark.parametrize("slug", sorted({kind.slug for kind in REFUSALS} | {"unexpected", "method-not-allowed"}))
def test_every_type_of_problem_has_its_page(web, slug):
    for language, said in (("ja", "対処"), ("en", "What to do")):
        page = web.get(f"/problems/{slug}", headers={"accept-language": language})
        assert (page.status_code, said in page.text, slug in page.text) == (200, True, True)
    assert f'href="/problems/{slug}"' in web.get("/problems").text


def test_a_type_that_nobody_uses_is_said_to_be_none(web):
    page = web.get("/problems/rain", headers={"accept-language": "en"})
    assert (page.status_code, "at /problems" in page.text) == (404, True)


def test_a_wrong_address_is_a_page_for_a_person_and_a_problem_for_a_program(web):
    page = web.get("/nowhere", headers={"accept": "text/html", "accept-language": "ja"})
    assert (page.status_code, "アドレスを確かめてください" in page.text) == (404, True)
    for address, accept in (("/nowhere", "application/json"), ("/v1/nowhere", "text/html")):
        answer = web.get(address, headers={"accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")

"""Pages: Jinja templates rendered in the reader's language, with the shared look and built assets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from babel.dates import format_date, format_datetime
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.staticfiles import StaticFiles

from kernel.clock import JAPAN
from kernel.money import Yen
from kernel.problems import status_of
from kernel.refusals import Refusal, Words
from kernel.web.language import LANGUAGE_COOKIE, LANGUAGES, Language, catalogue, language_of

HERE = Path(__file__).parent
BUILT = HERE / "static" / "built"
YEAR_SECONDS = 31_536_000


class Assets:
    """The built files under their logical names, as the web build's manifest maps them."""

    @cached_property
    def _manifest(self) -> dict[str, str]:
        file = BUILT / "manifest.json"
        return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}

    def url(self, name: str) -> str:
        """Return the address of a built file; its name carries its hash, so it may be kept for ever."""
        built = self._manifest.get(name)
        if built is not None:
            return f"/assets/built/{built}"
        source = HERE / "static" / name
        if source.exists():  # Before the web build the plain source is served.
            return f"/assets/{name}?v={hashlib.sha256(source.read_bytes()).hexdigest()[:8]}"
        raise FileNotFoundError(f"{name} is not built. Run 'make web' first.")

    def has(self, name: str) -> bool:
        """Tell whether a built file exists under this logical name."""
        return name in self._manifest or (HERE / "static" / name).exists()


class _LongLived(StaticFiles):
    def file_response(self, *args: Any, **kwargs: Any) -> Any:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = f"public, max-age={YEAR_SECONDS}, immutable"
        return response


def mount_assets(app: FastAPI) -> None:
    """Serve the shared static files at /assets; addresses carry hashes."""
    app.mount("/assets", _LongLived(directory=HERE / "static"), name="assets")


def wareki(day: date) -> str:
    """Return a day with its Japanese era year, such as 令和8年11月23日 (since 2019-05-01)."""
    reiwa = day.year - 2018
    return f"令和{'元' if reiwa == 1 else reiwa}年{day.month}月{day.day}日"


class Pages:
    """Renders one service's templates. `folders` hold templates, `words` hold <tag>.po files.

    `given` is what each of its templates may use by name.
    """

    def __init__(
        self, *, folders: Sequence[Path], words: Sequence[Path], given: Mapping[str, object] | None = None
    ) -> None:
        self.assets = Assets()
        self._words = (HERE / "words", *words)
        self._environment = Environment(
            loader=ChoiceLoader([FileSystemLoader(folder) for folder in (*folders, HERE / "templates")]),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["yen"] = lambda amount: str(amount if isinstance(amount, Yen) else Yen(amount))
        self._environment.globals.update(given or {})

    def gettext_of(self, tag: str) -> Callable[[str], str]:
        """Return the gettext of a language, for documents that are no pages."""
        words: Callable[[str], str] = catalogue(tag, self._words).gettext
        return words

    def message(self, request: Request, message: str) -> str:
        """Return one message in the reader's language as it stands, with its {fields}."""
        return str(self._catalogue(language_of(request)).gettext(message))

    def text(self, request: Request, message: str, **fields: object) -> str:
        """Return one message in the reader's language with its fields filled in."""
        return self.message(request, message).format(**fields)

    def advice(self, request: Request, refusal: Refusal) -> str:
        """Return a refusal's advice in the reader's language."""
        said = {
            name: self.message(request, value) if isinstance(value, Words) else value
            for name, value in refusal.fields.items()
        }
        return self.text(request, refusal.advice, **said)

    def render(self, request: Request, template: str, /, *, status: int = 200, **context: object) -> HTMLResponse:
        """Render a template to an answer that is never stored by caches on the way."""
        language = language_of(request)
        words = self._catalogue(language)
        body = (
            self._environment.overlay()
            .get_template(template)
            .render(
                request=request,
                language=language,
                languages=LANGUAGES,
                asset=self.assets.url,
                has_asset=self.assets.has,
                _=words.gettext,
                gettext=words.gettext,
                ngettext=words.ngettext,
                day=lambda value: self.day(language, value),
                moment=lambda value: self.moment(language, value),
                **context,
            )
        )
        headers = {"cache-control": "no-store", "content-language": language.tag, "vary": "Accept-Language, Cookie"}
        answer = HTMLResponse(body, status_code=status, headers=headers)
        if request.query_params.get("lang") == language.tag:  # chosen by hand: the pages after this one keep it
            answer.set_cookie(LANGUAGE_COOKIE, language.tag, max_age=YEAR_SECONDS, httponly=True, samesite="lax")
        return answer

    def refusal(self, request: Request, refusal: Refusal) -> HTMLResponse:
        """Render a refusal as a page that says what to do."""
        status = status_of(refusal)
        return self.render(request, "refusal.html", status=status, advice=self.advice(request, refusal))

    @staticmethod
    def day(language: Language, value: date) -> str:
        """Return a date as its reader writes it, with the weekday."""
        pattern = "y年M月d日(EEEEE)" if language.tag == "ja" else "EEE d MMM y"
        return format_date(value, pattern, locale=language.tag)

    @staticmethod
    def moment(language: Language, value: datetime) -> str:
        """Return a moment in Japan's time as its reader writes it."""
        pattern = "M月d日(EEEEE) H:mm" if language.tag == "ja" else "EEE d MMM, H:mm"
        return format_datetime(value.astimezone(JAPAN), pattern, locale=language.tag)

    def _catalogue(self, language: Language) -> Any:
        return catalogue(language.tag, self._words)

"""Pages of mappings: which there are, their versions, and the editor with its preview."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import UploadFile

from kernel.access import Principal
from kernel.clock import new_id
from kernel.refusals import Refusal
from kernel.telemetry import correlation_id
from reconciliation.days.wording import provider_name
from reconciliation.mappings import actions, draft, shipped, store, wording
from reconciliation.mappings.draft import Draft, Problem
from reconciliation.mappings.model import Definition, Example, Mapping, UnknownExample, UnknownMapping
from reconciliation.staff.desk import SEE_OTHER, for_bookkeeper, for_reader
from reconciliation.statements import discovery, tables, trial
from reconciliation.statements import store as statements
from reconciliation.statements.columns import FIELDS, REQUIRED
from reconciliation.statements.model import NoFileChosen, UnknownStatement
from reconciliation.statements.tables import Beginning
from reconciliation.statements.trial import Trial
from reconciliation.wiring import Wiring, keeps_books

router = APIRouter(include_in_schema=False)

PATH = "/statements/mappings"
EDITOR = PATH + "/edit"
ROWS_READ_MAX = 5_000
ROWS_SHOWN_MAX = 8
FILES_OFFERED_MAX = 20
NAME_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class _Sample:
    """An example as the editor shows it: its headings, the rows below them, each with its number."""

    example: Example
    beginning: Beginning
    row: int
    headings: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]

    @property
    def cells(self) -> list[tuple[str, ...]]:
        """The rows without their numbers."""
        return [cells for _, cells in self.rows]


@router.get(PATH)
async def mappings_page(request: Request) -> Response:
    """Show which mappings there are, and ways to begin one."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        return await _list(wiring, request, principal)

    return await for_reader(request, page, everywhere=True)


async def _list(wiring: Wiring, request: Request, principal: Principal, *, refusal: Refusal | None = None) -> Response:
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await store.newest(tx)
        read = await store.files_read(tx)
        files = await statements.latest(tx, before=None, limit=FILES_OFFERED_MAX)
    return wiring.pages.render(
        request,
        "mappings.html",
        status=200 if refusal is None else 422,
        principal=principal,
        mappings=[(each, sum(n for name, n in read.items() if name.startswith(f"{each.name}@"))) for each in found],
        files=files,
        provider=provider_name,
        shipped=shipped.examples(),
        may_edit=keeps_books(principal),
        problem=None if refusal is None else wiring.pages.advice(request, refusal),
    )


@router.post(PATH + "/examples")
async def take_example(request: Request) -> Response:
    """Keep an example, sent or picked, and go to the editor with it."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        async with request.form(max_files=1) as form:
            given, said = form.get("file"), {name: str(value) for name, value in form.items() if isinstance(value, str)}
            try:
                with tempfile.TemporaryDirectory() as folder:
                    file = Path(folder) / "given"
                    if isinstance(given, UploadFile) and given.filename:
                        named = given.filename
                        file.write_bytes(await given.read(actions.EXAMPLE_BYTES_MAX + 1))
                    else:
                        named = await _picked(wiring, said, file)
                    async with wiring.database.transaction(correlation_id.get()) as tx:
                        example = await actions.keep_example(
                            tx,
                            file,
                            Path(named).name[:NAME_LENGTH_MAX] or "example",
                            example_id=new_id(),
                            by=principal.name,
                            at=wiring.clock.now(),
                        )
            except Refusal as refusal:
                return await _list(wiring, request, principal, refusal=refusal)
        start = said.get("shipped") or said.get("mapping") or ""
        begun = f"&from={quote(start)}" if start else ""
        return RedirectResponse(f"{EDITOR}?example={example.id}{begun}", status_code=SEE_OTHER)

    return await for_bookkeeper(request, page)


async def _picked(wiring: Wiring, said: dict[str, str], target: Path) -> str:
    """Write the file that was picked; return its name. Raises NoFileChosen and UnknownStatement."""
    if said.get("shipped") in shipped.examples():
        source = shipped.file_of(said["shipped"])
        await asyncio.to_thread(shutil.copyfile, source, target)
        return source.name
    if not said.get("statement"):
        raise NoFileChosen
    try:
        file_id = UUID(said["statement"])
    except ValueError:
        raise UnknownStatement(id=said["statement"][:40]) from None
    async with wiring.database.transaction(correlation_id.get()) as tx:
        file = await statements.find(tx, file_id)
        if file is None:
            raise UnknownStatement(id=str(file_id))
        with target.open("wb") as sink:
            async for piece in statements.pieces(tx, file_id):
                sink.write(piece)
                if sink.tell() > actions.EXAMPLE_BYTES_MAX:
                    break
    return file.file_name


@router.get(EDITOR)
async def editor_page(request: Request, example: str = "") -> Response:
    """Show the editor: a mapping as it is, or first guesses."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        start = request.query_params.get("from", "")
        async with wiring.database.transaction(correlation_id.get()) as tx:
            kept = await actions.example_of(tx, _id(example))
            known = next(iter(await store.versions(tx, start)), None) if start else None
        mapping = known or _shipped(start, principal)
        sheet = mapping.definition.sheet if mapping else None
        try:
            sample = await _sample(kept, delimiter=mapping.definition.delimiter if mapping else None, sheet=sheet)
        except Refusal as refusal:
            return await _list(wiring, request, principal, refusal=refusal)
        begun = draft.draft_of(mapping, sample.headings) if mapping else _guess(sample)
        return await _editor(wiring, request, principal, sample, begun)

    return await for_bookkeeper(request, page)


@router.post(EDITOR)
async def edit(request: Request) -> Response:
    """Try what the form says, or save it as a new version if the example is read by it."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        form = {name: str(value) for name, value in (await request.form(max_fields=1_000)).items()}
        async with wiring.database.transaction(correlation_id.get()) as tx:
            kept = await actions.example_of(tx, _id(form.get("example", "")))
        said = draft.read_form(form)
        try:
            sample = await _sample(kept, delimiter=said.delimiter, sheet=said.sheet or None, row=_row(form))
        except Refusal as refusal:
            return await _list(wiring, request, principal, refusal=refusal)
        if not any(each.heading in sample.headings for each in said.columns.values()):
            # Another sheet, row or delimiter: the headings are others.
            begun = _guess(sample)
            said = replace(said, columns=begun.columns, kinds=begun.kinds)
        if not said.kinds:  # of a column that was just chosen
            said = replace(said, kinds=draft.guessed_kinds(_words(sample, said)))
        if form.get("wish") != "save":
            return await _editor(wiring, request, principal, sample, said)
        checked = draft.checked(said, taken=discovery.formats())
        tried = await _try(sample, said)
        if isinstance(checked, Definition) and (tried is None or not tried.good):
            checked = [Problem("preview", wording.NOT_READ_YET)]
        if not isinstance(checked, Definition):
            return await _editor(wiring, request, principal, sample, said, problems=checked)
        async with wiring.database.transaction(correlation_id.get()) as tx:
            made, new = await actions.define(
                tx, said.name, said.title, checked, by=principal.name, at=wiring.clock.now()
            )
        return RedirectResponse(f"{PATH}/{made.name}?saved={made.version if new else 0}", status_code=SEE_OTHER)

    return await for_bookkeeper(request, page)


def _row(form: dict[str, str]) -> int:
    """Return the row that was chosen for headings; 0 if none was, or it was chosen of another sheet."""
    of = form.get("sheet", "") + form.get("delimiter", "")
    said = form.get("row", "")
    return int(said) if said.isascii() and said.isdigit() and form.get("row_of", "") == of else 0


def _id(said: str) -> UUID:
    try:
        return UUID(said)
    except ValueError:
        raise UnknownExample from None


def _shipped(name: str, principal: Principal) -> Mapping | None:
    """Return an example that comes with Momiji as if somebody had made it."""
    said = shipped.examples().get(name)
    if said is None:
        return None
    definition = Definition.model_validate_json(json.dumps(said["definition"]))
    return Mapping(name, 0, said["title"], definition, principal.name, made_at=datetime.min.replace(tzinfo=UTC))


def _guess(sample: _Sample) -> Draft:
    begun = draft.guessed(sample.headings, sample.cells)
    sheets = sample.beginning.sheets
    sheet = sample.beginning.sheet if len(sheets) > 1 and sample.beginning.sheet != sheets[0] else ""
    return replace(begun, delimiter=sample.beginning.delimiter, sheet=sheet or "")


async def _sample(example: Example, *, delimiter: str | None, sheet: str | None, row: int = 0) -> _Sample:
    return await asyncio.to_thread(_read_sample, example, delimiter, sheet, row)


def _read_sample(example: Example, delimiter: str | None, sheet: str | None, wanted: int) -> _Sample:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "given"
        file.write_bytes(example.body)
        found = tables.beginning(file, scratch=Path(folder), delimiter=delimiter, sheet=sheet, rows_max=ROWS_READ_MAX)
    row, headings = _headings(found, wanted)
    below = tuple((number, cells) for number, cells in found.rows if number > row)
    return _Sample(example, found, row, headings, below)


def _headings(found: Beginning, wanted: int) -> tuple[int, tuple[str, ...]]:
    """Return the row of headings: the wanted one, or the first that is nearly as full as the fullest."""
    upper = found.rows[: tables.HEADING_ROWS_MAX]
    chosen = next((cells for number, cells in upper if number == wanted), None)
    if chosen is not None:
        return wanted, tables.told_apart(chosen)
    fullest = max((sum(map(bool, cells)) for _, cells in upper), default=0)
    for number, cells in upper:
        if sum(map(bool, cells)) * 5 >= fullest * 4:
            return number, tables.told_apart(cells)
    return 0, ()


async def _try(sample: _Sample, said: Draft) -> Trial | None:
    """Return what a draft makes of the example; None while too little is chosen."""
    return None if said.missing else await asyncio.to_thread(_run, sample.example, said)


def _run(example: Example, said: Draft) -> Trial:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "given"
        file.write_bytes(example.body)
        scratch = Path(folder) / "scratch"
        scratch.mkdir()
        return trial.run(file, said.for_trial(), scratch=scratch)


def _words(sample: _Sample, said: Draft) -> dict[str, int]:
    """Return the words of the column of kinds, and how many rows of the example have each."""
    kind = said.column("kind").heading
    if not kind:
        return dict.fromkeys(wording.SIGN_NAMES, 0)
    return draft.words_in(kind, sample.headings, draft.not_passed_over(said.skips, sample.headings, sample.cells))


async def _editor(
    wiring: Wiring,
    request: Request,
    principal: Principal,
    sample: _Sample,
    said: Draft,
    *,
    problems: list[Problem] | None = None,
) -> Response:
    tried = await _try(sample, said)
    words = _words(sample, said)
    words |= {word: 0 for word in said.kinds if word not in words and said.column("kind").heading}
    meanings = {"+": "charge", "-": "refund"} | dict(said.kinds)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        known = await store.versions(tx, said.name)
    wrong = {(each.row, each.heading) for each in tried.faults} if tried else set()
    assigned: dict[str, list[str]] = {}
    for name, column in said.columns.items():
        assigned.setdefault(column.heading, []).append(wording.FIELD_NAMES[name][0])
    return wiring.pages.render(
        request,
        "mapping-edit.html",
        status=422 if problems else 200,
        principal=principal,
        sample=sample,
        shown=sample.rows[:ROWS_SHOWN_MAX],
        upper=sample.beginning.rows[: tables.HEADING_ROWS_MAX],
        draft=said,
        fields={name: wording.FIELD_NAMES[name] for name in _ORDER},
        required=REQUIRED,
        amounts=draft.AMOUNTS,
        days=draft.DAYS,
        words=words,
        meanings=meanings,
        kind_names=wording.KIND_NAMES,
        parse_names=wording.PARSE_NAMES,
        sign_names=wording.SIGN_NAMES,
        delimiter_names=wording.DELIMITER_NAMES,
        skips=[*said.skips, draft.DraftSkip()][: draft.SKIPS_MAX],
        tried=tried,
        refused=wiring.pages.advice(request, tried.refusal) if tried and tried.refusal else None,
        missing=[wording.FIELD_NAMES[each][0] for each in said.missing],
        wrong=wrong,
        assigned=assigned,
        problems=problems or [],
        at_fault={each.at for each in problems or []},
        next_version=known[0].version + 1 if known else 1,
    )


@router.get(PATH + "/{name}")
async def mapping_page(request: Request, name: str) -> Response:
    """Show a mapping's versions and who made them."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        async with wiring.database.transaction(correlation_id.get()) as tx:
            found = await store.versions(tx, name)
            if not found:
                known = ", ".join(each.name for each in await store.newest(tx)) or "–"
                raise UnknownMapping(name=name[:40], known=known)
            read = await store.files_read(tx)
            files = await statements.latest(tx, before=None, limit=FILES_OFFERED_MAX)
        saved = request.query_params.get("saved", "")
        return wiring.pages.render(
            request,
            "mapping.html",
            principal=principal,
            versions=found,
            read=read,
            files=files,
            provider=provider_name,
            fields={each: wording.FIELD_NAMES[each][0] for each in _ORDER},
            kind_names=wording.KIND_NAMES,
            sign_names=wording.SIGN_NAMES,
            parse_names=wording.PARSE_NAMES,
            may_edit=keeps_books(principal),
            saved=saved if saved.isdigit() else None,
        )

    return await for_reader(request, page, everywhere=True)


_ORDER = tuple(name for name in wording.FIELD_NAMES if name in FIELDS)

"""Every format that a folder holds reads the examples that lie there, and refuses each of them when it is cut."""

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path

import pytest

from kernel.money import Yen
from kernel.refusals import Refusal
from reconciliation import statements
from reconciliation.statements import tabular
from reconciliation.statements.discovery import format_named, formats
from reconciliation.statements.model import BankFormat, SettlementFormat, UnknownStatementFormat

RECEIVED = date(2026, 11, 24)
FOLDER = Path(statements.__path__[0])
EXAMPLES = [
    (name, file)
    for name in sorted(formats())
    for file in sorted((FOLDER / name / "example").iterdir())
    if file.suffix != ".json"
]


def test_every_format_has_an_example():
    assert {name for name, _ in EXAMPLES} == set(formats())


def read(name, body, folder):
    """Return what a format makes of a file, as JSON can say it."""
    chosen = formats()[name]
    match chosen:
        case BankFormat():
            found = [asdict(each) for each in chosen.read(body, received=RECEIVED)]
        case SettlementFormat():
            (folder / "given").write_bytes(body)
            (folder / "scratch").mkdir()
            with tabular.read(folder / "given", chosen.columns, scratch=folder / "scratch") as lines:
                found = [dict(zip(tabular.LINE_COLUMNS, row, strict=True)) for row in lines.rows()]
    return json.loads(json.dumps(found, default=lambda value: value.amount if isinstance(value, Yen) else str(value)))


@pytest.mark.parametrize(("name", "file"), EXAMPLES, ids=lambda part: getattr(part, "name", part))
def test_an_example_is_read_as_it_says(name, file, tmp_path):
    assert read(name, file.read_bytes(), tmp_path) == json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "file"), EXAMPLES, ids=lambda part: getattr(part, "name", part))
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_a_cut_example_is_refused(name, file, share, tmp_path):
    body = file.read_bytes()
    with pytest.raises(Refusal):
        read(name, body[: int(len(body) * share)], tmp_path)


def test_an_unknown_format_is_refused_with_those_that_there_are():
    with pytest.raises(UnknownStatementFormat, match="zengin_statement"):
        format_named("mt940")

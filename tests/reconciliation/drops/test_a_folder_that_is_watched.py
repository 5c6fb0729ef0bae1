"""Files that are dropped into the folder are taken or refused, each for itself; nothing else of the disk is touched."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.access import Role
from reconciliation import statements
from reconciliation.drops import actions, folder
from reconciliation.drops.model import Look, Place, Watch, is_unfinished, kept_name, readable

EXAMPLES = Path(statements.__path__[0])
STRIPE = EXAMPLES / "stripe_payouts" / "example" / "one_payout.csv"
PAYPAY = EXAMPLES / "paypay_transactions" / "example" / "a_week.csv"
BANK = EXAMPLES / "zengin_statement" / "example" / "two_days.dat"
QUIET = 10.0


@pytest.fixture
def drop(tmp_path):
    made = tmp_path / "statements"
    made.mkdir()
    return made


@pytest.fixture
def look(books, drop):
    kept, at = Watch(QUIET, by_marker=False), [100.0]

    async def once(*, after=QUIET, watch=kept):
        at[0] += after
        return await actions.look_once(books.wiring, drop, watch, at_seconds=at[0])

    async def until_taken(*, watch=kept):
        await once(after=0.0, watch=watch)
        return await once(watch=watch)

    once.twice = until_taken
    return once


@pytest.fixture
def taken(books, web):
    async def names():
        answer = await web.get("/v1/statements", headers=books.token(Role.AUDITOR))
        return {each["file_name"]: each["way"] for each in answer.json()["items"]}

    return names


def names_in(path):
    return sorted(each.name for each in path.iterdir()) if path.exists() else []


def note_of(drop):
    [note] = (each for each in (drop / "refused").iterdir() if each.suffix == ".txt")
    return note.read_bytes().decode("utf-8-sig")


async def test_a_file_that_rests_is_taken_and_moved(drop, look, taken):
    shutil.copy(STRIPE, drop / "入金.csv")
    assert await look(after=0.0) == 0
    assert await look(after=QUIET - 0.1) == 0
    assert await look(after=0.1) == 1
    assert await taken() == {"入金.csv": "folder"}
    assert names_in(drop) == ["refused", "taken"]
    [kept] = (drop / "taken").iterdir()
    assert kept.name.startswith("2026-11-25_120000_")
    assert kept.name.endswith("_入金.csv")
    assert kept.read_bytes() == STRIPE.read_bytes()


async def test_a_file_that_still_grows_waits(drop, look, taken):
    body = STRIPE.read_bytes()
    for cut in (100, 200, len(body)):
        (drop / "slow.csv").write_bytes(body[:cut])
        assert await look() == 0
    assert await look() == 1
    assert await taken() == {"slow.csv": "folder"}


@pytest.mark.parametrize(
    "name", ["a.csv.part", "a.csv.filepart", ".hidden.csv", "~a.csv", "a.TMP", "a.csv~", "b.csv.done"]
)
async def test_names_of_unfinished_files_are_not_looked_into(drop, look, name):
    shutil.copy(STRIPE, drop / name)
    assert await look.twice() == 0
    assert name in names_in(drop)


async def test_a_file_that_is_renamed_when_it_is_whole_is_taken(drop, look, taken):
    shutil.copy(STRIPE, drop / "a.csv.part")
    await look.twice()
    (drop / "a.csv.part").rename(drop / "a.csv")
    await look.twice()
    assert await taken() == {"a.csv": "folder"}


async def test_a_marker_beside_says_that_a_file_is_whole(drop, look, taken):
    shutil.copy(STRIPE, drop / "a.csv")
    shutil.copy(BANK, drop / "b.dat")
    (drop / "b.dat.done").touch()
    assert await look(after=0.0) == 1
    assert await taken() == {"b.dat": "folder"}
    assert names_in(drop) == ["a.csv", "refused", "taken"]


async def test_with_markers_only_a_file_without_one_is_never_whole(drop, look):
    strict = Watch(QUIET, by_marker=True)
    shutil.copy(STRIPE, drop / "a.csv")
    assert await look.twice(watch=strict) == 0
    (drop / "a.csv.done").touch()
    assert await look(watch=strict) == 1


async def test_the_same_file_twice_is_one_statement_and_leaves_the_folder_twice(drop, look, taken):
    for name in ("first.csv", "second.csv"):
        shutil.copy(STRIPE, drop / name)
        await look.twice()
    assert len(await taken()) == 1
    assert len(names_in(drop / "taken")) == 2


async def test_a_broken_file_is_refused_with_a_note_and_keeps_no_other_waiting(drop, look, taken, books, web):
    (drop / "a_broken.csv").write_bytes(STRIPE.read_bytes().replace(b"983.00", b"984.00"))
    shutil.copy(BANK, drop / "b.dat")
    assert await look.twice() == 2
    assert await taken() == {"b.dat": "folder"}
    note = note_of(drop)
    assert note.startswith("このファイルは取り込まれませんでした。\r\nファイル:a_broken.csv\r\n")
    assert "2行目の差引額は984ですが、総額・手数料・税から計算すると983です" in note
    assert "Row 2: the net is 984, but gross, fee and tax make 983" in note
    page = await web.get("/statements", headers=books.token(Role.AUDITOR) | {"accept-language": "en"})
    assert "a_broken.csv" in page.text
    assert "Row 2: the net is 984" in page.text


async def test_what_was_wrong_is_not_shown_any_more_once_the_very_file_is_taken(drop, look, books, web):
    async with books.wiring.database.at_once("test") as tx:
        await tx.execute("ALTER TABLE statement_files ADD CONSTRAINT sometimes CHECK (bytes_count < 10)")
    shutil.copy(STRIPE, drop / "a.csv")
    for _ in range(4):
        await look()
    assert "もみじ側の不具合が起きました" in note_of(drop)
    headers = books.token(Role.ACCOUNTING) | {"accept-language": "en"}
    assert "Momiji met a fault of its own" in (await web.get("/statements", headers=headers)).text
    async with books.wiring.database.at_once("test") as tx:
        await tx.execute("ALTER TABLE statement_files DROP CONSTRAINT sometimes")
    shutil.copy(STRIPE, drop / "a.csv")
    await look.twice()
    assert "Momiji met a fault of its own" not in (await web.get("/statements", headers=headers)).text


async def test_a_file_of_no_known_format_is_told_what_folders_there_may_be(drop, look):
    (drop / "notes.csv").write_text("a,b\r\n1,2\r\n")
    await look.twice()
    assert "使える名前:camt, paypay_transactions" in note_of(drop)


async def test_a_folder_of_a_format_s_name_says_the_format(drop, look, taken):
    (drop / "paypay_transactions").mkdir()
    shutil.copy(PAYPAY, drop / "paypay_transactions" / "a.csv")
    shutil.copy(STRIPE, drop / "paypay_transactions" / "b.csv")
    await look.twice()
    assert await taken() == {"a.csv": "folder"}
    assert "「取引番号」の列がありません" in note_of(drop)


@pytest.mark.parametrize("kind", ["symlink", "hard link", "pipe"])
async def test_what_is_no_plain_file_is_refused_and_what_it_leads_to_stays(drop, look, taken, tmp_path, kind):
    outside = tmp_path / "outside.csv"
    shutil.copy(STRIPE, outside)
    match kind:
        case "symlink":
            (drop / "a.csv").symlink_to(outside)
        case "hard link":
            os.link(outside, drop / "a.csv")
        case "pipe":
            os.mkfifo(drop / "a.csv")
    shutil.copy(BANK, drop / "b.dat")
    await look.twice()
    assert await taken() == {"b.dat": "folder"}
    assert "a plain file" in note_of(drop) or "no plain file" in note_of(drop)
    assert outside.read_bytes() == STRIPE.read_bytes()
    assert names_in(drop) == ["refused", "taken"]


@pytest.mark.parametrize("name", ["taken", "refused"])
async def test_no_folder_of_the_outcome_leads_elsewhere(drop, look, tmp_path, name):
    (tmp_path / "elsewhere").mkdir()
    (drop / name).symlink_to(tmp_path / "elsewhere")
    shutil.copy(STRIPE, drop / "a.csv")
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        await look.twice()
    assert names_in(tmp_path / "elsewhere") == []
    assert (drop / "a.csv").exists()


async def test_a_link_with_a_format_s_name_is_no_folder_of_it(drop, look, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(PAYPAY, tmp_path / "elsewhere" / "a.csv")
    (drop / "paypay_transactions").symlink_to(tmp_path / "elsewhere")
    await look.twice()
    assert names_in(tmp_path / "elsewhere") == ["a.csv"]


async def test_folders_are_left_alone(drop, look):
    (drop / "old").mkdir()
    shutil.copy(STRIPE, drop / "old" / "a.csv")
    assert await look.twice() == 0
    assert names_in(drop / "old") == ["a.csv"]


@pytest.mark.parametrize(
    ("said", "cause"),
    [("The file is empty", "empty"), ("at most 100 are taken", "large"), ("may not read this file", "forbidden")],
)
async def test_a_file_that_cannot_be_read_is_refused_in_words(drop, look, monkeypatch, said, cause):
    (drop / "a.csv").write_bytes(b"" if cause == "empty" else STRIPE.read_bytes())
    monkeypatch.setattr(folder, "FILE_BYTES_MAX", 100)
    if cause == "forbidden":
        real = os.open

        def guarded(path, *args, **kwargs):
            if path == "a.csv":
                raise PermissionError(13, "Permission denied", path)
            return real(path, *args, **kwargs)

        monkeypatch.setattr(folder.os, "open", guarded)
    await look.twice()
    assert said in note_of(drop)


async def test_a_crash_between_taking_and_moving_does_no_harm(drop, look, taken, monkeypatch):
    shutil.copy(STRIPE, drop / "a.csv")

    class CrashError(Exception):
        pass

    def crash(*_):
        raise CrashError

    monkeypatch.setattr(folder.Folder, "move", crash)
    with pytest.raises(CrashError):
        await look.twice()
    assert await taken() == {"a.csv": "folder"}
    assert names_in(drop) == ["a.csv", "refused", "taken"]
    monkeypatch.undo()
    again = Watch(QUIET, by_marker=False)  # another process
    await look.twice(watch=again)
    assert len(await taken()) == 1
    assert names_in(drop) == ["refused", "taken"]


async def test_a_crash_between_refusing_and_moving_does_no_harm(drop, look, books, monkeypatch):
    (drop / "a.csv").write_text("a,b\r\n")
    monkeypatch.setattr(folder.Folder, "move", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        await look.twice()
    monkeypatch.undo()
    await look.twice(watch=Watch(QUIET, by_marker=False))
    async with books.wiring.database.at_once("test") as tx:
        assert (await tx.execute("SELECT count(*) FROM refused_files")).scalar_one() == 1
    assert len(names_in(drop / "refused")) == 2


async def test_a_file_that_is_replaced_while_it_is_taken_is_not_moved_away_unread(drop, look, taken, monkeypatch):
    shutil.copy(STRIPE, drop / "a.csv")
    real = actions._take

    async def take_and_meanwhile(wiring, place, copy):
        await real(wiring, place, copy)
        (drop / "newer").write_bytes(PAYPAY.read_bytes())
        (drop / "newer").rename(drop / "a.csv")

    await look(after=0.0)
    monkeypatch.setattr(actions, "_take", take_and_meanwhile)
    await look()
    monkeypatch.undo()
    await look.twice()
    assert len(await taken()) == 2
    assert len(names_in(drop / "taken")) == 1  # the one that was overwritten by its sender is in the database


async def test_a_file_that_cannot_be_moved_is_taken_once_and_left(drop, look, taken, monkeypatch):
    shutil.copy(STRIPE, drop / "a.csv")
    shutil.copy(BANK, drop / "b.dat")
    real = folder.Folder.move

    def stuck(self, place, *rest):
        if place.name == "a.csv":
            raise OSError(18, "Invalid cross-device link")
        return real(self, place, *rest)

    monkeypatch.setattr(folder.Folder, "move", stuck)
    with pytest.raises(OSError, match="cross-device"):
        await look.twice()
    assert sorted(await taken()) == ["a.csv", "b.dat"]
    assert await look() == 0  # and nothing is read again until the file changes


async def test_while_the_database_is_away_files_stay(drop, books, look, monkeypatch):
    from sqlalchemy.exc import OperationalError

    async def away():
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    async def gone(*_, **__):
        raise OperationalError("INSERT", {}, Exception("gone"))

    shutil.copy(STRIPE, drop / "a.csv")
    monkeypatch.setattr(actions.statements, "take", gone)
    monkeypatch.setattr(books.wiring.database, "ping", away)
    for _ in range(5):
        try:
            await look()
        except OperationalError:
            continue
    assert names_in(drop) == ["a.csv", "refused", "taken"]


@given(
    looks=st.lists(st.tuples(st.floats(0.0, 7.0), st.sampled_from([None, 1, 2, 3])), min_size=1, max_size=40),
)
def test_no_file_is_whole_before_it_rested(looks):
    watch, now, since, last = Watch(5.0, by_marker=False), 0.0, 0.0, None
    place = Place("", "a.csv")
    for passed, size in looks:
        now += passed
        if size != last:
            since, last = now, size
        seen = {} if size is None else {place: Look(1, size, 0)}
        assert watch.complete(seen, at_seconds=now) == ([place] if size is not None and now - since >= 5.0 else [])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("明細.csv", "明細.csv"),
        (os.fsdecode("明細.csv".encode("cp932")), "明細.csv"),
        ("a\n\u202eb.csv", "a__b.csv"),
        ("か\u3099.csv", "が.csv"),  # as macOS writes it
        (os.fsdecode(b"a\x81"), "a\ufffd"),
        (os.fsdecode(b"a\xff"), "a_"),
    ],
)
def test_a_name_is_one_line_of_text(written, read):
    assert readable(written) == read


@given(name=st.binary(min_size=1, max_size=255).filter(lambda said: not {0, 47} & set(said)).map(os.fsdecode))
def test_any_name_can_be_kept_beside_its_note(name):
    kept = kept_name(name, "ab12cd34ff", at=datetime(2026, 11, 25, 3, tzinfo=UTC), room=4)
    assert kept.startswith("2026-11-25_120000_ab12cd34_")
    assert len((kept + ".txt").encode()) <= 255
    assert not {"/", "\0", "\n"} & set(kept)


def test_a_plain_name_is_no_unfinished_one():
    assert not is_unfinished("1124.txt")
    assert not is_unfinished("done.csv")

"""The tree keeps its shape: file lengths, slice file names, first sentences."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ROOT / "services"
LINES_MAX = 450
BANNED_NAMES = {"utils", "helpers", "manager", "common", "misc", "base"}


def tracked(*patterns):
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


PYTHON = [file for file in tracked("services/*.py") if "migrations/versions" not in str(file)]


@pytest.mark.parametrize("file", PYTHON, ids=lambda file: str(file.relative_to(SERVICES)))
def test_a_module_opens_with_a_sentence_and_is_not_too_long(file):
    text = file.read_text(encoding="utf-8")
    sentence = ast.get_docstring(ast.parse(text)) or ""
    assert sentence.splitlines()[:1], f"{file} does not say in one sentence what it is"
    assert sentence.splitlines()[0].endswith((".", ":")), f"{file}: the first line is one whole sentence"
    assert len(text.splitlines()) <= LINES_MAX, f"{file} has more than {LINES_MAX} lines; does it hold two things?"


@pytest.mark.parametrize("file", PYTHON, ids=lambda file: str(file.relative_to(SERVICES)))
def test_a_module_is_named_for_what_it_is(file):
    assert file.stem not in BANNED_NAMES


def test_no_commit_names_a_registry_host():
    banned = [f"{name}.org" for name in ("pypi", "registry.npmjs", "repo.maven.apache")]
    for file in tracked("requirements/*", "services/kernel/web/package-lock.json", "Makefile", "deploy/*", ".ci/*"):
        if file.is_file():
            text = file.read_text(encoding="utf-8", errors="ignore")
            assert not any(host in text for host in banned), f"{file} names a registry's host"

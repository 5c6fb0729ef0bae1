"""The example books stand for the empty ones here."""

from support.example_fixtures import books, example, example_database  # noqa: F401 - fixtures of this folder

"""Migrations: one Alembic history per service, run under an advisory lock with time-outs."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

LOCK_KEY = 0x4D4F4D494A49  # "MOMIJI": two migrators of one database take turns.


def configuration(service: str, url: str) -> Config:
    """Return the Alembic configuration of a service's own history."""
    config = Config()
    config.set_main_option("script_location", str(files(service) / "migrations"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def migrate(service: str, url: str) -> None:
    """Bring a service's database to the newest revision; harmless when it already is.

    `url` is a SQLAlchemy address such as postgresql+psycopg://…; the database must exist.
    """
    command.upgrade(configuration(service, url), "head")


def pending(service: str, connection: Connection) -> bool:
    """Tell whether the database lacks a revision that this code expects."""
    scripts = ScriptDirectory.from_config(configuration(service, "postgresql+psycopg://"))
    return MigrationContext.configure(connection).get_current_revision() != scripts.get_current_head()


def run_in_environment(config: Config) -> None:
    """Run the migrations of one history: what each service's migrations/env.py calls."""
    from alembic import context

    engine = create_engine(config.get_main_option("sqlalchemy.url") or "")
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        connection.execute(text("SET LOCAL statement_timeout = '60s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        context.configure(connection=connection, transaction_per_migration=False)
        context.run_migrations()
    engine.dispose()


def run_sql(file: Path) -> None:
    """Execute one frozen SQL file inside a migration."""
    # The driver takes a lone % for a placeholder, even where no values are given.
    op.get_bind().exec_driver_sql(file.read_text(encoding="utf-8").replace("%", "%%"))


def kernel_schema(name: str) -> Path:
    """Return a frozen SQL file of the kernel's tables."""
    return Path(__file__).parent / "schema" / f"{name}.sql"

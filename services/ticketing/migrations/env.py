"""Alembic's entry to this service's history."""

from alembic import context

from kernel.migrations import run_in_environment

run_in_environment(context.config)

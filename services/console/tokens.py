"""`momiji token`: a bearer token for a person or a device, printed alone on the last line."""

from __future__ import annotations

import getpass
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import psycopg

from console.installation import CannotStartError, Installation, Running, home_folder
from console.postgres import EmbeddedPostgres
from kernel.access import ALL_FACILITIES, STAFF_ROLES, TOKEN_HOURS_STAFF, Issuer, Principal, Role
from kernel.clock import SystemClock, new_id


def token(environment: Mapping[str, str], *, role: str, facilities: list[str]) -> str:
    """Return a token that lives 12 hours, after writing it down in the audit trail.

    It is signed with the installation's own staff key: whoever cannot read that key cannot make one.
    Raises CannotStartError if the role is unknown, the key cannot be read or the trail not written.
    """
    known = sorted(each.value for each in STAFF_ROLES)
    if role not in known:
        raise CannotStartError(f"There is no role '{role}'. Choose one of: {', '.join(known)}.")
    principal = Principal(f"token-{role}-{new_id().hex[-8:]}", Role(role), frozenset(facilities or [ALL_FACILITIES]))
    now = SystemClock().now()
    key_file, database_url = _key_and_trail(environment)
    try:
        issuer = Issuer("staff", key_file.read_text(encoding="ascii"))
    except OSError as problem:
        raise CannotStartError(
            f"The staff key {key_file} cannot be read ({problem.strerror}). Run this as the user that runs momiji."
        ) from problem
    try:
        with psycopg.connect(database_url, connect_timeout=5) as connection:
            connection.execute(
                "INSERT INTO audit (at, actor, action, subject, details) VALUES (%s, %s, 'token.issued', %s, %s)",
                (
                    now,
                    getpass.getuser(),
                    principal.name,
                    json.dumps({"role": role, "facilities": sorted(principal.facilities), "hours": TOKEN_HOURS_STAFF}),
                ),
            )
    except psycopg.Error as problem:
        raise CannotStartError(
            f"The audit trail cannot be written ({type(problem).__name__}), so no token is issued. Is momiji running?"
        ) from problem
    return issuer.token(principal, audience="staff", at=now, lifetime=timedelta(hours=TOKEN_HOURS_STAFF))


def _key_and_trail(environment: Mapping[str, str]) -> tuple[Path, str]:
    given = environment.get("MOMIJI_STAFF_KEY_FILE")
    if given:  # Compose and Kubernetes: the key is a mounted secret and the database is elsewhere.
        url = environment.get("MOMIJI_TICKETING_DATABASE_URL", "")
        if not url:
            raise CannotStartError(
                "Set MOMIJI_TICKETING_DATABASE_URL: every token is recorded in ticketing's audit trail."
            )
        return Path(given), url.replace("postgresql+psycopg://", "postgresql://")
    installation = Installation(home_folder(environment))
    installation.running()
    url = EmbeddedPostgres(installation.data).url("ticketing")
    return installation.staff_key, url.replace("postgresql+psycopg://", "postgresql://")


def find_running(environment: Mapping[str, str]) -> tuple[Installation, Running]:
    """Return the running installation; raise CannotStartError if none runs."""
    installation = Installation(home_folder(environment))
    return installation, installation.running()

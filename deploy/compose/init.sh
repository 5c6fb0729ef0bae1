#!/usr/bin/env bash
# Makes this Compose installation's own keys and passwords once, owned by the user that the containers run as.
# What is there stays. Usage: init.sh, with the image momiji:local built; MOMIJI_COMPOSE_HOME names another folder.
set -euo pipefail
home=${MOMIJI_COMPOSE_HOME:-$(cd "$(dirname "$0")" && pwd)/home}
mkdir -p "$home"
docker run --rm --network none --user 0 --entrypoint python -v "$home:/home/momiji" momiji:local -c '
import os, secrets, sys
from pathlib import Path

from console.prepare import main

home = Path("/home/momiji")
code = main([str(home)])
database = home / "secrets" / "database"
database.mkdir(exist_ok=True)
if not (database / "password").exists():
    (database / "password").write_text(secrets.token_urlsafe(32))
# Read by every PostgreSQL client itself: the password is in no address, environment or log.
(database / "pgpass").write_text("postgres:5432:*:momiji:" + (database / "password").read_text() + "\n")
for file in [home, *home.rglob("*")]:
    os.chown(file, 10001, 10001)
sys.exit(code)
' >/dev/null
echo "Secrets are in $home/secrets, first sign-ins in $home/sign-ins.txt (readable by root and the containers only)."

"""Makes the secrets of an installation in a folder: what deploy/compose/init.sh runs once."""

from __future__ import annotations

import sys
from pathlib import Path

from console.installation import Installation


def main(arguments: list[str]) -> int:
    """Make keys, secrets and first sign-ins under the folder given; what is there stays."""
    if len(arguments) != 1:
        print("usage: python -m console.prepare FOLDER", file=sys.stderr)
        return 2
    installation = Installation(Path(arguments[0]))
    installation.home.mkdir(parents=True, exist_ok=True)
    installation.prepare()
    print(f"Secrets are in {installation.secrets}, first sign-ins in {installation.sign_ins}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

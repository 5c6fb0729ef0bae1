#!/usr/bin/env bash
# Makes this Compose installation's secrets once, owned by the user that the containers run as.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p home
docker run --rm --user 0 --entrypoint python3 -v "$PWD/home:/home/momiji" momiji:local -c '
import os, runpy, sys
sys.path[:0] = []
sys.argv = ["prepare", "/home/momiji"]
try:
    runpy.run_module("console.prepare", run_name="__main__")
except SystemExit as ended:
    code = ended.code
for folder, _, files in os.walk("/home/momiji"):
    for name in [folder, *(os.path.join(folder, file) for file in files)]:
        os.chown(name, 10001, 10001)
sys.exit(code)
'

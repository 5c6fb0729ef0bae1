#!/usr/bin/env bash
# Resolves the dependencies and writes them down with hashes, and without the address they came from.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
[ -x "$uv" ] || .venv/bin/pip install -q uv
common=(--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q)
"$uv" pip compile "${common[@]}" pyproject.toml -o requirements/runtime.txt
"$uv" pip compile "${common[@]}" pyproject.toml --group dev -c requirements/runtime.txt -o requirements/dev.txt
"$uv" pip compile "${common[@]}" --group peers -o requirements/peers.txt

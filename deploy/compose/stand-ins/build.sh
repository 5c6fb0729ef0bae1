#!/usr/bin/env bash
# Builds stand-ins for the public base images, tagged with their public names, on a machine that can pull none.
# They are for proving docker-compose.yml only: Debian by debootstrap, PostgreSQL and Kafka from where the tests
# take them, Caddy from Debian. Needs root. Usage: build.sh (DOCKER_HOST may name the engine).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/momiji/stand-ins
mkdir -p "$cache"

if [ ! -f "$cache/rootfs.tar" ]; then
  echo "Making Debian's file system (a minute or two, once) …"
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 'Created-By: Packages' | head -1)
  rm -rf "$cache/rootfs"
  debootstrap --variant=minbase \
    --include=ca-certificates,python3,python3-venv,libpython3-stdlib,caddy,default-jre-headless,libxml2,libreadline8,libicu72 \
    bookworm "$cache/rootfs" "$mirror" >"$cache/debootstrap.log" 2>&1 || { tail -20 "$cache/debootstrap.log"; exit 1; }
  ln -sf python3 "$cache/rootfs/usr/bin/python"
  # pip inside the build trusts what this machine trusts.
  cp /etc/ssl/certs/ca-certificates.crt "$cache/rootfs/etc/ssl/certs/ca-certificates.crt"
  rm -rf "$cache/rootfs/var/cache/apt" "$cache/rootfs/var/lib/apt/lists"
  tar -C "$cache/rootfs" -cf "$cache/rootfs.tar" .
  rm -rf "$cache/rootfs"
fi
docker image inspect python:3.11-slim-bookworm >/dev/null 2>&1 \
  || docker import -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
       -c 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt' "$cache/rootfs.tar" python:3.11-slim-bookworm >/dev/null

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cp "$here"/*.Dockerfile "$here"/*.entrypoint "$stage"
cp -r "$("$root/.venv/bin/python" -c 'from console.postgres import EmbeddedPostgres; from pathlib import Path; print(EmbeddedPostgres(Path("/tmp/x")).program("postgres").parents[1])')" "$stage/postgres"
cp -r "$(cd "$root/tests" && "$root/.venv/bin/python" -c 'from support.kafka_broker import jars; print(jars())')" "$stage/kafka"
for image in postgres:18 apache/kafka:4.3.1 caddy:2; do
  name=$(basename "${image%%:*}")
  docker build -q -t "$image" -f "$stage/$name.Dockerfile" "$stage" >/dev/null
  echo "stand-in for $image"
done

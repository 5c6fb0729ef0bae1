#!/usr/bin/env bash
# Proves docker-compose.yml: starts an engine if none runs, builds stand-ins where nothing can be pulled, runs the
# whole installation on Kafka behind Caddy, buys a ticket through it, enters with it, and reads the accounts.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
engine=
cleanup() {
  code=$?
  [ $code = 0 ] || $compose logs --tail 40 2>/dev/null | tail -150 || true
  $compose --profile sandbox down -v --remove-orphans >/dev/null 2>&1 || true
  if [ -n "$engine" ]; then kill "$engine" 2>/dev/null || true; wait "$engine" 2>/dev/null || true; fi
  rm -rf "$work"
  exit $code
}
compose=true
trap cleanup EXIT

if ! docker info >/dev/null 2>&1; then
  [ "$(id -u)" = 0 ] || { echo "No Docker engine runs, and only root can start one."; exit 1; }
  if ! command -v dockerd >/dev/null || ! command -v docker-compose >/dev/null || ! command -v debootstrap >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq docker.io docker-compose debootstrap iptables >/dev/null
  fi
  export DOCKER_HOST=unix://$work/docker.sock
  store=${XDG_CACHE_HOME:-$HOME/.cache}/momiji/docker
  mkdir -p "$store"
  dockerd --data-root "$store" --exec-root "$work/exec" -H "$DOCKER_HOST" --pidfile "$work/pid" >"$work/dockerd.log" 2>&1 &
  engine=$!
  for _ in $(seq 100); do docker info >/dev/null 2>&1 && break; sleep 0.2; done
  docker info >/dev/null || { tail "$work/dockerd.log"; exit 1; }
fi
if docker compose version >/dev/null 2>&1; then compose="docker compose"; else compose=docker-compose; fi
compose="$compose -p momiji-proof"

docker pull -q python:3.11-slim-bookworm >/dev/null 2>&1 || deploy/compose/stand-ins/build.sh
docker build -q --network host -t momiji:local -f deploy/Dockerfile . >/dev/null
deploy/compose/init.sh
$compose --profile sandbox up -d
.venv/bin/python deploy/compose/buy_a_ticket.py --compose "$compose"
echo "Compose is proved: bought, paid, entered once, refused the second time, in the accounts."

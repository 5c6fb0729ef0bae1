#!/usr/bin/env bash
# Proves docker-compose.yml: starts an engine if none runs, builds stand-ins where nothing can be pulled, runs the
# whole installation on Kafka behind Caddy, buys a ticket through it, enters with it, reads the accounts; backs up,
# removes, restores and buys again.
# Leaves nothing running; engine data and stand-ins stay in ~/.cache/momiji for the next time. 'make prove-compose'.
# shellcheck disable=SC2086 # the Compose command is several words on purpose
set -euo pipefail
cd "$(dirname "$0")/../.."
cache=${XDG_CACHE_HOME:-$HOME/.cache}/momiji
mkdir -p "$cache"
for variable in "${!MOMIJI_@}"; do unset "$variable"; done # the proof is of the file's own values
exec 9>"$cache/prove-compose.lock"
flock -n 9 || { echo "Another proof runs on this machine; wait for it to end."; exit 1; }

work=$(mktemp -d)
engine=
compose=
quietly() { timeout 300 "$@" >"$work/step.log" 2>&1 || { tail -20 "$work/step.log"; exit 1; }; }
say() { printf '%4d s  %s\n' "$SECONDS" "$*"; }

logs_of_the_failed() { # every container that is not well, else all of them
  local ids state
  ids=$(docker ps -aq --filter label=com.docker.compose.project=momiji-proof 2>/dev/null) || return 0
  local failed=()
  for id in $ids; do
    state=$(docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}} {{if .State.Health}}{{.State.Health.Status}}{{end}}' "$id")
    case $state in "exited 0 0 " | "running 0 0 " | "running 0 0 healthy" | "running 0 0 starting") ;; *) failed+=("$id") ;; esac
  done
  # shellcheck disable=SC2206 # ids are words
  ((${#failed[@]})) || failed=($ids)
  for id in "${failed[@]}"; do
    echo "--- $(docker inspect -f '{{.Name}}: {{.State.Status}}, exit code {{.State.ExitCode}}, started again {{.RestartCount}} times' "$id")"
    docker logs --tail 30 "$id" 2>&1 | cut -c1-600
  done
}

cleanup() {
  code=$?
  trap - EXIT INT TERM
  if [ -n "$compose" ]; then
    [ $code = 0 ] || [ $code = 130 ] || logs_of_the_failed
    say "Taking it down …"
    $compose --profile sandbox --profile tools down -v --remove-orphans >/dev/null 2>&1 || true
    # What the containers' user owns, only root removes.
    if [ "$(id -u)" != 0 ]; then
      docker run --rm --user 0 --entrypoint rm -v "$work:/work" momiji:local -rf /work/home /work/restored /work/backup >/dev/null 2>&1 || true
    fi
  fi
  if [ -n "$engine" ]; then
    docker image prune -f --filter until=168h >/dev/null 2>&1 || true
    kill "$engine" 2>/dev/null || true
    wait "$engine" 2>/dev/null || true
    umount "$work"/exec/netns/* 2>/dev/null || true # which an engine leaves behind
  fi
  rm -rf "$work" || true
  exit $code
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if ! docker info >/dev/null 2>&1; then
  [ "$(id -u)" = 0 ] || { echo "No Docker engine answers. Start one, or run this as root, which starts its own."; exit 1; }
  missing=()
  for program in dockerd:docker.io docker:docker.io docker-compose:docker-compose debootstrap:debootstrap iptables:iptables setcap:libcap2-bin mvn:maven; do
    command -v "${program%%:*}" >/dev/null || missing+=("${program##*:}")
  done
  if ((${#missing[@]})); then
    command -v apt-get >/dev/null || { echo "Install first: ${missing[*]}"; exit 1; }
    say "Installing ${missing[*]} …"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  fi
  say "Starting a Docker engine of our own …"
  export DOCKER_HOST=unix://$work/docker.sock
  mkdir -p "$cache/docker"
  # In a session of its own: Ctrl-C must not end it before the containers are taken down.
  setsid dockerd --data-root "$cache/docker" --exec-root "$work/exec" -H "$DOCKER_HOST" --pidfile "$work/pid" >"$work/dockerd.log" 2>&1 9>&- &
  engine=$!
  for _ in $(seq 150); do
    docker info >/dev/null 2>&1 && break
    kill -0 "$engine" 2>/dev/null || break
    sleep 0.2
  done
  docker info >/dev/null 2>&1 || { tail -20 "$work/dockerd.log"; echo "The engine did not start."; exit 1; }
fi
if docker compose version >/dev/null 2>&1; then compose="docker compose"; else compose=docker-compose; fi
command -v ${compose%% *} >/dev/null || { compose=; echo "Install Docker Compose first."; exit 1; }
compose="$compose -p momiji-proof"
MOMIJI_HTTPS_PORT=$(.venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export MOMIJI_COMPOSE_HOME=$work/home MOMIJI_HTTPS_BIND=127.0.0.1:$MOMIJI_HTTPS_PORT
say "Engine $(docker version -f '{{.Server.Version}}'), $($compose version --short 2>/dev/null | sed 's/^/Compose /')"

base=$(sed -n 's/^FROM \([^ ]*\).*/\1/p' deploy/Dockerfile | tail -1)
for image in $base $(sed -n 's/^    image: //p' docker-compose.yml); do
  docker image inspect "$image" >/dev/null 2>&1 || timeout 600 docker pull -q "$image" >/dev/null 2>&1 || missing_image=$image
done
stand_in=$(docker image inspect -f '{{index .Config.Labels "momiji.stand-in"}}' "$base" 2>/dev/null || true)
if [ -n "${missing_image:-}" ] || [ "$stand_in" = yes ]; then
  say "Base images cannot be pulled here; building stand-ins …"
  deploy/compose/stand-ins/build.sh
fi
[ "$(docker image inspect -f '{{index .Config.Labels "momiji.stand-in"}}' "$base")" != yes ] || export DOCKER_BUILDKIT=0

say "Building Momiji's image by deploy/Dockerfile …"
docker build -q --network host -t momiji:local -f deploy/Dockerfile . >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
say "Making this proof's own secrets …"
deploy/compose/init.sh >/dev/null
$compose --profile sandbox --profile tools down -v --remove-orphans >/dev/null 2>&1 || true
say "Starting everything …"
quietly $compose --profile sandbox up -d
say "Buying a ticket through Caddy …"
.venv/bin/python deploy/compose/buy_a_ticket.py --compose "$compose" --port "$MOMIJI_HTTPS_PORT" --kept "$work/order.json"
say "Backing up, removing everything, restoring …"
export COMPOSE=$compose
quietly deploy/compose/backup.sh "$work/backup"
quietly $compose --profile sandbox --profile tools down -v --remove-orphans
export MOMIJI_COMPOSE_HOME=$work/restored
quietly deploy/compose/restore.sh "$work/backup"
quietly $compose --profile sandbox up -d
say "Buying again in what was restored …"
.venv/bin/python deploy/compose/buy_a_ticket.py --compose "$compose" --port "$MOMIJI_HTTPS_PORT" --kept "$work/order.json"
say "Compose is proved: bought, paid, entered once, refused the second time, in the accounts; all of it restored."

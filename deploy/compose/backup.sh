#!/usr/bin/env bash
# Writes databases, event stream, certificates and secrets of this Compose installation to a new folder. Everything
# is stopped meanwhile (some seconds), so that databases and stream are of one moment; then it is started again.
# Usage: backup.sh FOLDER. COMPOSE names another command, such as "docker compose --env-file …/production.env".
set -euo pipefail
cd "$(dirname "$0")/../.."
compose=${COMPOSE:-docker compose}
target=${1:?Name the folder to write to.}
home=${MOMIJI_COMPOSE_HOME:-$PWD/deploy/compose/home}
[ ! -e "$target" ] || { echo "$target is there already. Choose another name."; exit 1; }
mkdir -m 700 "$target"
target=$(cd "$target" && pwd)

keep() { # NAME, then options that mount it, then what to archive
  local name=$1
  shift
  docker run --rm --network none --user 0 -v "$target:/backup" "${@:1:$#-1}" --entrypoint tar momiji:local \
    --numeric-owner -czf "/backup/$name.tar.gz" -C "${@: -1}" .
}

running=$($compose ps --services --filter status=running)
$compose stop
trap '$compose up -d $running' EXIT
keep postgres --volumes-from "$($compose ps -aq postgres)" /var/lib/postgresql
keep kafka --volumes-from "$($compose ps -aq kafka)" /var/lib/kafka/data
keep caddy --volumes-from "$($compose ps -aq caddy)" /data
keep home -v "$home:/home/momiji:ro" /home/momiji
echo "$target holds the installation with its secrets: keep it as safe."

#!/usr/bin/env bash
# Restores what backup.sh wrote into an installation that holds nothing yet, and leaves it stopped.
# Usage: restore.sh FOLDER. COMPOSE names another command, such as "docker compose --env-file …/production.env".
set -euo pipefail
cd "$(dirname "$0")/../.."
compose=${COMPOSE:-docker compose}
source=$(cd "${1:?Name the folder that backup.sh wrote.}" && pwd)
home=${MOMIJI_COMPOSE_HOME:-$PWD/deploy/compose/home}
[ ! -e "$home/secrets" ] || { echo "$home holds the secrets of an installation. Move it away first."; exit 1; }

bring_back() { # NAME, then options that mount it, then where to
  local name=$1
  shift
  docker run --rm --network none --user 0 -v "$source:/backup:ro" "${@:1:$#-1}" --entrypoint sh momiji:local -c \
    '[ -z "$(ls -A "$1")" ] || { echo "$1 is not empty: this installation holds data. Restore beside it, or end it by down -v."; exit 1; }
     tar --numeric-owner -xzf "/backup/$2.tar.gz" -C "$1"' restore "${@: -1}" "$name"
}

mkdir -p "$home"
bring_back home -v "$home:/home/momiji" /home/momiji
$compose up --no-start --no-deps postgres kafka caddy
bring_back postgres --volumes-from "$($compose ps -aq postgres)" /var/lib/postgresql
bring_back kafka --volumes-from "$($compose ps -aq kafka)" /var/lib/kafka/data
bring_back caddy --volumes-from "$($compose ps -aq caddy)" /data
echo "Restored. Start it with: $compose up -d"

#!/usr/bin/env bash
# Builds stripe-mock, Stripe's own check of what is sent to it, from its Go module, once; prints where it lies.
# Go comes from the path or, as root, by apt; one that is too old fetches a newer one as a module. Exit 1 says why not.
set -euo pipefail
version=v0.203.0
needs=1.22
toolchain=1.22.12
cache="${XDG_CACHE_HOME:-$HOME/.cache}/momiji"
made="$cache/stripe-mock-$version"
if [ -x "$made" ]; then
  echo "$made"
  exit 0
fi

cannot() {
  echo "stripe-mock $version cannot be built: $*. Tests that need it are skipped." >&2
  exit 1
}

mkdir -p "$cache"
exec 9>"$cache/stripe-mock.lock"
flock 9
if [ -x "$made" ]; then
  echo "$made"
  exit 0
fi

if ! command -v go >/dev/null; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    cannot "there is no Go; to have it: sudo apt-get install golang-go"
  fi
  echo "Installing golang-go …" >&2
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends golang-go ca-certificates >&2 ||
    cannot "apt could not install golang-go"
fi
go=$(command -v go)
has=$(cd / && GOTOOLCHAIN=local "$go" env GOVERSION)
if [ "$(printf '%s\n' "$needs" "${has#go}" | sort -V | head -1)" != "$needs" ]; then
  # The module proxy serves newer Go as a module; a Go before 1.21 does not fetch it by itself.
  name="golang.org/toolchain@v0.0.1-go$toolchain.$("$go" env GOOS)-$("$go" env GOARCH)"
  echo "$has is too old (Go $needs is needed): fetching Go $toolchain …" >&2
  dir=$(cd / && GOFLAGS=-mod=mod "$go" mod download -json "$name" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p') ||
    cannot "$has is too old, and Go $toolchain could not be fetched"
  [ -n "$dir" ] || cannot "$has is too old, and Go $toolchain could not be fetched"
  rm -rf "$cache/go"
  cp -r "$dir" "$cache/go"
  chmod -R u+w,a+X "$cache/go"
  find "$cache/go/bin" "$cache/go/pkg/tool" -type f -exec chmod +x {} +
  go="$cache/go/bin/go"
  export GOROOT="$cache/go"
fi

echo "Building stripe-mock $version (about half a minute, once) …" >&2
folder=$(mktemp -d "$cache/building.XXXXXX")
trap 'rm -rf "$folder"' EXIT
(cd / && GOBIN="$folder" GOTOOLCHAIN=local "$go" install "github.com/stripe/stripe-mock@$version") >&2 ||
  cannot "go install failed (is the module proxy reachable?)"
mv "$folder/stripe-mock" "$made"
rm -rf "$cache/go"
echo "$made"

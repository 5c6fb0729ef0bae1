#!/usr/bin/env bash
# Installs what the tests need beyond Python: a browser, Japanese fonts, Java and Maven, stripe-mock. As root by apt;
# otherwise it says what is missing, and the tests that need it are skipped loudly.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v chromium >/dev/null || missing+=(chromium)
fc-list :lang=ja 2>/dev/null | grep -q . || missing+=(fonts-noto-cjk)
command -v java >/dev/null || missing+=(default-jre-headless)
command -v mvn >/dev/null || missing+=(maven)
command -v pdftoppm >/dev/null || missing+=(poppler-utils)

if ((${#missing[@]})); then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing ${missing[*]} …"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "Not installed: ${missing[*]}. Tests that need them are skipped. To have them: sudo apt-get install ${missing[*]}"
  fi
fi
deploy/build-stripe-mock.sh >/dev/null || true  # It has said itself why not.

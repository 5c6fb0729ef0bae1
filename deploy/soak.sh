#!/usr/bin/env bash
# Runs the money test with many more sequences than CI does, in two processes with seeds of their own.
#   MOMIJI_SOAK_SEQUENCES   how many in all (10,000)
#   MOMIJI_SOAK_SEEDS       two seeds, to run others (1 2)
set -euo pipefail
cd "$(dirname "$0")/.."
sequences=${MOMIJI_SOAK_SEQUENCES:-10000}
read -r first second <<<"${MOMIJI_SOAK_SEEDS:-1 2}"
each=$(((sequences + 1) / 2))
log=$(mktemp -d)
echo "$sequences sequences of up to 30 steps, seeds $first and $second; logs in $log"
began=$(date +%s)
pids=()
for seed in "$first" "$second"; do
  MOMIJI_SOAK_SEED=$seed MOMIJI_SOAK_SEQUENCES=$each MOMIJI_REQUIRE_ALL=1 .venv/bin/pytest -p no:cacheprovider \
    tests/journeys/test_money_agrees_after_every_step.py::test_the_money_agrees_after_every_step >"$log/$seed.log" 2>&1 &
  pids+=($!)
done
failed=0
for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
for seed in "$first" "$second"; do
  echo "seed $seed: $(tail -n 1 "$log/$seed.log")"
done
if [ "$failed" = 1 ]; then
  grep -hE "^ *\|? *(AssertionError|state\.|attempt |charge |order )" "$log"/*.log | head -60 || true
  echo "A violation, or a fault of the test itself: read the logs in $log."
  exit 1
fi
echo "$((2 * each)) sequences without a violation in $((($(date +%s) - began) / 60)) minutes."

#!/usr/bin/env bash
# Two coordinators that share a disk and nothing else, as two machines would: each sees the folder
# through a mount of its own, on which the other's locks are not seen, and has another boot and another
# process table. They are killed and stopped at random, and in the end every cell has the loss of an
# undisturbed run.
#
#   tests/two-machines.sh [ROUNDS] [PROGRAM]
#
# needs Linux, root, and bindfs (Debian: apt-get install bindfs).
set -euo pipefail

rounds=${1:-10}
program=$(realpath "${2:-target/release/isoflop}")
for tool in bindfs unshare; do
  command -v "$tool" >/dev/null || { echo "this needs $tool" >&2; exit 2; }
done
place=$(mktemp -d)
mkdir -p "$place/disk" "$place/one" "$place/two" "$place/whole"

cleanup() {
  pkill -KILL -f "$place/" 2>/dev/null || true
  for machine in one two; do
    umount -l "$place/$machine" 2>/dev/null || true
  done
  rm -rf "$place"
}
trap cleanup EXIT

cat >"$place/small.toml" <<'TOML'
[corpus.grammar]
words = 50
zipf = 1.0
tokens = 600_000
validation_tokens = 70_000

[evaluation]
tokens = 4096

[retry]
failed = 1000

[[sweep]]
width = [8, 16]
depth = 1
head_width = 8
batch = 4
tokens = [64_000, 128_000, 256_000]
TOML

# Cell and loss of every row of a folder's table.
losses() {
  "$program" table "$1/small/flex" >/dev/null
  python3 - "$1/small/flex/cells.csv" <<'PYTHON'
import csv, sys
rows = csv.DictReader(open(sys.argv[1]))
print("\n".join(sorted(f"{row['cell']} {row['status']} {row['loss']}" for row in rows)))
PYTHON
}

# Runs the suite on a machine: a mount, a boot and a process table of its own.
machine() {
  local name=$1 results=$2
  # shellcheck disable=SC2016
  exec unshare --mount --pid --fork --kill-child --mount-proc \
    bash -ec 'mount --bind "$1" /proc/sys/kernel/random/boot_id
              shift; exec "$@"' -- "$place/boot-$name" \
    "$program" run "$place/small.toml" --results "$place/$name/$results" \
    --plots "$place/$name/plots" --cache "$place/cache-$name" --lease 2 --checkpoint 0.5
}

for name in one two; do
  bindfs "$place/disk" "$place/$name"
  cat /proc/sys/kernel/random/uuid >"$place/boot-$name"
done
"$program" run "$place/small.toml" --results "$place/whole" --plots "$place/whole/plots" \
  --cache "$place/cache-one" >/dev/null 2>&1
losses "$place/whole" >"$place/expected"

kills=0
for round in $(seq "$rounds"); do
  results="round-$round"
  until [ -s "$place/done" ]; do
    pids=()
    for name in one two; do
      machine "$name" "$results" >"$place/said-$name" 2>&1 &
      pids+=($!)
    done
    sleep "0.$((RANDOM % 9 + 1))"
    # One dies with all its processes, or all of them sleep past their leases and wake.
    victim=$((RANDOM % 2))
    if [ $((RANDOM % 3)) = 0 ]; then
      name=$([ "$victim" = 0 ] && echo one || echo two)
      pkill -STOP -f "$program.* $place/$name/" 2>/dev/null || true
      sleep 3
      pkill -CONT -f "$program.* $place/$name/" 2>/dev/null || true
    else
      kill -KILL "${pids[$victim]}" 2>/dev/null || true
    fi
    kills=$((kills + 1))
    for pid in "${pids[@]}"; do
      if wait "$pid"; then echo ok >"$place/done"; fi
    done
  done
  rm -f "$place/done"
  losses "$place/disk/$results" >"$place/found"
  diff "$place/expected" "$place/found"
  stray=$(find "$place/disk/$results" \( -name '.*' -o -name '*.lost' -o -name lock -o -name lease.json -o -name checkpoint \) | grep -v '/\.fuse' || true)
  [ -z "$stray" ] || { echo "left behind: $stray" >&2; exit 1; }
  echo "round $round: every cell has the loss of an undisturbed run"
done
echo "$kills kills and stops over $rounds suites"

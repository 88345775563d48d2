#!/usr/bin/env bash
# Stop CARLA servers of this user that were started from CARLA_ROOT, and no other process.
# They are asked to end; only one that still runs after 10 s is killed.
# Usage: scripts/clean_carla.sh [--dry-run]     Example: CARLA_ROOT=/data/CARLA_0915 scripts/clean_carla.sh
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
folder="${CARLA_ROOT:-$repository/3rd_party/CARLA_0915}"
dry_run=0
case "${1:-}" in
    "") ;;
    --dry-run) dry_run=1 ;;
    -h | --help) sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) echo "clean_carla.sh: unknown option $1 (see --help)" >&2; exit 2 ;;
esac
if [[ ! -f "$folder/CarlaUE4.sh" ]]; then
    echo "clean_carla.sh: $folder holds no CarlaUE4.sh; set CARLA_ROOT to the folder of CARLA" >&2
    exit 1
fi
root="$(realpath "$folder")"

# Whether a process is CARLA's engine (its program lies in the folder) or the script that started it.
belongs() {
    local words=()
    [[ -O "/proc/$1" ]] || return 1
    [[ "$(readlink "/proc/$1/exe" 2>/dev/null)" == "$root"/* ]] && return 0
    mapfile -d '' -t words <"/proc/$1/cmdline" 2>/dev/null || return 1
    [[ "${#words[@]}" -ge 2 && "$(realpath -q -- "${words[1]}")" == "$root/CarlaUE4.sh" ]]
}

# Those of some processes that are CARLA.
servers() {
    local pid
    for pid in "$@"; do
        if [[ "$pid" != "$$" ]] && belongs "$pid" 2>/dev/null; then echo "$pid"; fi
    done
}

cd /proc
mapfile -t found < <(servers [0-9]*)
if ((${#found[@]} == 0)); then
    echo "no CARLA of $root is running"
    exit 0
fi
echo "CARLA processes: ${found[*]}"
if ((dry_run)); then exit 0; fi
kill -TERM "${found[@]}" 2>/dev/null || true
SECONDS=0
while ((SECONDS < 10)); do
    mapfile -t found < <(servers "${found[@]}")
    if ((${#found[@]} == 0)); then
        echo "stopped"
        exit 0
    fi
    sleep 0.2
done
echo "still running after 10 s, killed: ${found[*]}"
kill -KILL "${found[@]}" 2>/dev/null || true

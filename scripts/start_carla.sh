#!/usr/bin/env bash
# Start the installed CARLA in the foreground, at full quality, off-screen; Ctrl-C ends it whole.
# Usage: scripts/start_carla.sh [PORT] [--gpu N] [--fail2drive] [...]     Example: scripts/start_carla.sh 2000 --gpu 1
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="${LEAD_PYTHON:-$repository/.venv/bin/python}"
if [[ -z "${CARLA_ROOT:-}" && -d "$repository/3rd_party/CARLA_0915" ]]; then
    export CARLA_ROOT="$repository/3rd_party/CARLA_0915"
fi
port=2000
if [[ "${1:-}" =~ ^[0-9]+$ ]]; then
    port="$1"
    shift
fi
export PYTHONPATH="$repository${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -m lead.simulator.carla_binary --port "$port" "$@"

#!/usr/bin/env bash
# Print a TCP port that is free together with the ports after it.
# Usage: scripts/random_free_port.sh [PORTS_IN_A_ROW]     3 for a CARLA server (the default), 1 for a Traffic Manager
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export PYTHONPATH="$repository${PYTHONPATH:+:$PYTHONPATH}"
exec "${LEAD_PYTHON:-$repository/.venv/bin/python}" -c '
import sys
from lead.simulator.ports import free_port
print(free_port(int(sys.argv[1])))
' "${1:-3}"

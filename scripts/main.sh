# shellcheck shell=bash
# Sourced by the other scripts, and by ~/.bashrc if you like: tells programs where CARLA is. LEAD itself needs nothing
# from the shell. Changes no PATH and no PYTHONPATH, and keeps what is set already.

LEAD_PROJECT_ROOT="$(cd -- "$(dirname -- "${BASH_SOURCE[0]:-$0}")/.." && pwd)"
export LEAD_PROJECT_ROOT

# Only folders that exist: with CARLA_ROOT set, `lead drive` starts that CARLA instead of the embedded simulator.
if [ -z "${CARLA_ROOT:-}" ] && [ -d "$LEAD_PROJECT_ROOT/3rd_party/CARLA_0915" ]; then
  export CARLA_ROOT="$LEAD_PROJECT_ROOT/3rd_party/CARLA_0915"
fi
if [ -z "${CARLA_F2D:-}" ] && [ -d "$LEAD_PROJECT_ROOT/3rd_party/CARLA_F2D" ]; then
  export CARLA_F2D="$LEAD_PROJECT_ROOT/3rd_party/CARLA_F2D"
fi

# Name of the program for the scripts: the one of our virtual environment, else the one on the PATH.
if [ -z "${LEAD:-}" ]; then
  if [ -x "$LEAD_PROJECT_ROOT/.venv/bin/lead" ]; then LEAD="$LEAD_PROJECT_ROOT/.venv/bin/lead"; else LEAD=lead; fi
fi

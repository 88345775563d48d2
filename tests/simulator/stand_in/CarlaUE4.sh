#!/bin/sh
# Stands in for CARLA's start script. Like the original it forks the engine and waits for it.
"${STAND_IN_PYTHON:-python3}" "$(dirname "$0")/engine.py" "$@"

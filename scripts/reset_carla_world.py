#!/usr/bin/env python3
"""Put a running CARLA server back into order: real time again, and all vehicles, walkers, sensors and props gone.

A client that dies leaves its actors behind, and a server in synchronous mode that waits for ticks nobody gives.
"""

from __future__ import annotations

import argparse
import sys

import carla

PASSES = 2
TICKS = 10
KINDS = ("sensor.*", "controller.*", "walker.*", "vehicle.*", "static.prop.*", "static.trigger.*")


def main() -> int:
    """Reset the world behind a port; 1 with one sentence if the server does not answer."""
    arguments = parser().parse_args()
    try:
        client = carla.Client(arguments.host, arguments.port)
        client.set_timeout(arguments.timeout)
        destroyed = reset(client)
        if arguments.reload_map:
            client.reload_world()
    except RuntimeError as error:
        print(f"reset_carla_world.py: {error}", file=sys.stderr)
        return 1
    print(f"{destroyed} actors destroyed" + (", map reloaded" if arguments.reload_map else ""))
    return 0


def reset(client: carla.Client) -> int:
    """Leave synchronous mode and destroy what was spawned; the number of actors destroyed."""
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = False, None
    world.apply_settings(settings)
    destroyed = 0
    # What was attached to an actor, or was about to be spawned by another client, shows up in the second pass.
    for _ in range(PASSES):
        actors = world.get_actors()
        commands = [carla.command.DestroyActor(actor) for kind in KINDS for actor in actors.filter(kind)]
        destroyed += sum(not reply.has_error() for reply in client.apply_batch_sync(commands, False))
        for _ in range(TICKS):
            world.wait_for_tick()
    return destroyed


def parser() -> argparse.ArgumentParser:
    """The command line."""
    words = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog="Example: python scripts/reset_carla_world.py --port 2000"
    )
    words.add_argument("--host", default="127.0.0.1", help="host of the server [127.0.0.1]")
    words.add_argument("--port", type=int, default=2000, help="RPC port [2000]")
    words.add_argument("--timeout", type=float, default=30.0, help="longest wait for an answer, seconds [30]")
    words.add_argument("--reload-map", action="store_true", help="load the map anew as well")
    return words


if __name__ == "__main__":
    sys.exit(main())

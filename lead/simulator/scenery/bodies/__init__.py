"""Meshes of actors: vehicles, riders, walkers, props, and the heads of traffic lights."""

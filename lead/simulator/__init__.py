"""The embedded simulator: a world that steps, and a server that speaks CARLA's wire protocol about it."""

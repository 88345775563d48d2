"""Sensors of agents: what a track permits, and the rig that reads them once per tick."""

"""Recorded routes on disk: how they are written, read, checked and passed on. Imports neither carla nor torch."""

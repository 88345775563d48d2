"""Meshes of everything that can be spawned."""

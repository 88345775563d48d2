"""Frames, boxes and geodesy in plain numpy.

One frame everywhere: CARLA's, left-handed, x forward, y right, z up, metres and radians.
"""

"""Recordings of a world: written while it runs, played back into a world, and asked questions about.

The file format is LEAD's own and documented in ``docs/recorder.md``.
"""

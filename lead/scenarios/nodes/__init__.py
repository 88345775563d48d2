"""Atomic behaviours and conditions from which scenarios are put together (py-trees)."""

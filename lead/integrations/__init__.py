"""Bridges to other people's programs, which stay outside the tree and run in their own environments."""

"""Scenarios: the engine, one module per family of scenarios, and the background traffic around the ego."""

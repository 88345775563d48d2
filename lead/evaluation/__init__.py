"""Closed-loop evaluation: agent interface, episode loop and criteria on top of the carla client."""

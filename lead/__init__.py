"""LEAD: an end-to-end driving research loop for CARLA that also runs where CARLA cannot."""

__version__ = "0.1.0"

"""Driving agents behind the evaluation's interface."""

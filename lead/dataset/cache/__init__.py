"""Samples prepared for training: one file per route, built once and read many times."""

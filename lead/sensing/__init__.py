"""Sensor rigs as named objects, and the way from raw sensor packets to model inputs.

Shared by recording, training and driving.
"""

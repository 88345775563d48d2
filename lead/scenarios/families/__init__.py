"""Scenario classes, one module per family; every module registers its classes when it is imported."""

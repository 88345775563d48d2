"""Sampler: makes route files of any scenario class on any town whose lanes allow it, and says why where they do not."""

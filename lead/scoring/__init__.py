"""Scores of the public benchmarks: penalties, records and result files, free of any simulator."""

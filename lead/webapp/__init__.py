"""The infraction dashboard: results of evaluations in a browser, from a folder tree on disk."""

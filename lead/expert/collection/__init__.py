"""Collecting a data set: which routes, into which folders, with which seeds, and how far it is."""

"""Route files, their typed contents, and the planner that turns key points into dense routes."""

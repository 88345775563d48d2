"""CARLA's own leaderboard: set it up, and let it drive the same agents as our runner."""

"""Drawing and video writing on plain arrays, without torch and without the carla client."""

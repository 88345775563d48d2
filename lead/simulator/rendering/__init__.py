"""What sensors see of the world."""

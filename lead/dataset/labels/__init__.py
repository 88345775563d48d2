"""Labels of the networks as pure functions of what a route stores, corrected by default."""

"""Controllers in plain numpy, shared by the expert, the agents and the label makers."""

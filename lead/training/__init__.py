"""Training of the networks: losses, optimisation, checkpoints."""

"""Networks as plain ``torch.nn`` modules whose state dicts have the published names."""

"""What stands around the roads: level objects and street lamps, made deterministically from the compiled map."""

"""The expert's behaviours: small classes that each propose a speed, a stop or a change of the path, with a reason."""

"""Settings of the programs: typed, from the command line, the environment or defaults, in that order."""

"""Towns: the catalogue of CARLA maps, OpenDRIVE text, and the arrays the simulator drives on."""

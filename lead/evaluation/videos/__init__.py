"""Videos, pictures and logs of a drive, made while it is driven."""

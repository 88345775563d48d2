"""Recording what the expert sees and knows: sensors, labels and the dictionaries of the published data format."""

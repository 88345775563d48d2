"""From samples to batches: which samples an epoch has, in which order, and the processes that load them."""

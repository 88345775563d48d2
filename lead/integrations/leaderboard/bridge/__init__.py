"""Files that run inside the official harness, in its environment; nothing else of LEAD imports them."""

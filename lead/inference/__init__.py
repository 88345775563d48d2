"""From a checkpoint folder to predictions: loading, ensembles, fast execution, export."""

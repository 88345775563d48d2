"""Warp kernels that all back ends share: shading, sky, weather, attributes of hits."""

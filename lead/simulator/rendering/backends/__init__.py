"""Rendering back ends: Warp on CUDA, Warp on the CPU with Embree's ray packets, plain Warp on the CPU."""

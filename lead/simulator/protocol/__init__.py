"""CARLA's wire protocol: msgpack-RPC on one port, sensor streams on the next."""

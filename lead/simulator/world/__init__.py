"""The simulated world without sockets: actors, dynamics, collisions, traffic lights, weather, blueprints."""

"""Where an agent's plan lies in the world, for the drawings of its drive."""

from types import SimpleNamespace

import numpy as np
import pytest

from lead.evaluation.videos.scenes import scene_of
from lead.visualization.agent_view import AgentView


@pytest.mark.parametrize(
    ("yaw_rad", "ahead", "right"),
    [(0.0, (11.0, 20.0), (10.0, 21.0)), (0.5 * np.pi, (10.0, 21.0), (9.0, 20.0)), (np.pi, (9.0, 20.0), (10.0, 19.0))],
)
def test_places_of_the_ego_frame_are_turned_into_the_world(yaw_rad, ahead, right):
    ego = SimpleNamespace(
        location=np.array([10.0, 20.0, 1.0]), yaw_rad=yaw_rad, extent=np.array([2.4, 0.9, 0.8]), speed_mps=0.0
    )
    view = AgentView(route_ego=np.array([[1.0, 0.0], [0.0, 1.0]], np.float32), waypoints_ego=None)
    tick = SimpleNamespace(
        observation=SimpleNamespace(ego=ego, shown_actors=[]), control=SimpleNamespace(brake=0.0), view=view
    )
    lights = SimpleNamespace(near=lambda place, reach_m: [])
    scene = scene_of(tick, lights, with_plan=True)
    np.testing.assert_allclose(scene.planned_path, [ahead, right], atol=1e-6)
    assert scene.waypoints is None
    assert scene_of(tick, lights).planned_path is None

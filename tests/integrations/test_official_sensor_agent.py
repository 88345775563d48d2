"""A checkpoint under CARLA's own evaluator, where `lead setup leaderboard` was run with the packages that it needs."""

import json
import sys
from pathlib import Path

import pytest
from test_official_drive import drive, installation

from lead.integrations.leaderboard.environment import EnvironmentSetupError, require_packages
from lead.integrations.leaderboard.harness import AGENT_PACKAGES

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "models")]
THREE_METRES = """<routes><route id="0" town="Town01"><waypoints>
<position x="88.4" y="248.3" z="0.0"/><position x="88.4" y="251.3" z="0.0"/></waypoints></route></routes>"""


def test_missing_packages_are_named_with_the_command():
    python = Path(sys.executable)
    require_packages(python, {"json": "json"})
    with pytest.raises(EnvironmentSetupError, match=r"needs the-other, .* `lead setup leaderboard --with the-other`"):
        require_packages(python, {"json": "json", "no_such_module": "the-other"})


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_random_weights_drive_under_the_official_evaluator(tmp_path):
    import torch
    from small_networks import small_network

    from lead.models.transfuser.architecture import VARIANTS

    try:
        require_packages(installation("leaderboard").python, AGENT_PACKAGES["transfuser"])
    except EnvironmentSetupError as error:
        pytest.skip(str(error))
    folder = tmp_path / "ckpt"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"use_planning_decoder": True}))
    torch.save(small_network(0, VARIANTS["resnet34"]).state_dict(), folder / "model_0030_0.pth")
    routes = tmp_path / "short.xml"
    routes.write_text(THREE_METRES)
    out = tmp_path / "out"
    choice = json.dumps({"checkpoint": str(folder), "device": "cpu"})
    log = ("produce_input_log=true",)
    result = drive(out, "transfuser", routes=routes, agent_config=choice, closed_loop=log)
    (record,) = result["_checkpoint"]["records"]
    assert record["scores"]["score_route"] == 100
    assert {"carla_camera", "carla_lidar", "carla_radar", "carla_gnss"} <= set(result["sensors"])
    assert len(list((out / "input_log").glob("*.pth"))) > 5

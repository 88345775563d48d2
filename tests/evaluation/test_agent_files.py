"""Agent files: official ones load, also without the leaderboard package; broken ones are refused with their cause."""

import json
import logging
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from lead.agents.constant import CruiseAgent, RigFileError, read_rig
from lead.agents.registry import AGENTS, LATER, AgentError, create_agent
from lead.evaluation.agent import AutonomousAgent, Track
from lead.evaluation.agent_files import AgentFileError, load_agent_class
from lead.evaluation.sensors.validation import validate_sensors
from lead.scoring.profiles import profile

ROOT = Path(__file__).resolve().parents[2]

OFFICIAL = """
    from __future__ import print_function
    import carla
    from leaderboard.autoagents.autonomous_agent import AutonomousAgent, Track

    def get_entry_point():
        return "MyAgent"

    class MyAgent(AutonomousAgent):
        def setup(self, path_to_conf_file):
            from neighbour import CONFIGURED
            self.track = Track.MAP
            self.config = path_to_conf_file + CONFIGURED

        def sensors(self):
            return [{"type": "sensor.speedometer", "id": "speed"}]

        def run_step(self, input_data, timestamp):
            return carla.VehicleControl(throttle=0.5)
"""


@pytest.fixture(autouse=True)
def clean_imports(tmp_path, monkeypatch):
    """Forget the modules of the test."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name, module in list(sys.modules.items()):
        if str(tmp_path) in str(getattr(module, "__file__", "")):
            del sys.modules[name]


def write(folder, name, text):
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return path


def test_an_official_agent_runs_without_the_leaderboard(tmp_path):
    path = write(tmp_path, "my_agent.py", OFFICIAL)
    write(tmp_path, "neighbour.py", "CONFIGURED = '+'")
    agent = create_agent(str(path), "127.0.0.1", 2000, debug=True)
    assert isinstance(agent, AutonomousAgent) and agent.debug
    assert (agent.carla_host, agent.carla_port, agent.track) == ("127.0.0.1", 2000, Track.SENSORS)
    agent.setup("weights")
    assert (agent.config, agent.track) == ("weights+", Track.MAP)
    assert agent.run_step({}, 0.0).throttle == 0.5
    assert not any(name.split(".")[0] == "leaderboard" for name in sys.modules)
    assert load_agent_class(path) is type(agent), "a file is executed once"


def test_an_installed_leaderboard_is_preferred(tmp_path, monkeypatch):
    package = tmp_path / "site/leaderboard/autoagents"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    members = "\n".join(f"    def {name}(self, *a): return []" for name in ("sensors", "run_step", "destroy"))
    write(
        package,
        "autonomous_agent.py",
        "class Track: MAP = 'MAP'\nclass AutonomousAgent:\n    real = True\n"
        f"    def __init__(self, host, port, debug=False): pass\n{members}\n"
        "    def set_global_plan(self, a, b): pass\n",
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    agent = create_agent(str(write(tmp_path, "real_agent.py", OFFICIAL)), "h", 1)
    assert agent.real and not isinstance(agent, AutonomousAgent)


def test_a_folder_called_leaderboard_is_no_package(tmp_path, monkeypatch):
    (tmp_path / "leaderboard").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert isinstance(create_agent(str(write(tmp_path, "near_agent.py", OFFICIAL)), "h", 1), AutonomousAgent)


@pytest.mark.parametrize(
    ("constructor", "expected"),
    [
        ("def __init__(self, carla_host, carla_port, debug=False): super().__init__(carla_host, carla_port, debug)", 7),
        ("def __init__(self, *args, **kwargs): super().__init__(*args, **kwargs)", 7),
        (
            "def __init__(self, path_to_conf_file): self.given = path_to_conf_file; super().__init__(self.given)",
            0,
        ),
        ("def __init__(self): super().__init__()", 0),
    ],
)
def test_constructors_of_all_versions(tmp_path, constructor, expected):
    text = textwrap.dedent(OFFICIAL).replace(
        "class MyAgent(AutonomousAgent):", f"class MyAgent(AutonomousAgent):\n    {constructor}\n"
    )
    agent = create_agent(str(write(tmp_path, "versions_agent.py", text)), "h", 7, "config.yaml")
    assert agent.carla_port == expected
    assert getattr(agent, "given", "config.yaml") == "config.yaml"


def test_other_constructors_are_refused(tmp_path):
    text = textwrap.dedent(OFFICIAL) + "\n    def __init__(self, *, model): pass\n"
    with pytest.raises(AgentFileError, match=r"takes \(\*, model\); it must take \(host, port, debug\)"):
        create_agent(str(write(tmp_path, "odd_agent.py", text)), "h", 7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", r"has no function get_entry_point\(\)"),
        ("def get_entry_point(): return 'Missing'", "has no class 'Missing'"),
        ("def get_entry_point(): return None", "must return the name of a class, not None"),
        (
            "class A:\n    def setup(self, path): pass\ndef get_entry_point(): return 'A'",
            "no method sensors, run_step, destroy, set_global_plan",
        ),
        ("import not_installed_anywhere", r"ModuleNotFoundError: No module named 'not_installed_anywhere' \(broken"),
        ("x = 1\ny = 1 / 0", r"ZeroDivisionError: division by zero \(broken_agent_\d.py, line 2\)"),
        ("def f(:", r"SyntaxError: .*broken_agent_\d.py, line 1"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("from srunner.tools import x", "only AutonomousAgent and Track of leaderboard.autoagents.autonomous_agent"),
        ("from leaderboard.utils.route_manipulation import downsample_route", "put the leaderboard and the scenario"),
    ],
)
def test_broken_files_are_refused_with_their_cause(tmp_path, request, text, message):
    number = request.node.callspec.indices["text"]
    path = write(tmp_path, f"broken_agent_{number}.py", text)
    with pytest.raises(AgentFileError, match=message) as caught:
        load_agent_class(path)
    assert "\n" not in str(caught.value)
    # Corrected and loaded again, the file is not remembered as broken unless it was imported.
    if "could not be imported" in str(caught.value):
        assert path.stem not in sys.modules


def test_missing_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(AgentError, match=r"the agent file .*nowhere\.py does not exist"):
        create_agent(str(tmp_path / "nowhere.py"), "h", 1)
    with pytest.raises(AgentFileError, match=r"there is no agent file .*nowhere\.py"):
        load_agent_class(tmp_path / "nowhere.py")
    with pytest.raises(AgentFileError, match=r"is not a Python file"):
        create_agent(str(write(tmp_path, "agent.txt", "")), "h", 1)
    with pytest.raises(AgentFileError, match=r"name of the module json .* rename the file"):
        create_agent(str(write(tmp_path, "json.py", OFFICIAL)), "h", 1)


def test_agents_from_modules(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    write(tmp_path, "team_module.py", OFFICIAL)
    assert type(create_agent("team_module:MyAgent", "h", 1)).__name__ == "MyAgent"
    with pytest.raises(AgentFileError, match="team_module has no class 'Other'"):
        create_agent("team_module:Other", "h", 1)
    with pytest.raises(AgentFileError, match="No module named 'no_such_team'"):
        create_agent("no_such_team:Agent", "h", 1)


@pytest.mark.parametrize("name", LATER)
def test_agents_to_come_are_refused_by_name(name):
    assert name not in AGENTS
    with pytest.raises(AgentError, match=f"does not have the agent '{name}' yet"):
        create_agent(name, "h", 1)


def test_unknown_names_get_a_hint():
    with pytest.raises(AgentError, match=r"no agent 'cruiser'; the nearest name is 'cruise' .*path/to/agent\.py"):
        create_agent("cruiser", "h", 1)


def test_naming_an_agent_loads_no_other():
    code = (
        "import sys; from lead.agents.registry import create_agent; create_agent('cruise', 'h', 1); "
        "print([n for n in ('lead.agents.autopilot', 'lead.evaluation.agent_files', 'torch') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_cruise_consumes_its_rig_and_reports(tmp_path, caplog):
    rig = read_rig(ROOT / "data/rigs/three_cameras.yaml")
    agent = create_agent("cruise", "h", 1)
    assert isinstance(agent, CruiseAgent)
    agent.setup(str(ROOT / "data/rigs/three_cameras.yaml"))
    assert agent.sensors() == rig.sensors and len(rig.sensors) == 12
    slow = agent.run_step(fake_tick(rig.sensors, speed=1.0), 0.0)
    fast = agent.run_step(fake_tick(rig.sensors, speed=9.0), 0.05)
    assert (slow.throttle, slow.brake, slow.steer) == (1.0, 0.0, 0.0)
    assert (fast.throttle, fast.brake) == (0.0, 1.0)
    incomplete = fake_tick(rig.sensors, speed=1.0)
    del incomplete["lidar2"]
    with pytest.raises(ValueError, match="no data came from lidar2"):
        agent.run_step(incomplete, 0.1)
    with caplog.at_level(logging.INFO, logger="lead.agents.constant"):
        agent.destroy()
    assert "3 ticks" in caplog.text and "rgb_1 0.3 kB" in caplog.text and "lidar2 0.2 kB" in caplog.text


def fake_tick(specs, speed):
    import numpy as np

    array = np.zeros((8, 8, 4), np.uint8)
    return {spec["id"]: (1, {"speed": speed} if spec["id"] == "speed" else array) for spec in specs}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("sensors: 3", "must hold a list named 'sensors'"),
        ("- 1", "must hold a list named 'sensors'"),
        ("sensors: []\nspeed: 3", "unknown keys: speed"),
        ("sensors: []\ntrack: RADIO", "names the track 'RADIO'"),
        ("sensors: []\nspeed_mps: -1", "speed_mps -1, which is no speed"),
        ("sensors: []\nspeed_mps: 1", "lists no sensor.speedometer"),
        ("sensors: [", "cannot be read"),
    ],
)
def test_bad_rig_files_are_refused(tmp_path, content, message):
    with pytest.raises(RigFileError, match=message):
        read_rig(write(tmp_path, "rig.yaml", content))


def test_rig_files_may_be_json_and_are_needed(tmp_path):
    sensors = [{"type": "sensor.speedometer", "id": "speed"}]
    path = write(tmp_path, "rig.json", json.dumps({"track": "MAP", "sensors": sensors}))
    assert (read_rig(path).sensors, read_rig(path).track) == (sensors, Track.MAP)
    with pytest.raises(RigFileError, match="needs a rig file"):
        create_agent("cruise", "h", 1).setup("")
    with pytest.raises(RigFileError, match="cannot be read"):
        read_rig(tmp_path / "missing.yaml")


def test_the_agent_in_the_documentation_works(tmp_path):
    text = (ROOT / "docs/agents.md").read_text()
    block = text[text.index("    import carla\n") : text.index("| method | called |")]
    agent = create_agent(str(write(tmp_path, "documented_agent.py", block)), "h", 1)
    agent.setup("")
    assert validate_sensors(agent.sensors(), agent.track, profile("leaderboard")) == agent.sensors()
    control = agent.run_step({"front": (1, None), "speed": (1, {"speed": 1.0})}, 0.0)
    assert control.throttle == 0.5

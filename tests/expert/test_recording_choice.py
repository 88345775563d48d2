"""When `lead drive --expert` records, and where."""

from pathlib import Path

import pytest

from lead.cli import drive
from lead.cli.main import main

ROUTES = Path(__file__).resolve().parents[2] / "data/routes/smoke.xml"


@pytest.fixture
def settings_of(monkeypatch):
    """Settings with which a command would drive, without driving."""

    def call(*words):
        seen = []
        monkeypatch.setattr(drive, "run_drive", seen.append)
        with pytest.raises(SystemExit):
            main(["drive", "--routes", str(ROUTES), *words])
        (found,) = seen
        return found

    return call


def test_the_expert_records_unless_told_not_to(settings_of, tmp_path):
    found = settings_of("--expert", "--output-dir", str(tmp_path))
    assert found.settings.agent == "expert_recorder"
    place = found.settings.recording(found.tasks[0])
    assert place.parent == tmp_path / "data" / "noScenarios"
    assert place.name.startswith(f"{found.tasks[0].route.town}_Rep0_smoke_route0_")
    without = settings_of("--expert", "--no-record")
    assert (without.settings.agent, without.settings.recording) == ("expert", None)


def test_other_agents_record_nothing(settings_of):
    assert settings_of("--agent", "autopilot").settings.recording is None


def test_wrong_settings_are_reported_before_anything_starts(monkeypatch, capsys):
    monkeypatch.setenv("LEAD_EXPERT_CONFIG", "target_datast=2")
    with pytest.raises(SystemExit) as left:
        main(["drive", "--routes", str(ROUTES), "--expert"])
    assert left.value.code == 1
    assert "target_dataset" in capsys.readouterr().err

"""Which routes a collection drives, and where: the same on every start, and nothing twice."""

from collections import Counter

import pytest

from lead.dataset.layout import RESULTS_NAME, RouteName
from lead.expert.collection.folders import RecordingFolders
from lead.expert.collection.plan import CollectionError, Selection, plan_collection

ROUTE = """<routes><route id="{id}" town="Town01"><waypoints><position x="0" y="0" z="0"/>
<position x="50" y="0" z="0"/></waypoints><scenarios>{scenario}</scenarios></route></routes>"""
SCENARIO = '<scenario name="{kind}_1" type="{kind}"><trigger_point x="10" y="0" z="0" yaw="0"/></scenario>'


@pytest.fixture
def source(tmp_path):
    """Twelve routes with an accident, five with a parked car ahead, two without a scenario."""
    root = tmp_path / "routes"
    for kind, count in (("Accident", 12), ("ParkedObstacle", 5), ("noScenarios", 2)):
        (root / kind).mkdir(parents=True)
        for number in range(count):
            scenario = "" if kind == "noScenarios" else SCENARIO.format(kind=kind)
            (root / kind / f"{kind}{number}.xml").write_text(ROUTE.format(id=number, scenario=scenario))
    return root


def classes(tasks):
    return Counter(task.routes_file.parent.name for task in tasks)


def test_each_class_gives_so_many_routes_and_all_are_mixed(source):
    tasks = plan_collection(source, Selection(per_class=4))
    assert classes(tasks) == {"Accident": 4, "ParkedObstacle": 4, "noScenarios": 2}
    assert [task.seed for task in tasks] == list(range(10))
    assert classes(tasks[:4]) != {"Accident": 4}
    assert classes(plan_collection(source, Selection(per_class=0))) == {
        "Accident": 12,
        "ParkedObstacle": 5,
        "noScenarios": 2,
    }


def test_the_order_follows_from_the_seed(source):
    names = [task.key for task in plan_collection(source, Selection())]
    assert names == [task.key for task in plan_collection(source, Selection())]
    assert names != [task.key for task in plan_collection(source, Selection(seed=7))]


def test_repetitions_have_other_seeds_and_names(source):
    tasks = plan_collection(source, Selection(per_class=1, repetitions=2, first_repetition=3))
    assert [task.seed for task in tasks] == [3_000_000, 3_000_001, 3_000_002, 4_000_000, 4_000_001, 4_000_002]
    assert len({task.key for task in tasks}) == 6


@pytest.mark.parametrize("excluded", ["Accident", "noScenarios"])
def test_classes_and_folders_are_left_out(source, excluded):
    assert excluded not in classes(plan_collection(source, Selection(excluded=frozenset({excluded}))))


def test_nothing_to_drive_is_said(source, tmp_path):
    with pytest.raises(CollectionError, match="no route files"):
        plan_collection(tmp_path / "nowhere", Selection())
    everything = frozenset({"Accident", "ParkedObstacle", "noScenarios"})
    with pytest.raises(CollectionError, match="Accident, ParkedObstacle, noScenarios are excluded"):
        plan_collection(source, Selection(excluded=everything))


def test_two_files_of_one_name_are_refused(source):
    (source / "more").mkdir()
    (source / "more" / "Accident0.xml").write_text(ROUTE.format(id=0, scenario=""))
    with pytest.raises(CollectionError, match="Accident0"):
        plan_collection(source, Selection(per_class=0))


def test_a_task_keeps_its_folder_over_starts(source, tmp_path):
    tasks = plan_collection(source, Selection(per_class=1))
    root = tmp_path / "out"
    folders = RecordingFolders(root, tasks)
    places = [folders.of(task) for task in tasks]
    assert places == [folders.of(task) for task in tasks]
    for task, place in zip(tasks, places, strict=True):
        name = RouteName.parse(place.name)
        assert (name.town, name.repetition, name.stem, name.index) == ("Town01", 0, task.routes_file.stem, 0)
        assert place.parent == root / "data" / task.routes_file.parent.name
        place.mkdir(parents=True)
    (places[0] / RESULTS_NAME).write_text("{}")
    again = RecordingFolders(root, tasks)
    assert [again.of(task) for task in tasks] == places
    assert [again.is_complete(task) for task in tasks] == [True, False, False]


def test_another_drive_of_a_complete_recording_goes_beside_it(source, tmp_path):
    (task,) = plan_collection(source, Selection(per_class=1, excluded=frozenset({"Accident", "noScenarios"})))
    old = tmp_path / "data" / "ParkedObstacle" / f"Town01_Rep0_{task.routes_file.stem}_route0_01_01_00_00_00"
    old.mkdir(parents=True)
    (old / RESULTS_NAME).write_text("{}")
    folders = RecordingFolders(tmp_path, [task])
    assert folders.of(task) == old
    assert folders.fresh(task) != old

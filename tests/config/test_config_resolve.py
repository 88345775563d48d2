"""Settings: precedence, typing, and errors that help."""

import dataclasses
import json

import pytest

from lead.config.closed_loop import VARIABLE, ClosedLoopConfig, resolve_closed_loop
from lead.config.resolve import ConfigError, as_json, resolve


def from_environment(text, *arguments):
    return resolve_closed_loop(arguments, {VARIABLE: text})


def test_defaults_produce_nothing():
    config = resolve_closed_loop((), {})
    assert config == ClosedLoopConfig()
    assert not any(
        value for name, value in as_json(config).items() if name.startswith("produce_") and "freq" not in name
    )
    assert config.fps == 20.0


def test_published_instruction_is_understood():
    config = from_environment("produce_demo_image=true \n  produce_debug_video=True produce_input_video=1")
    assert (config.produce_demo_image, config.produce_debug_video, config.produce_input_video) == (True, True, True)
    assert config.produce_demo_video is False


def test_command_line_beats_environment_beats_file_beats_default():
    text = "produce_frame_frequency=4 custom_weather=ClearNight"
    config = from_environment(text, "produce_frame_frequency=5")
    assert (config.produce_frame_frequency, config.custom_weather) == (5, "ClearNight")
    file = {"produce_frame_frequency": 2, "produce_grid_image": True, "custom_weather": "WetNoon"}
    mixed = resolve(ClosedLoopConfig, variable=VARIABLE, environ={VARIABLE: text}, base=file)
    assert (mixed.produce_frame_frequency, mixed.produce_grid_image, mixed.custom_weather) == (4, True, "ClearNight")


@pytest.mark.parametrize(
    ("text", "fps"),
    [
        ("produce_frame_frequency=5", 4.0),
        ("produce_frame_frequency=5 video_fps=null", 4.0),
        ("produce_frame_frequency=5 video_fps=30", 30.0),
    ],
)
def test_video_rate_follows_the_frame_frequency_unless_given(text, fps):
    config = from_environment(text)
    assert config.fps == fps
    assert as_json(config)["video_fps"] == fps


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("debug_mode=true", True), ("debug_mode=true produce_debug_video=false", False), ("", False)],
)
def test_debug_mode_is_only_the_default_of_the_debug_video(text, wanted):
    assert from_environment(text).produce_debug_video is wanted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("produce_demo_vidoe=true", "no key 'produce_demo_vidoe'; did you mean 'produce_demo_video'?"),
        ("video_fps.x=1", "did you mean 'video_fps'?"),
        ("produce_demo_video", "is not of the form key=value"),
        ("=true", "is not of the form key=value"),
        ("produce_demo_video=maybe", "'maybe' is not a valid bool"),
        ("produce_frame_frequency=2.5", "could not be converted to Integer"),
        ("produce_frame_frequency=0", "at least 1"),
        ("video_fps=-1", "must be positive"),
        ("video_fps={", "cannot be read"),
        ("custom_weather=ClearNoon random_weather=true", "exclude each other"),
    ],
)
def test_mistakes_are_one_helpful_sentence(text, words):
    with pytest.raises(ConfigError) as raised:
        from_environment(text)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_errors_say_where_the_word_came_from():
    with pytest.raises(ConfigError, match=f"^{VARIABLE}: "):
        from_environment("produce=1")
    with pytest.raises(ConfigError, match=r"^the command line: "):
        from_environment("", "produce=1")
    with pytest.raises(ConfigError, match=r"^the configuration file: "):
        resolve(ClosedLoopConfig, base={"produce": 1})


def test_result_is_frozen_and_json():
    config = from_environment("video_fps=10")
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.video_fps = 3.0
    assert ClosedLoopConfig(**json.loads(json.dumps(as_json(config)))) == config

"""What the output of a CARLA server that failed means, and what to do about it.

CARLA prints pages of engine log and rarely says why it ends. These are the causes that its users report, in the
order in which they are looked for: the first that is found is the one that matters.
"""

from __future__ import annotations

import re

_KILLED_CODE = 137

_CAUSES: tuple[tuple[str, str], ...] = (
    (
        r"refusing to run with the root privileges",
        "the engine does not run as root; start LEAD as an ordinary user (in a container: --user)",
    ),
    (
        r"error while loading shared libraries: (\S+?):",
        "the library {0} is missing; install the package that has it (apt-file search {0})",
    ),
    (r"version `(GLIBC\w*_[\d.]+)' not found", "this system is too old for the binary (it needs {0}); use a newer one"),
    (
        r"permission denied",
        "a file of CARLA may not be run or written; unpack it as this user and check the rights of CarlaUE4.sh",
    ),
    (r"no space left on device", "the disk is full; free some space, CARLA needs a few GB for its caches"),
    (
        r"out of video memory|out_of_device_memory|out of memory on vulkan|failed to map \d+ bytes",
        "the memory of the GPU is full; choose another GPU, run fewer servers on it, or move the model elsewhere",
    ),
    (
        r"ran out of memory|std::bad_alloc|cannot allocate memory|out_of_host_memory",
        "the memory of this machine is full; run fewer servers at once (a large town takes about 15 GB)",
    ),
    (
        r"address already in use|bind: .*in use|could not bind",
        "one of its ports (the RPC port and the two after it) was taken by another program; choose another port",
    ),
    (
        r"vk_error|vulkan (?:driver|device)|no vulkan|vulkan.{0,40}(?:not found|fail)|libvulkan",
        "there is no usable Vulkan driver; install the graphics driver with Vulkan support (package libvulkan1; in a "
        "container NVIDIA_DRIVER_CAPABILITIES=all) and check with vulkaninfo that the GPU is listed",
    ),
    (
        r"could not initialize sdl|unable to open display|x error of failed request",
        "the engine looked for a screen; unset DISPLAY and SDL_VIDEODRIVER, off-screen rendering needs neither",
    ),
    (
        r"signal 11|segmentation fault|signal 6|assertion failed|fatal error",
        "the engine crashed; CARLA does so in about one start of ten, so start it again, and update the graphics "
        "driver if it happens every time",
    ),
)


def explain_failure(log: str, exit_code: int | None) -> str | None:
    """Find the cause of a failure.

    Args:
        log: End of the server's output.
        exit_code: Exit code, 128 + signal if it died of one; None while it runs.

    Returns:
        One clause with cause and remedy, None if nothing known was found.
    """
    for pattern, remedy in _CAUSES:
        if found := re.search(pattern, log, re.IGNORECASE):
            return remedy.format(*found.groups())
    if exit_code == _KILLED_CODE:
        return (
            "something killed it, most likely the kernel because memory ran out (see dmesg); run fewer servers at once"
        )
    if exit_code == 128 + 11:
        return explain_failure("signal 11", None)
    return None

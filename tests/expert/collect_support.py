"""``lead collect`` on a turn in Town01, with an agent of a test in the place of the recording expert."""

import os
import subprocess
import sys

# East, north and back: with every sign of x and y, and a turn.
ROUTE = """<routes><route id="turn" town="Town01"><waypoints><position x="88.4" y="285.0" z="0.0"/>
<position x="88.4" y="310.0" z="0.0"/><position x="65.0" y="326.6" z="0.0"/></waypoints></route></routes>"""
COLLECT = """
import sys
import lead.cli.collect
lead.cli.collect.AGENT = {agent!r}
from lead.cli.main import main
sys.argv = {words!r}
main()
"""


def collect_with(agent, folder, *words, **environment):
    """Record the turn below ``folder / "out"``."""
    (folder / "turn.xml").write_text(ROUTE)
    all_words = ["lead", "collect", str(folder / "turn.xml"), "--out", str(folder / "out"), *words]
    script = COLLECT.format(agent=str(agent), words=all_words)
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr

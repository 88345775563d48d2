"""Fetch pinned revisions with git: as little of each repository as the harness needs, and nothing twice.

CARLA's repository has a gigabyte of history for a dozen Python files, so checkouts are shallow, without file contents
(git fetches those it checks out), and sparse. A checkout that was interrupted is finished by running it again.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from pathlib import Path

from lead.errors import LeadError
from lead.integrations.leaderboard.pins import GITHUB, Repository

LOG = logging.getLogger(__name__)


class CheckoutError(LeadError):
    """A repository cannot be fetched, or what lies in its place is not the pinned revision."""


def check_out(repository: Repository, root: Path, mirror: str | None = None) -> str:
    """Make sure that a repository lies at its pinned revision.

    Args:
        repository: What to fetch.
        root: Folder of the checkouts, created if missing.
        mirror: Address or folder that takes the place of GitHub; ``owner/name`` is appended.

    Returns:
        The commit checked out.

    Raises:
        CheckoutError: If git is missing, the revision cannot be fetched, or the place is taken by something else.
    """
    if shutil.which("git") is None:
        raise CheckoutError("git is not installed; install it (for example: apt install git) and try again")
    folder = root / repository.folder
    if folder.exists() and not (folder / ".git").exists() and any(folder.iterdir()):
        raise CheckoutError(f"{folder} exists but is no git checkout; move it away, then run this command again")
    commit = _head(folder)
    if commit is not None and commit != _expected(repository, folder):
        raise CheckoutError(
            f"{folder} is at commit {commit[:12]}, not at the pinned {repository.revision[:12]}; move it away or "
            f"check the pinned revision out"
        )
    if commit is None:
        commit = _fetch(repository, folder, f"{(mirror or GITHUB).rstrip('/')}/{repository.slug}")
    if not (folder / repository.marker).is_file():
        raise CheckoutError(f"{folder} lacks {repository.marker}; remove the folder and run this command again")
    if _git(folder, "status", "--porcelain", "--untracked-files=no"):
        LOG.warning("%s has local changes; results made with it are not official ones", folder)
    return commit


def _fetch(repository: Repository, folder: Path, url: str) -> str:
    """Fetch and check out one revision into a folder that is new or was left half done."""
    LOG.info("fetching %s at %s", url, repository.revision)
    folder.mkdir(parents=True, exist_ok=True)
    # Without a commit there is nothing to keep, but locks of a git that was killed may be left.
    shutil.rmtree(folder / ".git", ignore_errors=True)
    _git(folder, "init", "--quiet")
    _git(folder, "config", "remote.origin.url", url)
    _git(folder, "config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
    # Written by hand because `git sparse-checkout set --no-cone` needs git 2.35.
    _git(folder, "config", "core.sparseCheckout", "true")
    patterns = folder / ".git" / "info" / "sparse-checkout"
    patterns.parent.mkdir(exist_ok=True)
    patterns.write_text("\n".join(repository.patterns) + "\n", encoding="utf-8")
    wanted = repository.revision
    if not repository.is_commit:
        wanted = f"+refs/tags/{repository.revision}:refs/tags/{repository.revision}"
    _git(folder, "fetch", "--quiet", "--no-tags", "--depth", "1", "--filter=blob:none", "origin", wanted, source=url)
    expected = _expected(repository, folder)
    if expected is None:
        raise CheckoutError(f"{url} has no revision {repository.revision}; check the mirror")
    _git(folder, "checkout", "--quiet", "--force", "--detach", expected, source=url)
    return expected


def _head(folder: Path) -> str | None:
    """Return the commit a checkout is at, None if there is none yet."""
    if not (folder / ".git").exists():
        return None
    return _parse(folder, "HEAD")


def _expected(repository: Repository, folder: Path) -> str | None:
    """Return the commit of the pinned revision, None if the checkout does not know the tag."""
    if repository.is_commit:
        return repository.revision
    return _parse(folder, f"refs/tags/{repository.revision}")


def _parse(folder: Path, name: str) -> str | None:
    done = _run(folder, ["rev-parse", "--quiet", "--verify", f"{name}^{{commit}}"])
    return done.stdout.strip() if done.returncode == 0 else None


def _git(folder: Path, *words: str, source: str | None = None) -> str:
    """Run git in a folder and return what it printed.

    Raises:
        CheckoutError: If git fails; the sentence holds git's own reason.
    """
    done = _run(folder, list(words))
    if done.returncode == 0:
        return done.stdout
    lines = [line for line in done.stderr.splitlines() if not line.startswith(("warning:", "hint:"))]
    reason = next(
        (line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "no reason"
    )
    if source is None:
        raise CheckoutError(f"git {words[0]} failed in {folder}: {reason}")
    raise CheckoutError(
        f"{source} could not be fetched: {reason} (check the network and run this command again, or name a --mirror)"
    )


def _run(folder: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    # Variables like GIT_DIR, set inside git hooks, would make git work on another repository.
    private = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY")
    environment = {name: value for name, value in os.environ.items() if name not in private}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    return subprocess.run(
        ["git", "-C", str(folder), *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )

"""Running Snakemake in a copy of the project."""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ["Snakefile", "config.yaml", "config", "envs", "lib", "profiles", "workflow"]


def copy_project(folder):
    """Copy all that a run needs into a new folder."""
    folder.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / part, ignore=ignore)
        else:
            shutil.copy(source, folder / part)
    return folder


STEP = "        self.done += amount\n"  # what every step of a training does
SLOW_STEP = f"        time.sleep(0.3 if Path('slow').exists() else 0)\n{STEP}"


def slow_down(folder):
    """Have a copy train slowly enough to be caught while a file `slow` is there."""
    progress = folder / "lib/progress.py"
    assert STEP in progress.read_text()
    progress.write_text(progress.read_text().replace(STEP, SLOW_STEP))
    (folder / "slow").touch()


@functools.cache
def find_network_cut():
    """The command within which there is no network; none where that is not permitted."""
    if not shutil.which("unshare"):
        return ()
    command = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--map-root-user", "--net")
    is_permitted = subprocess.run([*command, "true"], capture_output=True).returncode == 0
    return command if is_permitted else ()


def snakemake(folder, *arguments, check=True, config="config/tiny.yaml", within=()):
    """Run Snakemake in a folder, `within` another command; what it printed is in the result."""
    command = [*within, sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    if config:
        command += ["--configfile", config]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    result = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=environment, timeout=1800
    )
    if check and result.returncode:
        raise AssertionError(result.stdout[-3000:] + result.stderr[-3000:])
    return result

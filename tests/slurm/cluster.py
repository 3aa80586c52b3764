"""A SLURM of two nodes with one GPU each on this machine, for as long as a `with` block lasts.

It is Debian's own SLURM with its own daemons: only the nodes share a machine, and a GPU is an empty
file, so jobs that ask for one wait for it like anywhere else and then compute on the CPU.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

PACKAGES = ["slurm-wlm", "munge"]
DAEMONS = {"slurmctld", "slurmd", "munged"}
NODES = ["n1", "n2"]
CONFIG = Path("/etc/slurm")
SOCKET = Path("/run/munge/munge.socket.2")
# Finished jobs are kept for an hour: the tests ask what they had asked for. A dead node is noticed
# after half a minute, and a job that is queued again may start after `cred_expire` (SLURM's own
# default is two minutes). What the partition `urgent` needs is taken from jobs of the others, which
# are told (SIGTERM), given the grace time to end, and queued again.
SLURM_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire=15
StateSaveLocation={state}/controller
SlurmdSpoolDir={state}/%n
SlurmctldPidFile={state}/controller.pid
SlurmdPidFile={state}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=3600
KillWait=5
SlurmdTimeout=30
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
NodeName=n[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[17001-17002] CPUs=2 RealMemory=12000 \
Gres=gpu:1
PartitionName=cpu Nodes=n[1-2] Default=YES GraceTime=30
PartitionName=gpu Nodes=n[1-2] GraceTime=30
PartitionName=urgent Nodes=n[1-2] PriorityTier=10 PreemptMode=OFF
"""


class PackagesError(RuntimeError):
    """Debian's packages cannot be had here: there is no network, or no archive that has them."""


def find_obstacle() -> str | None:
    """Why no SLURM can be set up here, None if nothing is in the way."""
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists():
        return "a SLURM is set up by root on Debian only"
    alive = (each for each in psutil.process_iter() if each.status() != psutil.STATUS_ZOMBIE)
    running = {process.name() for process in alive} & DAEMONS
    if running:
        return f"{', '.join(sorted(running))} runs on this machine already"
    if (CONFIG / "slurm.conf").exists():
        return f"{CONFIG}/slurm.conf is there already"
    return None


@contextlib.contextmanager
def run_cluster() -> Iterator[None]:
    """Install SLURM, start it, and afterwards take all of it away again, after a SIGTERM, too.

    Raises:
        PackagesError: it cannot be installed.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_interrupt_on_sigterm())
        stack.enter_context(_install())
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurm-")))
        stack.enter_context(_write_config(state))
        logs = stack.enter_context(open(state / "daemons.log", "w"))
        if not SOCKET.parent.exists():
            SOCKET.parent.mkdir()
            stack.callback(shutil.rmtree, SOCKET.parent)
        shutil.chown(SOCKET.parent, "munge", "munge")
        stack.enter_context(_run_daemon(["munged", "--foreground"], logs, user="munge"))
        wait_until(SOCKET.exists, "munged listens")
        stack.enter_context(_run_daemon(["slurmctld", "-D", "-c"], logs))
        for node in NODES:
            stack.enter_context(run_node(node, logs))
        wait_until(_is_ready, "both nodes are idle")
        stack.callback(_end_jobs)
        yield


@contextlib.contextmanager
def run_node(node: str, logs=subprocess.DEVNULL) -> Iterator[None]:
    """Run a node's daemon, which asks the controller for work."""
    with _run_daemon(["slurmd", "-D", "-N", node], logs):
        yield


def crash(node: str) -> None:
    """Kill a node's daemon and all processes of its jobs at once, as a power cut would."""
    running = [job for job in list_jobs() if job["JobState"] == "RUNNING"]
    steps = tuple(f"slurmstepd: [{j['JobId']}." for j in running if j["NodeList"] == node)
    victims = []
    for process in psutil.process_iter():
        command = " ".join(process.cmdline())
        if command == f"slurmd -D -N {node}":
            victims.append(process)
        elif command.startswith(steps):
            victims += [process, *process.children(recursive=True)]
    for victim in victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()


def list_jobs() -> list[dict[str, str]]:
    """All jobs in the order of their submission, finished ones too, as `scontrol` names things."""
    lines = run("scontrol", "show", "job", "--oneliner").splitlines()
    fields = (line.split() for line in lines if line.startswith("JobId="))
    jobs = [dict(field.partition("=")[::2] for field in job) for job in fields]
    return sorted(jobs, key=lambda job: int(job["JobId"]))


def run(*command: str, seconds: float | None = 300) -> str:
    """What a command prints.

    Raises:
        RuntimeError: the command failed; the message says how.
        subprocess.TimeoutExpired: it took longer than so many seconds.
    """
    result = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)}: {result.stderr.strip()}")
    return result.stdout


@contextlib.contextmanager
def _install() -> Iterator[None]:
    """What is missing of Debian's packages; afterwards exactly what that brought is removed.

    A SLURM without a controller would slow down whatever asks for it: it waits for an answer.
    """
    if all(shutil.which(daemon) for daemon in DAEMONS):
        yield
        return
    apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    before = _list_packages()
    try:
        run(*apt, "update")
        run(*apt, "install", "--download-only", "--no-install-recommends", *PACKAGES)
    except RuntimeError as error:
        raise PackagesError(f"SLURM cannot be installed: {error}") from error
    try:
        run(*apt, "install", "--no-install-recommends", *PACKAGES)
        yield
    finally:
        # without a limit: half removed would be worse than late
        run(*apt, "purge", *sorted(_list_packages() - before), seconds=None)


def _list_packages() -> set[str]:
    return set(run("dpkg-query", "--show", "--showformat=${Package}\\n").split())


@contextlib.contextmanager
def _write_config(state: Path) -> Iterator[None]:
    config = {
        "slurm.conf": SLURM_CONF.format(host=socket.gethostname().partition(".")[0], state=state),
        "gres.conf": "".join(
            f"NodeName={node} Name=gpu File={state}/gpu-{node}\n" for node in NODES
        ),
    }
    for node in NODES:
        (state / f"gpu-{node}").touch()
    for name, text in config.items():
        (CONFIG / name).write_text(text)
    try:
        yield
    finally:
        for name in config:
            (CONFIG / name).unlink()


@contextlib.contextmanager
def _run_daemon(command: list[str], logs, user: str | None = None) -> Iterator[None]:
    # In a session of its own: Ctrl-C is for the tests, which then end the daemons in their order.
    process = subprocess.Popen(
        command, stdout=logs, stderr=logs, user=user, group=user, start_new_session=True
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _interrupt_on_sigterm() -> Iterator[None]:
    """Python would end at once, and leave SLURM behind: end as after Ctrl-C."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _is_ready() -> bool:
    with contextlib.suppress(RuntimeError):  # no answer yet
        return len(run("sinfo", "-h", "-N", "-p", "cpu", "-t", "idle").splitlines()) == len(NODES)
    return False


def _end_jobs() -> None:
    run("scancel", "--user", "root")
    wait_until(lambda: not run("squeue", "-h"), "no job is left")


def wait_until(is_done, what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s in vain until {what}")
        time.sleep(0.2)

"""One training by several processes, a GPU for each, with every batch divided among them.

PyTorch's launcher (torchrun) starts the processes. Each embeds its part of a batch; the embeddings
are gathered with their gradients, so that each process has the loss of the whole batch, with all
its negatives; and DistributedDataParallel averages the gradients of the weights. The step is that
of one process on the whole batch, to rounding, as in open_clip's and LaCLIP's training.
"""

import atexit
import ctypes
import os
import signal
import sys
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from lib.devices import hold_visible_gpus, select_device

_PR_SET_PDEATHSIG = 1  # linux/prctl.h: the signal that a process gets when its parent ends


@dataclass(frozen=True)
class Group:
    """The processes of one training, seen from one of them: its number and how many there are.

    The first (rank 0) alone writes files. To a group of one, nothing here makes a difference.
    """

    rank: int = 0
    size: int = 1

    def part(self, rows: torch.Tensor) -> torch.Tensor:
        """This process's part of a batch, whose length is a multiple of the group's size."""
        return rows.chunk(self.size)[self.rank]

    def gather(self, embeddings: torch.Tensor) -> torch.Tensor:
        """The embeddings (batch, dim) of all parts, in their order, of this one's (part, dim).

        The gradient of a part is the sum of the gradients that all processes have for it.
        """
        return embeddings if self.size == 1 else _Gather.apply(embeddings, self)

    def prepare(self, model: torch.nn.Module) -> torch.nn.Module:
        """A model whose batch statistics, where it has any, are those of whole batches.

        Raises:
            ValueError: it has batch statistics and is on the CPU, where PyTorch cannot share them.
        """
        has_statistics = any(isinstance(module, _BatchNorm) for module in model.modules())
        if self.size == 1 or not has_statistics:
            return model
        if next(model.parameters()).device.type == "cpu":
            raise ValueError(
                f"a model with batch normalisation is trained by {self.size} processes on the CPU; "
                "expected GPUs, a model without batch normalisation, or gpus.pretrain: 1"
            )
        from timm.layers import convert_sync_batchnorm  # knows timm's own layers, too

        return convert_sync_batchnorm(model)

    def replicate(self, model: torch.nn.Module) -> torch.nn.Module:
        """The model to call in training: its gradients are averaged over all processes."""
        return model if self.size == 1 else DistributedDataParallel(model)

    def dismiss_others(self) -> None:
        """End this process, with success, unless it is the first: what follows is for one."""
        if self.rank:
            raise SystemExit(0)

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process: all must ask together, and get one answer."""
        if self.size == 1:
            return flag
        device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        is_set = torch.tensor(int(flag), device=device)
        distributed.all_reduce(is_set, distributed.ReduceOp.MAX)
        return bool(is_set)


ALONE = Group()


def start_processes(count: int, device: str) -> tuple[torch.device, Group]:
    """Have this script run by `count` processes: in each, its device and its place among them.

    The process that asks first becomes torchrun, which starts the script anew in every process.
    It holds their GPUs until it ends (`lib.gpus`).

    Args:
        device: the config's `device`. On the CPU, the processes share its cores.

    Raises:
        ValueError: there are fewer GPUs than processes.
    """
    if count == 1:
        return select_device(device), ALONE
    if not distributed.is_torchelastic_launched():
        _become_torchrun(count, device)
    if sys.platform == "linux":  # a torchrun that is killed takes its processes along
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    chosen = select_device(device, int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    atexit.register(_leave)
    return chosen, Group(distributed.get_rank(), distributed.get_world_size())


def _leave() -> None:
    """Leave the group, once all do. After an error do not wait for the others.

    They may be in the middle of a step and wait for this process: both would stand still until
    NCCL's watchdog ends them minutes later. torchrun ends them as soon as this one is gone.
    """
    if not hasattr(sys, "last_value"):  # of an error that ended the program
        distributed.destroy_process_group()


class _Gather(torch.autograd.Function):
    """PyTorch's own gather with gradient, `torch.distributed.nn.all_gather`, is deprecated."""

    @staticmethod
    def forward(ctx: Any, part: torch.Tensor, group: Group) -> torch.Tensor:
        ctx.group = group
        parts = [torch.empty_like(part) for _ in range(group.size)]
        distributed.all_gather(parts, part.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return ctx.group.part(total), None


def _become_torchrun(count: int, device: str) -> None:
    gpus = hold_visible_gpus(device, count)
    environment = os.environ | {"OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // count))}
    if gpus:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *launcher, *sys.argv], environment)

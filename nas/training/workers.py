# SPDX-License-Identifier: Apache-2.0
"""A training divided among processes: each takes its part of every batch."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import distributed, multiprocessing

from mcuforge.errors import CompileError, UserError
from mcuforge.nas.training import checkpoint as checkpoints
from mcuforge.nas.training.checkpoint import Float
from mcuforge.nas.training.devices import one_thread
from mcuforge.nas.training.run import Job, Progress, Run
from mcuforge.nas.training.weights import Weights

PEER_LOST = 3  # exit status of a worker that another one left alone
PATIENCE = timedelta(minutes=10)  # with a worker that does not answer
GRACE_SECONDS = 5.0  # for the other workers to notice that one ended
LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"


def train_in_processes(
    job: Job, checkpoint: Path | None, progress: Progress | None, save_seconds: float
) -> None:
    """Train `job.weights` in place with `recipe.workers` processes of one thread; see `train`.

    Raises CompileError when a worker ends too early; the checkpoint stays, and no process does.
    """
    count = job.recipe.workers
    # tensors would be shared with the processes, which then change them all at once
    arrays = {name: w.detach().cpu().numpy() for name, w in job.weights.tensors.items()}
    sent = replace(job, weights=Weights({}))
    context = multiprocessing.get_context("spawn")
    with TemporaryDirectory(prefix="mcuforge-workers-") as folder:
        processes, pipes = [], []
        try:
            for rank in range(count):
                mine, theirs = context.Pipe(duplex=False)
                process = context.Process(
                    target=_work,
                    args=(sent, arrays, rank, Path(folder), theirs, checkpoint, save_seconds),
                    daemon=True,
                )
                process.start()
                theirs.close()
                processes.append(process)
                pipes.append(mine)
            _follow(processes, pipes, checkpoint, progress)
            _, trained = checkpoints.read(Path(folder) / "trained.npz", job.identity)
        finally:
            for process in processes:
                process.kill()
                process.join()
                process.close()
            for pipe in pipes:
                pipe.close()
    run = Run(job, torch.device("cpu"))
    run.load(trained)
    run.give_back()


def _follow(
    processes: list[multiprocessing.Process],
    pipes: list[Connection],
    checkpoint: Path | None,
    progress: Progress | None,
) -> None:
    """Pass the first worker's progress on until all have ended well, or raise CompileError."""
    waiting = dict(zip(pipes, processes, strict=True))
    while waiting:
        ready = wait(waiting)
        for pipe in [pipe for pipe in waiting if pipe in ready]:
            try:
                message = pipe.recv()
            except EOFError:  # the worker has ended
                process = waiting.pop(pipe)
                process.join()
                if process.exitcode != 0:
                    raise _early_end(processes, checkpoint) from None
                continue
            if isinstance(message, UserError):
                raise message
            if progress is not None:
                progress(*message)


def _early_end(processes: list[multiprocessing.Process], checkpoint: Path | None) -> CompileError:
    """The error about the worker that ended first, not about those it left alone."""
    for process in processes:
        process.join(GRACE_SECONDS)
    codes = [process.exitcode for process in processes]
    rank = next((i for i, code in enumerate(codes) if code not in (None, 0, PEER_LOST)), 0)
    code = codes[rank]
    how = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
    return CompileError(
        f"worker {rank + 1} of {len(processes)} ended with {how} before the training was over",
        "training" if checkpoint is None else str(checkpoint),
        "check the memory of the machine and train again: it continues from the checkpoint"
        if checkpoint is not None
        else "check the memory of the machine, and train with a checkpoint to continue from",
    )


def _work(
    job: Job,
    arrays: dict[str, Float],
    rank: int,
    folder: Path,
    pipe: Connection,
    checkpoint: Path | None,
    save_seconds: float,
) -> None:
    """Be worker `rank`. The first one tells the parent about its progress and saves."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends us
    os.environ.setdefault("GLOO_SOCKET_IFNAME", LOOPBACK)
    store = distributed.FileStore(str(folder / "meeting"), job.recipe.workers)
    distributed.init_process_group(
        "gloo", store=store, rank=rank, world_size=job.recipe.workers, timeout=PATIENCE
    )
    weights = Weights({name: torch.from_numpy(array) for name, array in arrays.items()})
    with one_thread():
        mine = replace(job, weights=weights, rounding=job.rounding and job.rounding.copy())
        run = Run(mine, torch.device("cpu"), rank, Gloo())
        try:
            told = (lambda *message: pipe.send(message)) if rank == 0 else None
            run.all_steps(checkpoint, told, save_seconds)
        except UserError as error:
            pipe.send(error)
            return
        except (BrokenPipeError, PeerLost):
            sys.exit(PEER_LOST)
        if rank == 0:
            done = job.recipe.steps
            checkpoints.write(folder / "trained.npz", job.identity, done, run.arrays())
        distributed.barrier()
    distributed.destroy_process_group()


class PeerLost(Exception):
    """Says that another worker does not answer."""


class Gloo:
    """Brings numbers together with PyTorch's `gloo`; see run.Exchange."""

    def add(self, tensors: list[torch.Tensor]) -> None:
        """Sum tensors over all workers; one message for all of them."""
        joined = torch.cat([tensor.flatten() for tensor in tensors])
        _all_reduce(joined, distributed.ReduceOp.SUM)
        parts = joined.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def most(self, tensor: torch.Tensor) -> None:
        """Take the maxima over all workers."""
        _all_reduce(tensor, distributed.ReduceOp.MAX)


def _all_reduce(tensor: torch.Tensor, how: object) -> None:
    try:
        distributed.all_reduce(tensor, how)
    except RuntimeError as error:  # gloo's only kind
        raise PeerLost(str(error)) from None

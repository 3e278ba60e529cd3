# SPDX-License-Identifier: Apache-2.0
"""A training divided among the machines of a Ray cluster: each worker is an actor of one CPU.

The workers' numbers come together as in workers.py, so the same number of workers gives the same
bits on one machine and on several. The state comes to the driver from time to time. When a worker
or its machine is lost, all start anew from there.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import distributed

from mcuforge.errors import CompileError
from mcuforge.nas.training import checkpoint as checkpoints
from mcuforge.nas.training.checkpoint import Float
from mcuforge.nas.training.devices import one_thread
from mcuforge.nas.training.run import Job, Progress, Run
from mcuforge.nas.training.weights import Weights
from mcuforge.nas.training.workers import LOOPBACK, PATIENCE, Gloo, PeerLost
from mcuforge.report.files import write_whole

POLL_SECONDS = 0.5  # between two looks at the first worker
LOSSES = 5  # of workers without a checkpoint between them, before the training is given up
LOCALHOST = "127.0.0.1"


@dataclass(frozen=True)
class Meeting:
    """Where the workers find each other. `alone`: they are all on one machine."""

    host: str
    port: int
    alone: bool


@dataclass(frozen=True, eq=False)
class OnCluster:
    """Divides trainings among actors of the cluster that `ray` is connected to; see run.Divided."""

    ray: Any

    def __call__(
        self, job: Job, checkpoint: Path | None, progress: Progress | None, save_seconds: float
    ) -> None:
        """Train `job.weights` in place with `job.recipe.workers` actors.

        Raises CompileError when workers are lost again and again.
        """
        arrays = {name: w.detach().cpu().numpy() for name, w in job.weights.tensors.items()}
        sent = self.ray.put((replace(job, weights=Weights({})), arrays))
        with TemporaryDirectory(prefix="mcuforge-cluster-") as folder:
            state = checkpoint or Path(folder) / "checkpoint.npz"
            trained = self._patiently(job, sent, state, progress, save_seconds)
        run = Run(job, torch.device("cpu"))
        run.load(trained)
        run.give_back()

    def _patiently(
        self, job: Job, sent: Any, state: Path, progress: Progress | None, save_seconds: float
    ) -> Mapping[str, Float]:
        """Train until it is done, anew from `state` whenever a worker is lost."""
        losses, known = 0, b""
        while True:
            try:
                return self._train(job, sent, state, progress, save_seconds)
            except (PeerLost, self.ray.exceptions.RayError) as error:
                now = state.read_bytes() if state.exists() else b""
                losses = losses + 1 if now == known else 1
                known = now
                if losses > LOSSES:
                    found = str(error).strip().partition("\n")[0]
                    raise CompileError(
                        f"the workers of the training were lost {losses} times: {found}",
                        f"Ray, {job.recipe.workers} workers",
                        "look for a lack of memory on its machines; the same command goes on from "
                        "the last checkpoint",
                    ) from error

    def _train(
        self, job: Job, sent: Any, state: Path, progress: Progress | None, save_seconds: float
    ) -> Mapping[str, Float]:
        """Train with new actors. Raises PeerLost or RayError when one is lost."""
        ray = self.ray
        self._refuse_too_few(job.recipe.workers)
        # the second thread answers while the first one trains
        actor = ray.remote(num_cpus=1, max_concurrency=2, scheduling_strategy="SPREAD")(Worker)
        actors = [actor.remote() for _ in range(job.recipe.workers)]
        try:
            hosts = self._begun([a.host.remote() for a in actors])
            port = ray.get(actors[0].free_port.remote())
            alone = len(set(hosts)) == 1
            meeting = Meeting(LOCALHOST if alone else hosts[0], port, alone)
            begun = state.read_bytes() if state.exists() else b""
            ends = [
                a.train.remote([sent], rank, meeting, begun, save_seconds)
                for rank, a in enumerate(actors)
            ]
            left, told = ends, None
            while left:
                ready, left = ray.wait(left, timeout=POLL_SECONDS)
                _raise_what_was_raised(ray, ready)
                message, saved = ray.get(actors[0].news.remote())
                if saved:
                    write_whole(state, saved)
                if progress is not None and message is not None and message != told:
                    progress(*message)
                    told = message
            found: Mapping[str, Float] = ray.get(ends[0])
            checkpoints.write(state, job.identity, job.recipe.steps, found)
            return found
        finally:
            for a in actors:
                ray.kill(a)

    def _refuse_too_few(self, workers: int) -> None:
        there = int(self.ray.cluster_resources().get("CPU", 0))
        if there < workers:
            raise CompileError(
                f"{workers} workers are to train together, the cluster has {there} CPUs",
                "--workers and --ray-address",
                f"--workers {there}, which gives another result, or add nodes to the cluster",
            )

    def _begun(self, hosts: Sequence[Any]) -> list[str]:
        """The workers' addresses, once all have begun; CompileError when CPUs stay busy."""
        seconds = PATIENCE.total_seconds()
        try:
            found: list[str] = self.ray.get(list(hosts), timeout=seconds)
        except self.ray.exceptions.GetTimeoutError:
            raise CompileError(
                f"{len(hosts)} workers did not begin to train within {seconds:.0f} s",
                "Ray, whose CPUs other work may hold",
                "wait until the cluster is free; the same command goes on from the last checkpoint",
            ) from None
        return found


def _raise_what_was_raised(ray: Any, ready: Sequence[Any]) -> None:
    """Raise what a worker raised that has ended, as itself."""
    try:
        ray.get(ready)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None


class Worker:
    """One worker, an actor. Its first thread trains, the second one tells how far it is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._message: tuple[int, int, float] | None = None
        self._file: Path | None = None
        self._seen = 0.0  # when the file that was sent last was written

    def host(self) -> str:
        """The address of this machine in the cluster."""
        import ray

        return str(ray.util.get_node_ip_address())

    def free_port(self) -> int:
        """A port of this machine that nobody listens at."""
        with socket.socket() as found:
            found.bind(("", 0))
            return int(found.getsockname()[1])

    def news(self) -> tuple[tuple[int, int, float] | None, bytes]:
        """What progress was told last, and a checkpoint that was not sent yet, or nothing."""
        with self._lock:
            message, file = self._message, self._file
        try:
            if file is None or file.stat().st_mtime == self._seen:
                return message, b""
            self._seen = file.stat().st_mtime
            return message, file.read_bytes()
        except FileNotFoundError:  # none yet, or the training is over
            return message, b""

    def train(
        self, sent: Sequence[Any], rank: int, meeting: Meeting, begun: bytes, save_seconds: float
    ) -> Mapping[str, Float]:
        """Be worker `rank`; the first one returns the trained run's float32 arrays in their shapes.

        sent: the job and its weights, in a list so that Ray keeps the reference. begun: a
        checkpoint's bytes, or nothing. Raises PeerLost when another worker is lost.
        """
        import ray

        job, arrays = ray.get(sent[0])
        if meeting.alone:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", LOOPBACK)
        count = job.recipe.workers
        try:
            store = distributed.TCPStore(meeting.host, meeting.port, count, rank == 0, PATIENCE)
            distributed.init_process_group(
                "gloo", store=store, rank=rank, world_size=count, timeout=PATIENCE
            )
        except (RuntimeError, ValueError) as error:
            raise PeerLost(str(error)) from None
        weights = Weights({name: torch.from_numpy(a.copy()) for name, a in arrays.items()})
        mine = replace(job, weights=weights, rounding=job.rounding and job.rounding.copy())
        with TemporaryDirectory(prefix="mcuforge-worker-") as folder, one_thread():
            checkpoint = Path(folder) / "checkpoint.npz"
            if begun:
                checkpoint.write_bytes(begun)
            run = Run(mine, torch.device("cpu"), rank, Gloo())
            if rank == 0:
                with self._lock:
                    self._file = checkpoint
            run.all_steps(checkpoint, self._tell, save_seconds)
            return run.arrays() if rank == 0 else {}

    def _tell(self, *message: Any) -> None:
        with self._lock:
            self._message = message

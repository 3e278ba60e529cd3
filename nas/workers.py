# SPDX-License-Identifier: Apache-2.0
"""Runs a function on many items: in this process, or as Ray tasks on this machine or a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from mcuforge.errors import CompileError

A = TypeVar("A")
B = TypeVar("B")
QUIET = {"log_to_driver": False, "logging_level": "error"}
RETRIES = 5  # of a task whose worker died


class Workers(Protocol):
    """Maps a function over items."""

    def map(self, function: Callable[[A], B], items: Sequence[A]) -> Iterator[tuple[A, B]]:
        """Yield items with their results as they come; the order may be any.

        The function and what it holds must be picklable, and its result a matter of the item alone.
        """
        ...


class Here:
    """One item after the other, in this process; see Workers."""

    def map(self, function: Callable[[A], B], items: Sequence[A]) -> Iterator[tuple[A, B]]:
        """Yield in the order of the items; see Workers."""
        for item in items:
            yield item, function(item)


class RayWorkers:
    """Tasks of one CPU each; a task whose worker dies is run again; see Workers."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._shared: tuple[object, Any] = (None, None)

    def map(self, function: Callable[[A], B], items: Sequence[A]) -> Iterator[tuple[A, B]]:
        """Yield as tasks end; the function is sent to each node once; see Workers."""
        ray = self._ray
        if self._shared[0] is not function:
            self._shared = (function, ray.put(function))
        task = ray.remote(num_cpus=1, max_retries=RETRIES)(_call)
        waiting = {task.remote(self._shared[1], item): item for item in items}
        while waiting:
            done, _ = ray.wait(list(waiting), num_returns=1)
            for reference in done:
                try:
                    yield waiting.pop(reference), ray.get(reference)
                except ray.exceptions.WorkerCrashedError as error:
                    raise CompileError(
                        f"a worker died {RETRIES + 1} times over one task: {error}",
                        "the search's workers",
                        "look for a lack of memory; the same command goes on from here",
                    ) from error


def _call(function: Callable[[A], B], item: A) -> B:
    return function(item)


@contextmanager
def ray_workers(address: str | None = None, cpus: int | None = None) -> Iterator[RayWorkers]:
    """Workers of Ray: of the cluster at `address`, or `cpus` of this machine (None: all).

    Raises CompileError when Ray is missing or the cluster does not answer.
    """
    try:
        import ray
    except ImportError:
        raise CompileError(
            "Ray is not installed, expected it for parallel work",
            "--workers" if address is None else f"--ray-address {address}",
            "pip install 'mcuforge[nas]', or --workers 1",
        ) from None
    try:
        if address is None:
            os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # else a token is left at home
            ray.init(num_cpus=cpus, include_dashboard=False, **QUIET)
        else:
            ray.init(address=address, **QUIET)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise CompileError(
            f"Ray does not start: {str(error).splitlines()[0]}",
            "this machine" if address is None else f"--ray-address {address}",
            "start a cluster with `ray start --head`, or leave --ray-address out",
        ) from error
    try:
        yield RayWorkers(ray)
    finally:
        ray.shutdown()

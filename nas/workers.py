# SPDX-License-Identifier: Apache-2.0
"""Runs a function on many items: in this process, or as Ray tasks on this machine or a cluster."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Protocol, TypeVar

from mcuforge.errors import CompileError
from mcuforge.garbage import collect_rarely

A = TypeVar("A")
B = TypeVar("B")
QUIET = {"log_to_driver": False, "logging_level": "error"}
PATIENCE_S = 10.0  # for a cluster's address to answer
RETRIES = 5  # of a task whose worker died
AHEAD = 2  # tasks per CPU that are handed out at a time


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
    """Tasks of one CPU each; a task whose worker or node dies is run again; see Workers.

    `ray`: the package, connected to a cluster.
    """

    def __init__(self, ray: Any) -> None:
        self.ray = ray
        self._sent: list[tuple[object, Any]] = []  # functions, and where the object store has them

    def map(self, function: Callable[[A], B], items: Sequence[A]) -> Iterator[tuple[A, B]]:
        """Yield as tasks end; the function is sent to each node once; see Workers.

        What the function raises comes through. Raises CompileError when a task's workers die over
        and over, or when the cluster is lost.
        """
        ray = self.ray
        task = ray.remote(num_cpus=1, max_retries=RETRIES)(_call)
        left = iter(items)
        waiting: dict[Any, A] = {}
        try:
            sent = self._sent_once(function)
            most = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
            while True:
                for item in islice(left, most - len(waiting)):
                    waiting[task.remote([sent], item)] = item
                if not waiting:
                    return
                (done, *_), _ = ray.wait(list(waiting), num_returns=1)
                item = waiting.pop(done)
                yield item, ray.get(done)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, ray.exceptions.RayError):
                raise _lost(error.cause) from error
            raise error.cause from None
        except ray.exceptions.RayError as error:
            raise _lost(error) from error
        finally:
            for reference in waiting:  # of a search that stopped
                ray.cancel(reference)

    def _sent_once(self, function: object) -> Any:
        """Where the object store has a function; it stays there for the next call."""
        for known, reference in self._sent:
            if known is function:
                return reference
        reference = self.ray.put(function)
        self._sent.append((function, reference))
        return reference


def _lost(error: Exception) -> CompileError:
    found = str(error).strip().partition("\n")[0]
    return CompileError(
        f"the workers of the search were lost: {found}",
        f"Ray, after {RETRIES + 1} tries",
        "look for a lack of memory on its machines; the same command goes on from here",
    )


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {}
"""What this worker process was sent; functions keep what they remember from task to task."""


def _call(sent: Sequence[Any], item: object) -> object:
    """Call the function that the object store has; in a list, Ray does not unpack it every time."""
    import ray

    (reference,) = sent
    name = reference.hex()
    if name not in _FUNCTIONS:
        collect_rarely()
        _FUNCTIONS[name] = ray.get(reference)
    return _FUNCTIONS[name](item)


@contextmanager
def ray_workers(address: str | None = None, cpus: int | None = None) -> Iterator[RayWorkers]:
    """Workers of Ray: of the cluster at `address`, or `cpus` of this machine (None: all).

    Raises CompileError when Ray is missing or the cluster does not answer.
    """
    # told to end, a program of ours leaves its contexts; Ray would print a stack trace of C++ first
    os.environ.setdefault("RAY_DISABLE_FAILURE_SIGNAL_HANDLER", "1")
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
            # "local": not the cluster that RAY_ADDRESS may name
            os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # else a token is left at home
            ray.init("local", num_cpus=cpus, include_dashboard=False, **QUIET)
        else:
            _reach(address)
            ray.init(address=address, **QUIET)
    except (RuntimeError, ValueError, OSError, OverflowError) as error:
        found = str(error).strip().partition("\n")[0] or type(error).__name__
        raise CompileError(
            f"Ray does not start: {found}",
            "this machine" if address is None else f"--ray-address {address}",
            "start a cluster with `ray start --head`, or leave --ray-address out",
        ) from error
    try:
        yield RayWorkers(ray)
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raise OSError where nobody listens at host:port; Ray itself tries for two minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host, int(port)), PATIENCE_S).close()

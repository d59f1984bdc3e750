"""A container for each episode, and ``docker exec`` for each command, as most projects do it."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
from docker.errors import NotFound
from docker.models.containers import Container

from benchmarks.memory import descendants, parents
from benchmarks.programs import naive_grade
from mle_gym.datasets.prepare import prepare
from mle_gym.sandbox.docker.daemon import connect, remove
from mle_gym.sandbox.docker.image import image_name

__all__ = ["DockerExecSession", "container_processes", "probe"]

WORKSPACE = "/workspace"
LABEL = "mle-gym.benchmark"


def probe() -> None:
    """Raise :class:`~mle_gym.errors.SandboxUnavailable` if there is no daemon or no image."""
    from mle_gym.sandbox.docker.backend import DockerBackend

    DockerBackend().check()


class DockerExecSession:
    """A container that sleeps, with the data mounted read-only and our image and limits."""

    def __init__(self, task: str) -> None:
        self._task = task
        self._client = connect()
        self._begin()

    def _begin(self) -> None:
        data = str(prepare(self._task).public.absolute())
        self._container = _start(
            self._client, image_name(), volumes={data: {"bind": f"{WORKSPACE}/data", "mode": "ro"}}
        )

    def reset(self) -> None:
        self.close()
        self._begin()

    def trivial(self) -> None:
        self.shell("true")

    def shell(self, command: str) -> None:
        self._output(command)

    def write(self, path: str, content: str) -> None:
        text = base64.b64encode(content.encode()).decode()
        self._output(f"echo {text} | base64 -d > {shlex.quote(path)}")

    def script(self, path: str) -> None:
        self._output(f"python3 {path}")

    def cell(self, code: str) -> None:
        raise NotImplementedError("each command is a process of its own")

    def submit(self, path: str) -> float:
        return naive_grade(io.BytesIO(self._output(f"cat {shlex.quote(path)}")), self._task)

    def snapshot(self) -> Callable[[], object]:
        image = self._container.commit()
        return lambda: self._client.images.remove(str(image.id), force=True)

    def fork(self) -> Callable[[], object]:
        image = self._container.commit()
        twin = _start(self._client, str(image.id))
        twin.exec_run(["bash", "-c", "true"])

        def end() -> None:
            remove(self._client, str(twin.id))
            self._client.images.remove(str(image.id), force=True)

        return end

    def processes(self) -> set[int]:
        return container_processes(f"{LABEL}={os.getpid()}")

    def close(self) -> None:
        remove(self._client, str(self._container.id))

    def _output(self, command: str) -> bytes:
        code, output = self._container.exec_run(["bash", "-c", command])
        assert isinstance(output, bytes)
        if code:
            raise RuntimeError(f"{command[:60]!r}: {output[-300:].decode(errors='replace')}")
        return output


def _start(client: docker.DockerClient, image: str, **options: Any) -> Container:
    return client.containers.run(
        image,
        entrypoint=["sleep", "3600"],  # so that a killed benchmark's containers end by themselves
        auto_remove=True,
        command=[],
        detach=True,
        init=False,
        user="0:0",
        working_dir=WORKSPACE,
        network_mode="none",
        mem_limit="2g",
        nano_cpus=10**9,
        labels={LABEL: str(os.getpid())},
        **options,
    )


def container_processes(label: str) -> set[int]:
    """Processes of a local daemon's containers with that label, containerd's helpers included."""
    client, family = connect(), parents()
    roots = set()
    for container in client.api.containers(filters={"label": label}):
        with contextlib.suppress(NotFound):
            pid = client.api.inspect_container(container["Id"])["State"]["Pid"]
            helper = family.get(pid)
            roots |= {helper} if helper and _is_helper(helper) else {pid}
    return descendants(roots) if roots else set()


def _is_helper(pid: int) -> bool:
    """Whether this is containerd's process for one container, and not a shell that runs dockerd."""
    with contextlib.suppress(OSError):
        return "shim" in Path(f"/proc/{pid}/comm").read_text(encoding="utf-8")
    return False

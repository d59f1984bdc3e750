"""One container: its start, what is seen of it from outside, and its end."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException, NotFound

from mle_gym.errors import SandboxCrashed, SandboxUnavailable
from mle_gym.sandbox.docker.container_stream import AttachedStream
from mle_gym.sandbox.docker.container_user import create_container
from mle_gym.sandbox.docker.daemon import first_line, remove
from mle_gym.sandbox.standalone.launcher.control_groups import SOCKET_BYTES
from mle_gym.sandbox.verdict import Evidence

__all__ = ["Container"]

_END_SECONDS = 10.0
"""How long the daemon may take to notice that a container has ended."""
_FIRST = -20
"""The nice value of a runner, which must answer however busy the agent's processes are."""
_MEMORY_GROUPS, _SOCKET_LIMIT = "/sys/fs/cgroup/memory", "memory.kmem.tcp.limit_in_bytes"
_KILLED = str(128 + signal.SIGKILL)
"""The exit code of a killed container, as the daemon writes it."""


class Container:
    """A container whose runner waits for the first word."""

    def __init__(
        self,
        client: docker.DockerClient,
        image: str,
        settings: dict[str, Any],
        gpus: tuple[str, ...],
    ) -> None:
        """Create and start one.

        The container takes input once: when this connection ends, even by ``kill -9``, the runner
        sees the end of its input and leaves, and the daemon removes the container.

        Args:
            client: Connected to the daemon that makes it.
            image: The image's id.
            settings: See :mod:`mle_gym.sandbox.docker.container_settings`.
            gpus: The GPUs among the settings, which explain some failures.

        Raises:
            SandboxUnavailable: The daemon can't pass GPUs, or lacks the runtime.
            SandboxCrashed: It could not be started.
        """
        self._client = client
        self._made = int(time.time())
        with _explained(gpus, settings["runtime"]):
            self.id = create_container(client, image, settings)
            try:
                self.stream = self._start()
            except BaseException:
                with contextlib.suppress(DockerException, OSError):
                    remove(client, self.id)
                raise

    def _start(self) -> AttachedStream:
        """Attach first and start then, so that nothing that the runner says is lost."""
        attached = self._client.api.attach_socket(
            self.id, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        )
        stream = AttachedStream(attached, functools.partial(remove, self._client, self.id))
        try:
            self._client.api.start(self.id)
            if os.geteuid() == 0:
                self._set_as_root()
        except BaseException:
            stream.close()
            raise
        return stream

    def _set_as_root(self) -> None:
        """Set what only root may set, and only on the daemon's own machine.

        The runner gets precedence, which the processes that it starts don't inherit. Control groups
        of version 1 count what waits in sockets only if that has a limit, which the SDK can't set.
        """
        pid = int(self._state().get("Pid") or 0)
        ours = f"{os.sep}{self.id}"
        with contextlib.suppress(OSError):  # it has ended, or its pid means something else here
            groups = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8") if pid else ""
            if ours in groups:
                os.setpriority(os.PRIO_PROCESS, pid, _FIRST)
                for line in groups.splitlines():
                    _, names, path = line.split(":", 2)
                    if "memory" in names.split(","):
                        limit = Path(f"{_MEMORY_GROUPS}{path}/{_SOCKET_LIMIT}")
                        limit.write_text(str(SOCKET_BYTES), encoding="ascii")

    @property
    def open(self) -> bool:
        """Whether nobody has closed it."""
        return self.stream.open

    @property
    def untouched(self) -> bool:
        """Whether it is alive, and nothing has happened since it started."""
        return self.stream.open and self.stream.silent

    def abandon(self) -> None:
        """Let go of it without ending it, in a forked child."""
        self.stream.hang_up()

    def discard(self) -> None:
        """Close it without waiting."""
        self.stream.discard()

    def close(self) -> None:
        """End and remove it."""
        self.stream.close()

    def evidence(self, ended: bool) -> Evidence:
        """Report what the daemon sees of it.

        The daemon removes a container that has ended, but for a while it remembers what happened.

        Args:
            ended: Whether its stream has ended. Then the daemon soon knows how the container ended.
        """
        last, note = time.monotonic() + _END_SECONDS, self.stream.messages
        try:
            while True:
                state, happened = self._state(), self._happened()
                died = happened.get("die")
                if died or not ended or time.monotonic() > last:
                    break
                time.sleep(0.02)
        except (DockerException, OSError):
            return Evidence(note or "the daemon does not answer", supervised=False)
        error = str(state.get("Error") or "")
        return Evidence(
            "; ".join(text for text in (note, error) if text),
            killed=died is not None and died.get("exitCode") == _KILLED,
            stopped=bool(state.get("Paused")),
            own_memory=bool(state.get("OOMKilled")) or "oom" in happened,
        )

    def _state(self) -> dict[str, Any]:
        """The container's state; empty once it is removed."""
        with contextlib.suppress(NotFound):
            return dict(self._client.api.inspect_container(self.id)["State"])
        return {}

    def _happened(self) -> dict[str, dict[str, str]]:
        """Kind to attributes of the daemon's last event of this kind about this container."""
        until: Any = time.time()  # whole seconds would leave out the last events
        events = self._client.api.events(
            since=self._made, until=until, filters={"container": self.id}, decode=True
        )
        return {each["Action"]: each["Actor"].get("Attributes") or {} for each in events}


@contextlib.contextmanager
def _explained(gpus: tuple[str, ...], runtime: str | None) -> Iterator[None]:
    """Turn the SDK's errors into ours, with advice where the cause is known."""
    try:
        yield
    except (DockerException, OSError) as error:
        text = first_line(error)
        if gpus and ("device driver" in text or "nvidia" in text.lower()):
            raise SandboxUnavailable(
                f"gpus={list(gpus)!r}: this Docker daemon can't pass GPUs on ({text}). "
                "Install the NVIDIA Container Toolkit and restart the daemon."
            ) from None
        if runtime and "runtime" in text:
            raise SandboxUnavailable(
                f"runtime={runtime!r}: this Docker daemon does not have it ({text}). "
                "Install it and name it in the daemon's settings; `docker info` lists what it has."
            ) from None
        if "bind source path does not exist" in text or "not shared" in text:
            text += ". The daemon must see this machine's files: use a local one"
        kind = "host_out_of_disk" if "no space left on device" in text else "sandbox_died"
        raise SandboxCrashed(f"the container could not be started: {text}", kind=kind) from None

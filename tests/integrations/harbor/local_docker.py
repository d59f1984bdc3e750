"""Harbor's containers by the Docker SDK alone, for machines without Compose and a registry.

Harbor's own Docker environment needs Docker Compose, and pulls an image of a proxy to keep a
container from the network. This one builds the same Dockerfiles and runs the same steps in real
containers, which have no network where the task says so.
"""

from __future__ import annotations

import asyncio
import io
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any, override

import docker
from harbor.environments.base import BaseEnvironment, ExecResult
from harbor.environments.capabilities import EnvironmentCapabilities
from harbor.models.task.config import NetworkMode
from harbor.models.trial.paths import EnvironmentPaths


class LocalDocker(BaseEnvironment):
    """One container, from the Dockerfile in the environment's folder."""

    @staticmethod
    @override
    def type() -> str:
        return "local-docker"

    @property
    @override
    def capabilities(self) -> EnvironmentCapabilities:
        return EnvironmentCapabilities(disable_internet=True)

    @override
    def _validate_definition(self) -> None:
        if not (self.environment_dir / "Dockerfile").is_file():
            raise FileNotFoundError(self.environment_dir / "Dockerfile")

    @override
    async def start(self, force_build: bool) -> None:
        await asyncio.to_thread(self._start)
        paths = EnvironmentPaths.for_os(self.os)
        await self.ensure_dirs([paths.agent_dir, paths.verifier_dir, paths.artifacts_dir])

    def _start(self) -> None:
        self._client = docker.from_env()
        image, _ = self._client.images.build(path=str(self.environment_dir), rm=True, forcerm=True)
        isolated = self.network_policy.network_mode == NetworkMode.NO_NETWORK
        self._container = self._client.containers.run(
            image.id,
            ["sleep", "infinity"],
            detach=True,
            init=True,
            network_mode="none" if isolated else "bridge",
            mem_limit=f"{self.task_env_config.memory_mb}m",
        )

    @override
    async def stop(self, delete: bool) -> None:
        await asyncio.to_thread(self._container.remove, force=True, v=True)
        await asyncio.to_thread(self._client.close)

    @override
    async def upload_file(self, source_path: Path | str, target_path: str) -> None:
        target = PurePosixPath(target_path)
        await asyncio.to_thread(self._put, Path(source_path), str(target.parent), target.name)

    @override
    async def upload_dir(self, source_dir: Path | str, target_dir: str) -> None:
        await self.exec(f"mkdir -p {target_dir}", user="root")
        await asyncio.to_thread(self._put, Path(source_dir), target_dir, ".")

    def _put(self, source: Path, folder: str, name: str) -> None:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(source, name)
        assert self._container.put_archive(folder, archive.getvalue())

    @override
    async def download_file(self, source_path: str, target_path: Path | str) -> None:
        target = Path(target_path)
        await asyncio.to_thread(self._get, source_path, target.parent)
        target.with_name(PurePosixPath(source_path).name).rename(target)

    @override
    async def download_dir(self, source_dir: str, target_dir: Path | str) -> None:
        await asyncio.to_thread(self._get, f"{source_dir}/.", Path(target_dir))

    def _get(self, source: str, folder: Path) -> None:
        chunks, _ = self._container.get_archive(source)
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
            tar.extractall(folder, filter="data")

    @override
    async def exec(
        self,
        command: str,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        timeout_sec: int | None = None,
        user: str | int | None = None,
    ) -> ExecResult:
        resolved = self._resolve_user(user)
        options: dict[str, Any] = {
            "workdir": cwd or self.task_env_config.workdir,
            "environment": self._merge_env(env),
            "user": "" if resolved is None else str(resolved),
            "demux": True,
        }
        run = asyncio.to_thread(self._container.exec_run, ["bash", "-c", command], **options)
        code, (out, err) = await asyncio.wait_for(run, timeout_sec)
        return ExecResult(
            stdout=(out or b"").decode(), stderr=(err or b"").decode(), return_code=code
        )

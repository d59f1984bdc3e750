"""A user of its own for each container, since the kernel counts much by user.

Watched files, what pipes hold, what epoll watches, descriptors on the way in sockets: of each a
user has so many on the whole machine, and one container would take those of all. Which numbers are
taken the daemon knows: a container's name holds its user's, and no two containers have one name.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError
from docker.types import Mount

from mle_gym.ownership import check_owner, own_cache
from mle_gym.sandbox.docker.daemon import information

__all__ = ["GROUP", "create_container"]

GROUP = 1000
"""The group of all containers' users: the kernel counts nothing by group."""
_USERS = 4096
_FIRST, _FIRST_OF_MAPPED = 690_000, 20_000
"""Numbers that no account has; those of a daemon that maps users end at 65,535."""
_MAPPED = ("name=userns", "name=rootless")
_CONFLICT = 409


def create_container(client: docker.DockerClient, image: str, settings: dict[str, Any]) -> str:
    """Create, and don't start, a container whose user no other container has.

    Args:
        client: Whose daemon makes it.
        image: The image's id.
        settings: The SDK's keyword arguments, without a name and a user. The owner of what
            ``tmpfs`` makes is added.

    Returns:
        Its id.

    Raises:
        DockerException: The daemon refused.
        OSError: The list of users can't be written.
    """
    first = _first_user(client)
    mounts = [*settings["mounts"], Mount("/etc/passwd", str(_accounts(first)), "bind", True)]
    for user in _candidates(first):
        tmpfs = {path: f"{how},uid={user},gid={GROUP}" for path, how in settings["tmpfs"].items()}
        ours = {"name": f"mle-gym-{user}", "user": f"{user}:{GROUP}", "tmpfs": tmpfs}
        try:
            made = client.containers.create(image, **{**settings, **ours, "mounts": mounts})
        except APIError as error:
            if error.status_code != _CONFLICT:
                raise
        else:
            return str(made.id)
    raise OSError(f"this Docker daemon has {_USERS} containers of mle-gym; it can have no more")


def _candidates(first: int) -> Iterator[int]:
    """Each of the users once, in an order of this container's own."""
    yield from random.Random(os.urandom(16)).sample(range(first, first + _USERS), _USERS)


def _first_user(client: docker.DockerClient) -> int:
    options = information(client).get("SecurityOptions") or ()
    return _FIRST_OF_MAPPED if any(each.startswith(_MAPPED) for each in options) else _FIRST


def _accounts(first: int) -> Path:
    """An ``/etc/passwd`` in which each of the users is called ``agent``; made once, atomically."""
    folder = own_cache("programs")
    target = folder / f"accounts-{first}-{_USERS}"
    if not target.exists():
        agents = (f"agent:x:{first + k}:{GROUP}::/tmp:/bin/bash\n" for k in range(_USERS))
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as file:
            file.write("root:x:0:0::/root:/bin/sh\n" + "".join(agents))
        Path(file.name).chmod(0o644)
        Path(file.name).rename(target)
    check_owner(target)
    return target

"""What only the Docker backend does, against a real daemon."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import docker
import pytest

from mle_gym.errors import SandboxCrashed, SandboxUnavailable
from mle_gym.sandbox import Limits, Mount, Sandbox, SandboxConfig
from mle_gym.sandbox.docker import backend as backend_module
from mle_gym.sandbox.docker import daemon
from mle_gym.sandbox.docker.backend import DockerBackend
from mle_gym.sandbox.docker.daemon import connect
from tests.sandbox.conftest import eventually

pytestmark = pytest.mark.docker
Create = Callable[..., Sandbox]

_HOLD = """
import os, sys
from mle_gym.sandbox import SandboxConfig
from mle_gym.sandbox.docker.backend import DockerBackend
sandbox = DockerBackend().create(SandboxConfig(environment=(("MARK", sys.argv[1]),)))
sandbox.execute("setsid sleep 1000 & echo", timeout=10)
print(os.getpid(), flush=True)
sandbox.execute("sleep 1000", timeout=1000)
"""


@pytest.fixture
def create(docker_host: str) -> Iterator[Create]:
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(
            DockerBackend().create(SandboxConfig(**{"preload": (), **options}))
        )


def run(sandbox: Sandbox, command: str, timeout: float = 30) -> str:
    return sandbox.execute(command, timeout=timeout).output.decode().strip()


def containers_of(pid: int) -> list[dict[str, Any]]:
    found = connect().api.containers(all=True, filters={"label": "mle-gym.owner"})
    return [c for c in found if c["Labels"]["mle-gym.owner"].startswith(f"{pid}/")]


# ------------------------------------------------------------------------------------- life cycle


def test_a_host_that_is_killed_leaves_no_container(docker_host: str) -> None:
    with subprocess.Popen([sys.executable, "-c", _HOLD, "x"], stdout=subprocess.PIPE) as host:
        assert host.stdout is not None
        pid = int(host.stdout.readline())
        assert [c["State"] for c in containers_of(pid)] == ["running"]
        os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not containers_of(pid))


def test_close_returns_when_the_container_is_gone(create: Create) -> None:
    before = len(containers_of(os.getpid()))
    sandbox = create()
    run(sandbox, "setsid sleep 1000 &")
    assert len(containers_of(os.getpid())) == before + 1
    sandbox.close()
    assert len(containers_of(os.getpid())) == before
    sandbox.close()


def test_strays_of_dead_processes_are_removed_and_others_kept(create: Create) -> None:
    mine = create()
    with subprocess.Popen(["true"]) as dead:
        pass
    labels = {"mle-gym.machine": daemon.machine(), "mle-gym.owner": f"{dead.pid}/1"}
    image = os.environ["MLE_GYM_DOCKER_IMAGE"]
    stray = connect().containers.create(image, labels=labels, network_mode="none")
    daemon._client.cache_clear()
    connect()
    with pytest.raises(docker.errors.NotFound):
        stray.reload()
    assert run(mine, "echo alive") == "alive"


def test_a_container_removed_from_outside_is_a_crash_that_says_so(create: Create) -> None:
    sandbox = create()
    (container,) = (c for c in containers_of(os.getpid()) if c["State"] == "running")
    connect().api.remove_container(container["Id"], force=True)
    with pytest.raises(SandboxCrashed, match="docker sandbox died"):
        sandbox.execute("true", timeout=5)


# ----------------------------------------------------------------------------------- unavailable


def test_no_daemon_says_how_to_start_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")
    with pytest.raises(SandboxUnavailable) as caught:
        DockerBackend().check()
    for part in ("absent.sock", "systemctl start docker", "DOCKER_HOST"):
        assert part in str(caught.value)


def test_a_malformed_address_is_unavailable_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "carrier-pigeon://coop")
    with pytest.raises(SandboxUnavailable, match="carrier-pigeon"):
        DockerBackend().create(SandboxConfig())


def test_a_missing_image_says_how_to_make_it(
    docker_host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLE_GYM_DOCKER_IMAGE", "mle-gym-absent:9")
    with pytest.raises(SandboxUnavailable, match="mle-gym-absent:9") as caught:
        DockerBackend().check()
    assert "mle-gym image build" in str(caught.value)
    assert "--from-host" in str(caught.value)


def test_a_python_that_the_image_lacks_is_named(create: Create) -> None:
    with pytest.raises(SandboxUnavailable, match="/no/such/python"):
        create(python=Path("/no/such/python"))


def test_a_mount_that_does_not_exist_is_named(create: Create, tmp_path: Path) -> None:
    with pytest.raises(SandboxCrashed, match="nowhere"):
        create(mounts=(Mount(tmp_path / "nowhere", "data"),))
    assert not [c for c in containers_of(os.getpid()) if c["State"] == "created"]


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has GPUs")
def test_gpus_that_can_not_be_passed_say_what_to_install(create: Create) -> None:
    with pytest.raises(SandboxUnavailable, match="NVIDIA Container Toolkit"):
        create(gpus=("0",))


def test_gpus_are_counted_from_zero_inside() -> None:
    image = backend_module._Image("", "/usr/local/bin/python3", ())
    environment = backend_module._environment(SandboxConfig(gpus=("2", "GPU-5f")), image)
    assert environment["CUDA_VISIBLE_DEVICES"] == "0,1"


# -------------------------------------------------------------------------------------- hardening


def test_commands_have_no_privileges(create: Create) -> None:
    status = run(
        create(), "grep -E '^(Uid|Gid|CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status"
    )
    found = {line.split()[0]: line.split()[1:] for line in status.splitlines()}
    (user,) = set(found["Uid:"])
    assert int(user) >= 20_000  # one that no account has
    assert found["Gid:"] == ["1000"] * 4
    assert int(found["CapEff:"][0], 16) == int(found["CapBnd:"][0], 16) == 0
    assert found["NoNewPrivs:"] == ["1"]
    assert found["Seccomp:"] == ["2"]


def test_each_container_has_a_user_of_its_own_with_a_name(create: Create) -> None:
    """The kernel counts many things by user, and some programs look up their user's name."""
    asked = [run(create(), "id -u; id -un; id -gn; touch new; stat -c %U new") for _ in range(2)]
    (first, *names), (other, *_) = (each.split() for each in asked)
    assert first != other
    assert names == ["agent"] * 3


def test_only_three_folders_and_shared_memory_are_writable(create: Create) -> None:
    places = "find / -type d -writable -not -path '/proc/*' 2>/dev/null"
    found = run(create(), f"for d in $({places}); do touch $d/x 2>/dev/null && echo $d; done")
    # The kernel limits what message queues may hold to less than a megabyte a user.
    assert set(found.split()) - {"/run/mle-gym/bin", "/dev/mqueue"} == {
        "/workspace",
        "/tmp",
        "/run/mle-gym",
        "/dev/shm",
    }


def test_programs_in_the_workspace_can_be_run(create: Create) -> None:
    program = "printf '#!/bin/sh\\necho ran\\n' > p; chmod +x p; ./p; cp p /tmp; /tmp/p"
    assert run(create(), program) == "ran\nran"


def test_there_is_no_network_device(create: Create) -> None:
    devices = run(create(), "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '").split()
    assert "lo" in devices
    assert not [device for device in devices if device.startswith(("eth", "docker", "veth"))]


def test_the_daemon_was_asked_for_every_limit(create: Create) -> None:
    create(limits=Limits(memory_mb=200, cpus=0.5, processes=33, disk_mb=10))
    (container,) = (c for c in containers_of(os.getpid()) if c["State"] == "running")
    settings = connect().api.inspect_container(container["Id"])["HostConfig"]
    assert settings["Memory"] == settings["MemorySwap"] == (200 + 2 * 10 + 40) << 20
    assert settings["NanoCpus"] == 500_000_000
    assert settings["PidsLimit"] == 33
    assert settings["ReadonlyRootfs"] is True
    assert settings["LogConfig"]["Type"] == "none"
    ulimits = {each["Name"]: (each["Soft"], each["Hard"]) for each in settings["Ulimits"]}
    assert ulimits == {"core": (0, 0), "nofile": (1024, 4096), "sigpending": (4096, 4096)}


def test_more_processors_than_there_are_is_not_an_error(create: Create) -> None:
    assert run(create(limits=Limits(cpus=1000)), "echo fine") == "fine"


def test_full_disks_never_end_the_sandbox(create: Create) -> None:
    sandbox = create(limits=Limits(memory_mb=64, disk_mb=64))
    for folder in ("/workspace", "/tmp", "/run/mle-gym", "/dev/shm"):
        run(sandbox, f"head -c 200M /dev/zero > {folder}/full")
    assert "full" in run(sandbox, "ls /workspace")
    assert sandbox.execute("rm /workspace/full; echo 1 > s.csv", timeout=20).exit_code == 0
    assert sandbox.fetch("s.csv", max_bytes=10) == b"1\n"


def test_processes_of_other_sandboxes_do_not_count(create: Create) -> None:
    several = [create(limits=Limits(processes=20)) for _ in range(3)]
    for sandbox in several:
        assert run(sandbox, "for i in $(seq 12); do sleep 100 & done; echo all") == "all"


# ------------------------------------------------------------------------------------------ masks


def test_hidden_paths_are_empty_and_their_neighbours_are_not(create: Create) -> None:
    sandbox = create(
        hidden=(
            "sklearn/datasets/data/iris.csv",
            "sklearn/datasets/tests/data/openml/id_40945",
            "no/such/file.csv",
        )
    )
    program = (
        "import json, os, sklearn.datasets as d\n"
        "root = os.path.dirname(d.__file__)\n"
        "size = lambda name: len(open(os.path.join(root, name), 'rb').read())\n"
        "titanic = os.listdir(os.path.join(root, 'tests/data/openml/id_40945'))\n"
        "print(json.dumps([size('data/iris.csv'), size('data/wine_data.csv') > 0, titanic]))\n"
    )
    sandbox.write_file("look.py", program.encode())
    assert json.loads(run(sandbox, "python look.py")) == [0, True, []]


def test_mle_gym_is_masked_in_an_image_that_has_it(
    docker_host: str, create: Create, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "mle_gym").mkdir()
    (tmp_path / "mle_gym" / "answers.py").write_text("LABELS = [1, 0, 1]\n")
    (tmp_path / "Dockerfile").write_text(
        f"FROM {os.environ['MLE_GYM_DOCKER_IMAGE']}\n"
        f"COPY mle_gym /usr/local/lib/python3.{sys.version_info.minor}/site-packages/mle_gym\n"
    )
    image, _ = connect().images.build(path=str(tmp_path), rm=True, forcerm=True)
    monkeypatch.setenv("MLE_GYM_DOCKER_IMAGE", str(image.id))
    try:
        sandbox = create(hidden=("mle_gym/answers.py",))
        assert "ModuleNotFoundError" in run(sandbox, "python -c 'import mle_gym.answers'")
        sandbox.close()
    finally:
        connect().images.remove(str(image.id))

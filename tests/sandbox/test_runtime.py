"""Another container runtime (gVisor, Kata, sysbox) is named by us and provided by the daemon."""

from __future__ import annotations

import gymnasium as gym
import pytest

import mle_gym  # noqa: F401
from mle_gym.errors import SandboxUnavailable
from mle_gym.sandbox import SandboxConfig
from mle_gym.sandbox.backends import get_backend
from mle_gym.sandbox.docker.daemon import connect


@pytest.mark.docker
def test_the_daemon_runs_containers_with_it(docker_host: str) -> None:
    env = gym.make("mle/zoo-v0", sandbox="docker", runtime="runc")
    env.reset()
    used = {
        connect().api.inspect_container(each["Id"])["HostConfig"]["Runtime"]
        for each in connect().api.containers()
    }
    observation, *_ = env.step("echo alive")
    env.close()
    assert observation["output"] == "alive\n"
    assert "runc" in used


@pytest.mark.docker
def test_one_that_is_not_there_is_named_with_advice(docker_host: str) -> None:
    with pytest.raises(SandboxUnavailable, match=r"runtime='no-such': .* `docker info` lists"):
        get_backend("docker").create(SandboxConfig(runtime="no-such"))


@pytest.mark.parametrize("sandbox", ["auto", "bubblewrap", "subprocess"])
def test_other_backends_have_no_runtimes(sandbox: str) -> None:
    with pytest.raises(ValueError, match="runtime='runsc' requires sandbox='docker'"):
        gym.make("mle/zoo-v0", sandbox=sandbox, runtime="runsc")


def test_it_is_plain_data() -> None:
    env = gym.make("mle/zoo-v0", sandbox="docker", runtime="runsc")
    assert '"runtime": "runsc"' in env.spec.to_json()
    env.close()

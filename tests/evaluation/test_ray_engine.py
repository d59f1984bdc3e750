"""Evaluations on a real Ray cluster of several nodes, one of which is killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from mle_gym.evaluation import Episode, Result, evaluate
from mle_gym.evaluation.ray_engine import RayEngine
from mle_gym.evaluation.run_evaluation import Unwatched
from mle_gym.evaluation.summary import summarize
from mle_gym.trajectories.trajectory import Trajectory

from .conftest import MakePlan

pytestmark = [
    pytest.mark.bubblewrap,
    pytest.mark.slow("it starts a cluster of three nodes"),
    # Ray's own: sockets and processes of nodes that are killed.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning",
                               "ignore::FutureWarning", "ignore::UserWarning"),
]  # fmt: skip


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    head = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(2):
        cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def test_it_gives_the_same_table_although_a_node_is_killed_midway(
    cluster: Any, plan: MakePlan, tmp_path: Path
) -> None:
    asked = plan("Slow", "Dies", "Sample", seeds=4)
    ended: list[Episode] = []

    class Killing(Unwatched):
        def ended(self, episode: Episode, result: Result) -> None:
            ended.append(episode)
            if len(ended) == 3:
                cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)

    found = evaluate(asked, tmp_path / "ray", engine=RayEngine(), watch=Killing())
    assert len(ended) == len(set(ended)) == len(asked)
    assert found.missing == ()
    assert {each.status for each in found.results if each.agent == "Dies"} == {"agent_failed"}
    for result in found.results:
        if result.status == "graded":
            assert Trajectory.read(found.folder / str(result.trajectory)).complete
    tables = [summarize(found).to_dict()]
    tables.append(summarize(evaluate(asked, tmp_path / "local")).to_dict())
    for table in tables:
        table.pop("name")
        for row in (*table["agents"], *table["cells"]):
            row.pop("seconds", None)
            row.pop("first_valid_seconds", None)
    assert tables[0] == tables[1]

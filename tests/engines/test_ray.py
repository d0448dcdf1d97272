"""A cluster of three nodes of Ray on this machine; the rest of Ray is not tested here."""

import contextlib
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from run_results import results
from small_work import SmallWork
from staanet import study
from staanet.core.errors import StaanetError
from staanet.core.processes import locked
from staanet.engines import Engine, Job, Ray, carry_out, ray

TESTS = Path(__file__).parents[1]
TINY = TESTS.parent / "tools" / "reliability" / "tiny.toml"
NODE = {"num_cpus": 1, "object_store_memory": 100 * 2**20}


@pytest.fixture(autouse=True)
def installed():
    return pytest.importorskip("ray", reason="needs the extra scale")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_an_address_without_an_answer_is_told_at_once():
    port, began = free_port(), time.monotonic()
    with pytest.raises(StaanetError, match=rf"expected a cluster of Ray at 127.0.0.1:{port}, got no answer \("):
        Ray(f"127.0.0.1:{port}").uses_gpu("cpu")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("address", ["nowhere", "host:", "ray://host:10001", ":6379", "host:port", ""])
def test_what_is_no_address_is_told(address):
    with pytest.raises(StaanetError, match="expected the address of a cluster of Ray, auto or HOST:PORT, got"):
        Ray(address).uses_gpu("cuda")


@pytest.fixture(scope="module")
def cluster():
    pytest.importorskip("ray", reason="needs the extra scale")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_agent_register_timeout_ms", "300000")
        patch.setenv("PYTHONPATH", str(TESTS))
        started = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
        yield started
        started.shutdown()


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced_and_errors_do_not_stop_others(cluster, tmp_path):
    work = SmallWork(tmp_path)
    jobs = [Job("dies-1"), Job("refuses"), Job("next", ("refuses",)), Job("last", ("dies-1",))]
    with locked(tmp_path):
        failures = {one.name: one.reason for one in carry_out(Ray(cluster.address), work, jobs)}
    assert work.done() == {"dies-1", "last"}
    assert set(failures) == {"refuses", "next"}
    assert failures["refuses"] == "expected something else; change it"
    assert (work.begun("dies-1"), work.begun("refuses"), work.begun("next")) == (2, 1, 0)


@pytest.mark.slow
def test_a_cluster_that_cannot_be_used_is_told_in_one_line(cluster, tmp_path, monkeypatch, installed):
    with pytest.raises(StaanetError, match=r"expected a node with a GPU in the cluster at .* for cuda, got none"):
        Ray(cluster.address).uses_gpu("cuda")
    assert not Ray(cluster.address).uses_gpu(None)
    work = SmallWork(tmp_path)
    with locked(tmp_path):
        monkeypatch.setattr(ray, "_versions", lambda: {"staanet": "9.9", "python": "3.11", "torch": "2"})
        with pytest.raises(StaanetError, match=r"node .*: expected staanet 9\.9, python 3\.11, torch 2, got staanet"):
            carry_out(Ray(cluster.address), work, [Job("one")])
        monkeypatch.undo()
        monkeypatch.setattr(ray, "_content", lambda _: "what this machine sees")
        with pytest.raises(StaanetError, match=r"expected a folder that all nodes share, got .*, which it does not"):
            carry_out(Ray(cluster.address), work, [Job("one")])
    assert work.done() == set()
    assert not installed.is_initialized()


@dataclass(frozen=True)
class Dying(Engine):
    """Ray, of whose cluster all nodes but the first die as soon as two jobs run, so that one of these is lost."""

    name: ClassVar[str] = "ray"

    ray: Ray
    cluster: Any
    nodes: list

    def uses_gpu(self, _device):
        return False

    @contextlib.contextmanager
    def open(self, work):
        with self.ray.open(work) as pool:
            submit = pool.submit
            pool.submit = lambda jobs: (submit(jobs), self.kill() if pool.free <= 2 else None)
            yield pool

    def kill(self):
        time.sleep(1)
        while self.nodes:
            self.cluster.remove_node(self.nodes.pop(), allow_graceful=False)


@pytest.mark.slow
def test_nodes_that_die_lose_nothing(cluster, tmp_path, caplog):
    study.run(TINY, tmp_path / "whole", device="cpu")
    nodes = [cluster.add_node(**NODE) for _ in range(2)]
    cluster.wait_for_nodes()
    study.run(TINY, tmp_path / "out", engine=Dying(Ray(cluster.address), cluster, nodes))
    assert not nodes
    assert any("got one that died" in message and "it is tried again" in message for message in caplog.messages)

    assert results(tmp_path / "out") == results(tmp_path / "whole") != {}

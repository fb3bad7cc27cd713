"""How many threads a fit uses by default: the least of what cores, environment, quota and the caller allow."""

import multiprocessing

import pytest

from fastlasso import limit_threads
from fastlasso.parallel import Pool, available_cores, quota, share_of


def test_the_environment_limits_threads(monkeypatch):
    monkeypatch.setenv("FASTLASSO_NUM_THREADS", "1")
    assert available_cores() == Pool().n_threads == 1
    monkeypatch.setenv("FASTLASSO_NUM_THREADS", "two")
    with pytest.raises(ValueError, match="FASTLASSO_NUM_THREADS is 'two'"):
        available_cores()


def test_a_context_limits_threads(monkeypatch):
    monkeypatch.delenv("FASTLASSO_NUM_THREADS", raising=False)
    before = available_cores()
    with limit_threads(1):
        assert available_cores() == 1
        assert Pool(3).n_threads == 3
    assert available_cores() == before
    with pytest.raises(ValueError, match="n_threads"), limit_threads(0):
        pass


def cores_of_worker(queue):
    queue.put(available_cores())


@pytest.mark.parametrize(("value", "expected"), [("1", {1})])
def test_workers_obey_what_joblib_sets_for_them(monkeypatch, value, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    worker = context.Process(target=cores_of_worker, args=(queue,))
    worker.start()
    assert queue.get() in expected
    worker.join()


@pytest.mark.parametrize(("text", "cores"), [("max 100000", None), ("150000 100000", 1), ("350000 100000", 3),
                                             ("20000 100000", 1)])
@pytest.mark.parametrize("where", ["", "user/job"])
def test_a_quota_of_version_2_counts(tmp_path, text, cores, where):
    group = tmp_path / where
    group.mkdir(parents=True, exist_ok=True)
    (group / "cpu.max").write_text(text + "\n")
    (tmp_path / "own").write_text("0::/user/job\n")
    assert quota(str(tmp_path), str(tmp_path / "own")) == cores


def test_a_quota_of_version_1_counts(tmp_path):
    (tmp_path / "cpu" / "job").mkdir(parents=True)
    (tmp_path / "cpu" / "job" / "cpu.cfs_quota_us").write_text("200000\n")
    (tmp_path / "cpu" / "job" / "cpu.cfs_period_us").write_text("100000\n")
    (tmp_path / "own").write_text("4:memory:/job\n3:cpu,cpuacct:/job\n")
    assert quota(str(tmp_path), str(tmp_path / "own")) == 2
    (tmp_path / "cpu" / "job" / "cpu.cfs_quota_us").write_text("-1\n")
    assert share_of(tmp_path / "cpu" / "job") is None


def test_without_control_groups_there_is_no_quota(tmp_path):
    assert quota(str(tmp_path), str(tmp_path / "none")) is None

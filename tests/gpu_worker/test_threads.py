"""Threads: N worker processes share the cores instead of fighting over them."""

import subprocess
import sys

import cv2
import pytest

from gpu_worker import threads


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    monkeypatch.delenv("WORKER_THREADS", raising=False)
    monkeypatch.delenv("WORKER_PROCESSES", raising=False)


def test_alone_on_the_machine_a_process_takes_every_core(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 8)
    assert threads.for_this_process() == 8


@pytest.mark.parametrize(("processes", "each"), [("2", 4), ("3", 2), ("8", 1), ("20", 1)])
def test_siblings_divide_the_cores_and_each_keeps_at_least_one(monkeypatch, processes, each):
    monkeypatch.setattr(threads, "cores", lambda: 8)
    monkeypatch.setenv("WORKER_PROCESSES", processes)
    assert threads.for_this_process() == each


def test_the_operators_number_goes_before_any_division(monkeypatch):
    monkeypatch.setenv("WORKER_THREADS", "5")
    monkeypatch.setenv("WORKER_PROCESSES", "2")
    assert threads.for_this_process() == 5


@pytest.mark.parametrize("value", ["0", "-2", "many", "1.5", "²"])
def test_a_nonsense_number_is_named_not_guessed_at(monkeypatch, value):
    monkeypatch.setenv("WORKER_THREADS", value)
    with pytest.raises(threads.BadSetting, match="WORKER_THREADS"):
        threads.for_this_process()


@pytest.mark.parametrize(
    ("written", "cores"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", None), ("", None)]
)
def test_a_containers_quota_counts_in_whole_cores(tmp_path, written, cores):
    (tmp_path / "cpu.max").write_text(written)
    assert threads._quota(tmp_path / "cpu.max") == cores


def test_opencv_keeps_to_the_number(monkeypatch):
    before = cv2.getNumThreads()
    monkeypatch.setenv("WORKER_THREADS", "1")
    try:
        assert threads.apply() == 1
        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(before)


def test_matrix_products_take_one_thread_for_those_that_wait_would_spin():
    program = (
        "import scipy.linalg, numpy; from threadpoolctl import threadpool_info; from gpu_worker import threads; "
        "threads.apply(); print({p['num_threads'] for p in threadpool_info() if p['user_api'] == 'blas'})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "{1}", done.stderr


def test_a_network_session_keeps_to_it_too_and_does_not_spin(monkeypatch):
    onnxruntime = pytest.importorskip("onnxruntime")
    monkeypatch.setenv("WORKER_THREADS", "2")
    options = onnxruntime.SessionOptions()
    assert threads.limit_session(options) == 2
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_asking_for_help_loads_nothing_heavy():
    program = (
        "import sys; from gpu_worker.__main__ import _parser; _parser().format_help(); "
        "print(sorted({'numpy', 'cv2', 'scipy', 'PIL', 'onnxruntime', 'rich', 'celery', 'multiprocessing'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr

"""Worker processes: one that crashes, hangs or starves costs its own photo and no other."""

import os
import time
from itertools import pairwise

import pytest

from gpu_worker.pool import Failed, Pool, Task, free_memory_mib

# The work of these tests is Python itself, which every process can import.
CRASH = "__import__('os').kill(__import__('os').getpid(), 11)"
KILLED = "__import__('os').kill(__import__('os').getpid(), 9)"
LEAVES = "__import__('os')._exit(3)"
HANGS = "__import__('time').sleep(600)"


def run(*expressions: str, processes: int = 2, **settings) -> dict:
    pool = Pool(processes, 1, settings.pop("memory_mib", 1000), **settings)
    return {task.arguments[0]: result for task, result in pool.run(eval, [Task((e,)) for e in expressions])}


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_every_task_comes_back_with_its_own_result():
    assert run(*(f"{n} * 7" for n in range(9))) == {f"{n} * 7": n * 7 for n in range(9)}


def test_a_crash_is_named_and_the_other_photos_are_done():
    results = run("1 + 1", CRASH, "2 + 2", LEAVES, "3 + 3")
    assert [results[e] for e in ("1 + 1", "2 + 2", "3 + 3")] == [2, 4, 6]
    assert "SIGSEGV" in results[CRASH].message
    assert "exit code 3" in results[LEAVES].message


def test_a_process_killed_by_the_system_is_said_to_have_wanted_memory():
    assert "memory" in run(KILLED, processes=1)[KILLED].message


def test_a_photo_that_never_ends_is_given_up_and_the_next_one_begins():
    results = run(HANGS, "5 + 5", processes=1, timeout_s=2)
    assert "given up" in results[HANGS].message
    assert results["5 + 5"] == 10


def test_an_error_inside_the_work_fails_its_task_alone_and_keeps_the_process():
    mine = "__import__('os').getpid() + 0"
    results = run("1 / 0", mine, mine + " ", processes=1)
    assert isinstance(results["1 / 0"], Failed) and "ZeroDivisionError" in results["1 / 0"].message
    assert results[mine] == results[mine + " "]


def test_results_come_as_they_are_done_not_in_the_order_of_the_names():
    order = list(run("__import__('time').sleep(3)", "1 + 0", "2 + 0"))
    assert order[-1] == "__import__('time').sleep(3)"


def test_large_photos_go_one_at_a_time_and_small_ones_together():
    def overlapping(memory_mib: int) -> bool:
        span = "(__import__('time').time(), __import__('time').sleep(0.6), __import__('time').time())"
        tasks = [Task((span + " " * n,), memory_mib) for n in range(2)]
        # Both processes are up before the clock matters: starting one takes longer than the work.
        spans = [result for _, result in Pool(2, 1, 1000).run(eval, [*tasks, *tasks])]
        spans.sort()
        return any(later[0] < earlier[2] for earlier, later in pairwise(spans))

    assert overlapping(10)
    assert not overlapping(800)


def test_a_photo_larger_than_all_the_memory_is_still_tried_alone():
    [(_, result)] = Pool(2, 1, 100).run(eval, [Task(("6 * 7",), 5000)])
    assert result == 42


def test_who_stops_early_leaves_no_process_behind_and_hears_what_was_lost():
    lost: list[tuple[str, int]] = []
    pool = Pool(2, 1, 1000, lost=lambda task, pid: lost.append((task.arguments[0], pid)))
    running = pool.run(eval, [Task(("__import__('os').getpid()",)), Task((HANGS,)), Task((HANGS + " ",))])
    _, pid = next(running)
    started = time.monotonic()
    running.close()
    assert time.monotonic() - started < 10
    assert lost and all(expression.strip() == HANGS for expression, _ in lost)
    assert all(gone(number) for number in [pid, *(number for _, number in lost)])


def test_each_worker_is_told_how_many_threads_are_its_own():
    [(_, told)] = Pool(1, 3, 100).run(eval, [Task(("dict(__import__('os').environ)",))])
    assert told["WORKER_THREADS"] == told["OMP_NUM_THREADS"] == "3"
    assert told["OPENBLAS_NUM_THREADS"] == "1", "its threads spin while they wait"


def test_no_photos_need_no_processes():
    assert list(Pool(2, 1, 100).run(eval, [])) == []


def test_free_memory_is_a_sensible_number_where_the_system_tells():
    free_mib = free_memory_mib()
    assert free_mib is None or 0 <= free_mib < 10**8


@pytest.mark.parametrize("count", [1, 4])
def test_no_more_processes_start_than_were_asked_for(count):
    slow = "(__import__('time').sleep(0.2), __import__('os').getpid())[1]"
    pids = {r for _, r in Pool(count, 1, 100).run(eval, [Task((slow + " " * n,)) for n in range(6)])}
    assert 1 <= len(pids) <= count

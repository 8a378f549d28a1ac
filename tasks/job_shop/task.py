"""The job-shop problem: jobs that share machines, with the shortest schedule proved by branch and bound.

Owns: instances, their score, what is wrong with an output. Does not own: limits and sizes (task.toml), words
(statement.md).
"""

import heapq
import random

import numpy as np

MOST_NODES = 3000  # of the search; an instance that needs more is replaced by another
FIRST_TRIES = 200  # random changes of an order before the search, which then has less to prove


def instances(split: str, block: int, n: int, seed: int) -> list[dict]:
    """n instances of a block: input [jobs], hidden the optimum. Other splits, blocks or seeds give other jobs."""
    return [_instance(split, block, seed, i) for i in range(n)]


def score(instance: dict, output: object) -> float:
    """Length of the shortest schedule over that of this one, in [0, 1]; 0.0 for anything but each job's operations."""
    jobs = instance["input"][0]
    if _fault(jobs, output):
        return 0.0
    return instance["hidden"]["optimum"] / _length(jobs, output)


def explain(instance: dict, output: object) -> str:
    """The first thing that is wrong with an output; "" if it is a schedule."""
    return _fault(instance["input"][0], output)


def _instance(split: str, block: int, seed: int, i: int) -> dict:
    rng = random.Random(f"job_shop/{split}/{block}/{seed}/{i}")
    shown = "shown" if split == "train" else "hidden"
    while True:
        machines = rng.randint(*SIZES[f"{shown}_machines"])
        jobs = [_job(machines, rng) for _ in range(rng.randint(*SIZES[f"{shown}_jobs"]))]
        order = _shortest(jobs, MOST_NODES, rng)
        if order is not None:
            hidden = {"optimum": _length(jobs, order), "solution": order, "method": "exact: branch and bound"}
            return {"id": f"{split}-{block}-{i}", "input": [jobs], "hidden": hidden}


def _job(machines: int, rng: random.Random) -> list[list[int]]:
    """One operation on every machine, in random order: [machine, duration] each."""
    return [[machine, rng.randint(1, SIZES["longest_operation"])] for machine in rng.sample(range(machines), machines)]


def _fault(jobs: list, output: object) -> str:
    """What is wrong with an order; "" if each job is in it as often as it has operations."""
    if type(output) not in (list, tuple, np.ndarray):
        return "the output is no list"
    if type(output) is np.ndarray and (output.ndim != 1 or output.dtype.kind not in "iu"):
        return "the array is not one of integers in one dimension"
    operations = sum(map(len, jobs))
    if len(output) != operations:
        return f"the list has {len(output)} entries, the jobs have {operations} operations"
    done = [0] * len(jobs)
    for step, job in enumerate(output):
        # type(), not isinstance: True is no job, and a subclass may lie about its value
        if not (type(job) is int or type(output) is np.ndarray) or not 0 <= job < len(jobs):
            return f"entry {step} is no job: give an integer from 0 to {len(jobs) - 1}"
        if done[job] == len(jobs[job]):
            return f"entry {step}: job {job} has only {len(jobs[job])} operations"
        done[job] += 1
    return ""


def _length(jobs: list, order: list) -> int:
    """When the last operation ends, if in this order each next operation of a job starts as soon as it can."""
    done, job_free, machine_free = [0] * len(jobs), [0] * len(jobs), [0] * max(map(len, jobs))
    for job in order:
        machine, duration = jobs[job][done[job]]
        done[job] += 1
        job_free[job] = machine_free[machine] = max(job_free[job], machine_free[machine]) + duration
    return max(job_free)


def _shortest(jobs: list, most_nodes: int, rng: random.Random) -> list[int] | None:
    """An order of a shortest schedule, or None if most_nodes do not prove one.

    Depth first over active schedules (Giffler and Thompson 1960): every job that is next on the machine which can first
    complete an operation. A branch ends where one machine alone takes too long (Jackson's preemptive schedule, Carlier
    and Pinson 1989), or where the same operations were done no later before.
    """
    best = _improved([job for job, operations in enumerate(jobs) for _ in operations], jobs, rng)
    shortest = _length(jobs, best)
    seen: dict[tuple, list[tuple]] = {}
    machines = max(map(len, jobs))
    start = ((0,) * len(jobs), (0,) * (len(jobs) + machines), ())
    stack, nodes = [(_bound(jobs, *start[:2]), start)], 0
    while stack:
        bound, (done, free, order) = stack.pop()
        if bound >= shortest or _is_late(seen.setdefault(done, []), free):
            continue
        nodes += 1
        if nodes > most_nodes:
            return None
        children = [_after(jobs, done, free, order, job) for job in _candidates(jobs, done, free)]
        if len(order) + 1 == sum(map(len, jobs)):
            shortest, best = min([(shortest, best), *((max(child[1]), list(child[2])) for child in children)])
            continue
        bounded = [(_bound(jobs, *child[:2]), child) for child in children]
        stack += sorted((one for one in bounded if one[0] < shortest), reverse=True)
    return best


def _improved(order: list[int], jobs: list, rng: random.Random) -> list[int]:
    """A short schedule: random entries of the order change places, if that makes it no longer."""
    rng.shuffle(order)
    length = _length(jobs, order)
    for _ in range(FIRST_TRIES):
        a, b = rng.randrange(len(order)), rng.randrange(len(order))
        order[a], order[b] = order[b], order[a]
        changed = _length(jobs, order)
        if changed > length:
            order[a], order[b] = order[b], order[a]
        length = min(length, changed)
    return order


def _candidates(jobs: list, done: tuple, free: tuple) -> list[int]:
    """The jobs one of which is next in some active schedule: those that could start before a first one ends."""
    starts = {}
    for job, count in enumerate(done):
        if count < len(jobs[job]):
            machine, duration = jobs[job][count]
            start = max(free[job], free[len(jobs) + machine])
            starts[job] = start, start + duration, machine
    _, end, chosen = min(starts.values(), key=lambda found: found[1])
    return [job for job, (start, _, machine) in starts.items() if machine == chosen and start < end]


def _after(jobs: list, done: tuple, free: tuple, order: tuple, job: int) -> tuple:
    """What is done, when jobs and machines are free, and the order, after the next operation of a job."""
    machine, duration = jobs[job][done[job]]
    times = list(free)
    times[job] = times[len(jobs) + machine] = max(free[job], free[len(jobs) + machine]) + duration
    return done[:job] + (done[job] + 1,) + done[job + 1 :], tuple(times), (*order, job)


def _is_late(seen: list[tuple], free: tuple) -> bool:
    """Whether the same operations were done before with nothing free later; remembers the times if not."""
    if any(all(a <= b for a, b in zip(other, free)) for other in seen):
        return True
    seen.append(free)
    return False


def _bound(jobs: list, done: tuple, free: tuple) -> int:
    """No schedule that goes on from here is shorter than this."""
    waiting: list[list[tuple[int, int, int]]] = [[] for _ in free[len(jobs) :]]
    bound = max(free)
    for job, count in enumerate(done):
        head, tail = free[job], sum(duration for _, duration in jobs[job][count:])
        for machine, duration in jobs[job][count:]:
            head, tail = max(head, free[len(jobs) + machine]), tail - duration
            waiting[machine].append((head, duration, tail))
            head += duration
    return max([bound, *(_alone(sorted(one)) for one in waiting)])


def _alone(operations: list[tuple[int, int, int]]) -> int:
    """When the last (head, duration, tail) is through, tails included, if one machine may interrupt them (Jackson)."""
    ready: list[list[int]] = []
    time = end = 0
    for i, (head, duration, tail) in enumerate(operations):
        time = max(time, head)
        heapq.heappush(ready, [-tail, duration])
        until = operations[i + 1][0] if i + 1 < len(operations) else float("inf")
        while ready and time < until:
            worked = min(ready[0][1], until - time)
            time += worked
            ready[0][1] -= worked
            if ready[0][1] == 0:
                end = max(end, time - heapq.heappop(ready)[0])
    return end

"""From random orders, an entry moves to another place as long as that makes no schedule longer; the best of a few."""

import random

STARTS, MOVES = 6, 400


def algorithm(jobs):
    return min((climb(jobs) for _ in range(STARTS)), key=lambda order: length(jobs, order))


def climb(jobs):
    order = [job for job, operations in enumerate(jobs) for _ in operations]
    random.shuffle(order)
    shortest = length(jobs, order)
    for _ in range(MOVES):
        changed = list(order)
        changed.insert(random.randrange(len(order)), changed.pop(random.randrange(len(order))))
        found = length(jobs, changed)
        if found <= shortest:
            order, shortest = changed, found
    return order


def length(jobs, order):
    done, job_free, machine_free = [0] * len(jobs), [0] * len(jobs), [0] * len(jobs[0])
    for job in order:
        machine, duration = jobs[job][done[job]]
        done[job] += 1
        job_free[job] = machine_free[machine] = max(job_free[job], machine_free[machine]) + duration
    return max(job_free)

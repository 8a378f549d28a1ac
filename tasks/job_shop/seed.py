import random


def algorithm(jobs):
    order = [job for job, operations in enumerate(jobs) for _ in operations]
    for _ in range(4):
        order = improve(order, jobs)
    return order


def improve(order, jobs):
    a, b = random.sample(range(len(order)), 2)
    changed = list(order)
    changed[a], changed[b] = order[b], order[a]
    if length(changed, jobs) < length(order, jobs) - 10:
        return changed
    return order


def length(order, jobs):
    done = [0] * len(jobs)
    job_free = [0] * len(jobs)
    machine_free = {}
    for job in order:
        machine, duration = jobs[job][done[job]]
        end = max(job_free[job], machine_free.get(machine, 0)) + duration
        job_free[job] = machine_free[machine] = end
        done[job] += 1
    return max(job_free)

NEAR = 4


def solve(problem, tests):
    return [answer(problem, test) for test in tests]


def answer(problem, test):
    if problem == "longest_increasing":
        return longest_increasing(test)
    if problem == "inversions":
        return inversions(test)
    if problem == "largest_sum":
        return largest_sum(test)
    if problem == "intervals":
        return intervals(test)
    if problem == "edit_distance":
        return edit_distance(*test)
    if problem == "knapsack":
        return knapsack(*test)
    if problem == "coins":
        return coins(*test)
    return 0


def longest_increasing(numbers):
    taken = []
    for number in numbers:
        if not taken or number > taken[-1]:
            taken.append(number)
    return len(taken)


def inversions(numbers):
    count = 0
    for i in range(len(numbers)):
        for j in range(i + 1, min(len(numbers), i + NEAR)):
            if numbers[i] > numbers[j]:
                count += 1
    return count


def largest_sum(numbers):
    best = numbers[0]
    for i in range(len(numbers)):
        for j in range(i + 1, min(len(numbers) + 1, i + NEAR)):
            best = max(best, sum(numbers[i:j]))
    return best


def intervals(talks):
    count = 0
    free = 0
    for start, end in sorted(talks):
        if start >= free:
            count += 1
            free = end
    return count


def edit_distance(first, second):
    different = 0
    for a, b in zip(first, second):
        if a != b:
            different += 1
    return different + abs(len(first) - len(second))


def knapsack(capacity, things):
    total = 0
    for weight, value in sorted(things, key=lambda thing: -thing[1]):
        if weight <= capacity:
            capacity -= weight
            total += value
    return total


def coins(amount, values):
    count = 0
    for value in sorted(values, reverse=True):
        count += amount // value
        amount %= value
    return count if amount == 0 else -1

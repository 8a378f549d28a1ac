def algorithm(capacity, sample):
    table = []
    for item in range(capacity + 1):
        row = []
        for room in range(capacity + 1):
            row.append(priority(item, room, capacity))
        table.append(row)
    return table


def priority(item, room, capacity):
    if room == capacity:
        return -capacity
    return room - item

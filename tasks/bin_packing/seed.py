def algorithm(capacity, sample):
    table = []
    for item in range(capacity + 1):
        row = []
        for room in range(capacity + 1):
            row.append(priority(item, room, capacity))
        table.append(row)
    return table


def priority(item, room, capacity):
    left = room - item
    if 0 < left < capacity // 20:
        return -1
    if room == capacity:
        return 0
    return capacity + left

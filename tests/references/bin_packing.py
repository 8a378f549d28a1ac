"""Each room left is worth something, gaps too small for any item least: an item goes where most worth is gained."""

FULL = 3.79
WORTHS = [-0.73, -0.78, -0.49, -0.06, 1.16, -0.24, 0.21, 0.0, 0.06, -0.63, 0.04, -0.36, 0.38]  # room 1 to capacity


def algorithm(capacity, sample):
    worth = [FULL] + [between((room - 1) / (capacity - 1) * (len(WORTHS) - 1)) for room in range(1, capacity + 1)]
    rooms = range(capacity + 1)
    return [[worth[room - size] - worth[room] if room >= size else 0 for room in rooms] for size in rooms]


def between(place):
    left = min(int(place), len(WORTHS) - 2)
    return WORTHS[left] * (1 - place + left) + WORTHS[left + 1] * (place - left)

DEPTH = 3
WIDTH = 3


def algorithm(board, goal):
    return search(board, goal, [], DEPTH)[1]


def search(board, goal, plan, depth):
    best = distance(board, goal), plan
    if depth == 0:
        return best
    for tile in movable(board):
        best = min(best, search(slid(board, tile), goal, plan + [tile], depth - 1))
    return best


def movable(board):
    return [tile for tile in board if tile != 0 and apart(board.index(tile), board.index(0)) == 1]


def slid(board, tile):
    return [tile if other == 0 else 0 if other == tile else other for other in board]


def distance(board, goal):
    total = 0
    for tile, wanted in zip(board, goal):
        if tile != wanted and tile != 0:
            total += 1
    return total


def apart(a, b):
    return abs(a // WIDTH - b // WIDTH) + abs(a % WIDTH - b % WIDTH)

import random

WIDTH = 3


def algorithm(board, goal):
    plan = []
    for _ in range(8):
        plan = improve(plan, board, goal)
    return plan


def improve(plan, board, goal):
    changed = plan + walk(played(board, plan))
    if distance(played(board, changed), goal) < distance(played(board, plan), goal):
        return changed
    return plan


def walk(board):
    plan = []
    for _ in range(random.randint(1, 4)):
        tile = random.choice([tile for tile in board if beside(board.index(tile), board.index(0))])
        board = played(board, [tile])
        plan.append(tile)
    return plan


def played(board, plan):
    board = list(board)
    for tile in plan:
        here, gap = board.index(tile), board.index(0)
        board[here], board[gap] = 0, tile
    return board


def distance(board, goal):
    total = 0
    for place, tile in enumerate(board):
        if tile != 0:
            total += apart(place, goal.index(tile))
    return total


def beside(a, b):
    return apart(a, b) == 1


def apart(a, b):
    return abs(a // WIDTH - b // WIDTH) + abs(a % WIDTH - b % WIDTH)

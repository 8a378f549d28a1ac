"""A* with the Manhattan distance, which no plan is shorter than."""

import heapq

AWAY = [[abs(a // 3 - b // 3) + abs(a % 3 - b % 3) for b in range(9)] for a in range(9)]
BESIDE = [[b for b in range(9) if AWAY[a][b] == 1] for a in range(9)]


def algorithm(board, goal):
    start, end = tuple(board), tuple(goal)
    home = [end.index(tile) for tile in range(9)]
    away = sum(AWAY[place][home[tile]] for place, tile in enumerate(start) if tile)
    queue, done = [(away, away, 0, start, ())], set()
    while True:
        _, away, steps, board, plan = heapq.heappop(queue)
        if board == end:
            return unfolded(plan)
        if board in done:
            continue
        done.add(board)
        gap = board.index(0)
        for place in BESIDE[gap]:
            tile = board[place]
            changed = list(board)
            changed[gap], changed[place] = tile, 0
            left = away + AWAY[gap][home[tile]] - AWAY[place][home[tile]]
            if (after := tuple(changed)) not in done:
                heapq.heappush(queue, (left + steps + 1, left, steps + 1, after, (tile, plan)))


def unfolded(plan):
    tiles = []
    while plan:
        tile, plan = plan
        tiles.append(tile)
    return tiles[::-1]

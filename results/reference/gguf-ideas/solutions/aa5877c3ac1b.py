import random

def algorithm(train_samples, train_labels, test_samples):
    secret = [0] * len(test_samples[0])
    for _ in range(1000):
        secret = improve(secret, train_samples, train_labels)
    return [parity(secret, sample) for sample in test_samples]

def improve(secret, samples, labels):
    changed = [int(random.random() < 0.3) for _ in secret]
    if right(changed, samples, labels) > right(secret, samples, labels):
        return changed
    return secret

def right(secret, samples, labels):
    total = 0
    for sample, label in zip(samples, labels, strict=True):
        if parity(secret, sample) == label:
            total += 1
    return total

def parity(secret, sample):
    return sum((a * b for a, b in zip(secret, sample, strict=True))) % 2
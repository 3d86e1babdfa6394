"""Where in a batch an answer's tokens are decided: the loss is on these alone. Owns no tensors, so
that it is tested without torch."""


def laid_out(pairs, weights):
    """pairs of (question ids, answer ids), weights one a pair -> (ids [rows][longest], padded with
    0 on the right; places of the flat ids whose next token is an answer's; each place's weight)"""
    longest = max(len(q) + len(a) for q, a in pairs)
    ids, places, each = [], [], []
    for row, ((q, a), weight) in enumerate(zip(pairs, weights)):
        ids.append(q + a + [0] * (longest - len(q) - len(a)))
        start = row * longest + len(q) - 1
        places += range(start, start + len(a))
        each += [weight] * len(a)
    return ids, places, each

"""Slow, obvious NumPy versions of the losses and metrics, each written from its equation."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np


def barlow_twins(z_a, z_b, lam):
    """Eq. 6 and Eq. 7, entry by entry."""
    batch, dim = z_a.shape
    views = []
    for z in (z_a, z_b):
        rows = np.array([row / math.sqrt(sum(x * x for x in row)) for row in z])
        views.append(rows - rows.mean(axis=0))
    a, b = views
    c = np.zeros((dim, dim))
    for i in range(dim):
        for j in range(dim):
            top = sum(a[n, i] * b[n, j] for n in range(batch))
            left = math.sqrt(sum(a[n, i] ** 2 for n in range(batch)))
            right = math.sqrt(sum(b[n, j] ** 2 for n in range(batch)))
            c[i, j] = top / (left * right)
    loss = 0.0
    for i in range(dim):
        loss += (1 - c[i, i]) ** 2
        loss += lam * sum(c[i, j] ** 2 for j in range(dim) if j != i)
    return c, loss


def barlow_twins_public(z_a, z_b, lam):
    """The public code's scaling: unbiased deviations, C averaged over B, the loss over D."""
    batch, dim = z_a.shape
    views = []
    for z in (z_a, z_b):
        rows = z / np.linalg.norm(z, axis=1, keepdims=True)
        views.append((rows - rows.mean(axis=0)) / rows.std(axis=0, ddof=1))
    c = views[0].T @ views[1] / batch
    off = c[~np.eye(dim, dtype=bool)]
    return (((1 - np.diag(c)) ** 2).sum() + lam * (off**2).sum()) / dim


def cross_entropy(hidden, item_table, targets):
    """Eq. 3, position by position."""
    total = 0.0
    for z, target in zip(hidden, targets, strict=True):
        scores = [float(e @ z) for e in item_table]
        top = max(scores)
        total += top + math.log(sum(math.exp(s - top) for s in scores)) - scores[target]
    return total / len(targets)


def binary_cross_entropy(hidden, item_table, targets, negatives, beta=1.0):
    """Eq. 1, position by position and negative by negative; gBCE with a beta below one."""
    total = 0.0
    for z, target, drawn in zip(hidden, targets, negatives, strict=True):
        total -= beta * math.log(1 / (1 + math.exp(-float(item_table[target] @ z))))
        for item in drawn:
            total -= math.log(1 - 1 / (1 + math.exp(-float(item_table[item] @ z))))
    return total / len(targets)


def scalable_cross_entropy(hidden, item_table, targets, directions, n_positions, n_items):
    """Eq. 4 with its buckets, position by position: the largest loss counts."""
    worst = {}
    for direction in directions:
        positions = np.argsort(-(hidden @ direction), kind="stable")[:n_positions]
        items = np.argsort(-(item_table @ direction), kind="stable")[:n_items]
        for p in positions:
            own = float(item_table[targets[p]] @ hidden[p])
            others = [float(item_table[i] @ hidden[p]) for i in items if i != targets[p]]
            loss = math.log(sum(math.exp(s) for s in [own, *others])) - own
            worst[p] = max(loss, worst.get(p, -math.inf))
    return sum(worst.values()) / len(worst)


def vicreg(z_a, z_b, invariance, variance, covariance):
    """Bardes et al. with their code's means and sums, column by column."""
    batch, dim = z_a.shape
    squared = sum((z_a[n, d] - z_b[n, d]) ** 2 for n in range(batch) for d in range(dim))
    hinge = redundancy = 0.0
    for z in (z_a, z_b):
        mean = [sum(z[n, d] for n in range(batch)) / batch for d in range(dim)]
        for i in range(dim):
            for j in range(dim):
                products = [(z[n, i] - mean[i]) * (z[n, j] - mean[j]) for n in range(batch)]
                entry = sum(products) / (batch - 1)
                if i == j:
                    hinge += max(0.0, 1 - math.sqrt(entry + 1e-4)) / dim / 2
                else:
                    redundancy += entry**2 / dim
    return invariance * squared / (batch * dim) + variance * hinge + covariance * redundancy


def info_nce(z_a, z_b, temperature, targets=None):
    """Every row against every other; rows of other pairs with its target are passed over."""
    batch = len(z_a)
    rows, total = [*z_a, *z_b], 0.0
    for k, row in enumerate(rows):
        positive, below = (k + batch) % (2 * batch), 0.0
        for other, candidate in enumerate(rows):
            if other == k:
                continue
            same = targets is not None and targets[k % batch] == targets[other % batch]
            if other == positive or not same:
                below += math.exp(float(row @ candidate) / temperature)
        total -= math.log(math.exp(float(row @ rows[positive]) / temperature) / below)
    return total / (2 * batch)


def negative_contrast(negatives, positives, temperature):
    """Every negative view against every other, pair by pair."""
    n, total = len(negatives), 0.0
    for k, row in enumerate(negatives):
        others = [negatives[m] for m in range(n) if m != k]
        scores = [float(row @ other) / temperature for other in [*others, *positives]]
        top = max(scores)
        below = top + math.log(sum(math.exp(score - top) for score in scores))
        for other in others:
            total += below - float(row @ other) / temperature
    return total / (n * (n - 1))


def overlap_factor(positives, negatives, edges):
    """The integral of min(p, q) of two histograms; the last bin holds its upper edge too."""
    total = 0.0
    for b in range(len(edges) - 1):
        is_last = b == len(edges) - 2
        shares = []
        for scores in (positives, negatives):
            here = [
                x for x in scores if edges[b] <= x < edges[b + 1] or (is_last and x == edges[-1])
            ]
            shares.append(len(here) / len(scores))
        total += min(shares)
    return total


def kernel_density(scores, at):
    """A Gaussian on every score, as wide as Scott's rule says."""
    n = len(scores)
    mean = sum(scores) / n
    deviation = math.sqrt(sum((x - mean) ** 2 for x in scores) / (n - 1))
    width = deviation * n ** (-1 / 5)
    norm = n * width * math.sqrt(2 * math.pi)
    return [sum(math.exp(-(((y - x) / width) ** 2) / 2) for x in scores) / norm for y in at]


def auc(positive, negatives):
    """One user's pairs, one by one; an equal negative is half beaten."""
    wins = sum(1.0 if positive > x else 0.5 if positive == x else 0.0 for x in negatives)
    return wins / len(negatives)


def effective_rank(values):
    """Eq. 9, value by value."""
    total, entropy = sum(values), 0.0
    for value in values:
        p = value / total
        entropy -= p * math.log(p) if p > 0 else 0.0
    return math.exp(entropy)


def alignment_uniformity(z_a, z_b):
    """Wang and Isola, pair by pair; the uniformity is that of the first views."""
    a, b = ([row / math.sqrt(sum(x * x for x in row)) for row in z] for z in (z_a, z_b))
    n = len(a)
    alignment = sum(sum((x - y) ** 2) for x, y in zip(a, b, strict=True)) / n
    kernels = [math.exp(-2 * sum((a[i] - a[j]) ** 2)) for i in range(n) for j in range(i)]
    return alignment, math.log(sum(kernels) / len(kernels))


def confidence(scores, target, temperature):
    """One user's softmax: its largest, entropy, log of the target's, and whether that is first."""
    top = max(scores)
    weights = [math.exp((score - top) / temperature) for score in scores]
    p = [weight / sum(weights) for weight in weights]
    entropy = -sum(x * math.log(x) for x in p if x > 0)
    log_target = (scores[target] - top) / temperature - math.log(sum(weights))
    return max(p), entropy, log_target, scores.index(top) == target


def calibration_error(confidences, hits, edges):
    """Bin by bin, from its definition; a bin holds its lower edge, the last its upper too."""
    n, error = len(confidences), 0.0
    for b in range(len(edges) - 1):
        is_last = b == len(edges) - 2
        rows = [
            u for u, x in enumerate(confidences)
            if edges[b] <= x and (x < edges[b + 1] or is_last)
        ]  # fmt: skip
        if rows:
            accuracy = sum(hits[u] for u in rows) / len(rows)
            error += len(rows) / n * abs(accuracy - sum(confidences[u] for u in rows) / len(rows))
    return error


def sasrec(weights, item_ids, n_heads):
    """The outputs at one history's items; weights by their names in the model."""
    table, positions = weights["item_embedding.weight"], weights["position_embedding.weight"]
    n, dim = len(item_ids), table.shape[1]

    def norm(rows, name):
        centred = rows - rows.mean(1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-5)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def linear(rows, name):
        return rows @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    x = np.array([math.sqrt(dim) * table[item] for item in item_ids])
    x = x + positions[np.arange(n)[::-1]]  # by age
    for block in range(sum(name.endswith("to_qkv.bias") for name in weights)):
        at = f"blocks.{block}"
        qkv = linear(norm(x, f"{at}.attention_norm"), f"{at}.to_qkv")
        q, k, v = (part.reshape(n, n_heads, -1) for part in np.split(qkv, 3, axis=1))
        mixed = np.zeros_like(q)
        for head in range(n_heads):
            for t in range(n):
                scores = k[: t + 1, head] @ q[t, head] / math.sqrt(dim / n_heads)
                attention = np.exp(scores - scores.max())
                mixed[t, head] = attention @ v[: t + 1, head] / attention.sum()
        x = x + linear(mixed.reshape(n, dim), f"{at}.to_out")
        hidden = np.maximum(linear(norm(x, f"{at}.network_norm"), f"{at}.inner"), 0)
        x = x + linear(hidden, f"{at}.outer")
    return norm(x, "norm")


def popularity_buckets(users, interactions, n_buckets):
    """Sort, then try every cut that leaves each later bucket an item; the nearest, then last, wins.

    Places are exact fractions.
    """
    items = sorted(range(len(users)), key=lambda i: (-users[i], i))
    found = [0] * len(users)
    for bucket in range(n_buckets):
        left = n_buckets - bucket
        share = Fraction(sum(interactions[i] for i in items), left)
        sizes = range(1, len(items) - left + 2) if left > 1 else [len(items)]
        off = {n: abs(sum(interactions[i] for i in items[:n]) - share) for n in sizes}
        size = max(n for n in sizes if off[n] == min(off.values()))
        for item in items[:size]:
            found[item] = bucket
        items = items[size:]
    return found


def exposure(lists, histories, users_per_item, buckets, k):
    """Measures of exposure at k, user by user; lists hold no -1, none is empty."""
    n_items, lists = len(users_per_item), [items[:k] for items in lists]
    shown = [item for items in lists for item in items]
    counts = [shown.count(item) for item in range(n_items)]
    apart = sum(abs(a - b) for a in counts for b in counts)

    def popularity(items):
        return sum(users_per_item[i] for i in items) / len(items)

    profile = sum(popularity(items) for items in histories)
    total = sum(n + 1 for n in users_per_item)
    upd = 0.0
    for items, known in zip(lists, histories, strict=True):
        for bucket in set(buckets):
            p = sum(buckets[i] == bucket for i in items) / len(items)
            q = sum(buckets[i] == bucket for i in known) / len(known)
            upd += sum(x / 2 * math.log2(2 * x / (p + q)) for x in (p, q) if x)
    return {
        "gini": apart / (2 * n_items * len(shown)),
        "lift": (sum(popularity(items) for items in lists) - profile) / profile,
        "novelty": sum(-math.log2((users_per_item[i] + 1) / total) for i in shown) / len(shown),
        "tail": sum(buckets[i] == max(buckets) for i in shown) / len(shown),
        "upd": upd / len(lists),
    }


def pareto_front(points):
    """A point is off the front if some other is nowhere worse and somewhere better."""
    return [not any(a >= x and b >= y and (a > x or b > y) for a, b in points) for x, y in points]


def hypervolume(points, reference):
    """Cut the plane at every coordinate and add up the cells that some point covers."""
    xs = sorted({reference[0], *(x for x, _ in points if x > reference[0])})
    ys = sorted({reference[1], *(y for _, y in points if y > reference[1])})
    area = 0.0
    for left, right in pairwise(xs):
        for low, high in pairwise(ys):
            if any(x >= right and y >= high for x, y in points):
                area += (right - left) * (high - low)
    return area


def ranking(scores, target, seen, k):
    """Sort one user's catalogue: (rank of the target or None where it is seen, k best items)."""
    candidates = [i for i in range(len(scores)) if i not in seen]
    candidates.sort(key=lambda i: (-scores[i], i))
    rank = candidates.index(target) + 1 if target in candidates else None
    return rank, candidates[:k]


def metrics(ranks, lists, n_items, k):
    """hr, ndcg, mrr and cov at k, user by user; a rank of None is a miss."""
    hr = ndcg = mrr = 0.0
    for rank in ranks:
        if rank is not None and rank <= k:
            hr += 1
            ndcg += 1 / math.log2(rank + 1)
            mrr += 1 / rank
    shown = {item for items in lists for item in items[:k]}
    n = len(ranks)
    return {"hr": hr / n, "ndcg": ndcg / n, "mrr": mrr / n, "cov": len(shown) / n_items}


def holm(p_values):
    """The textbook's loop: the k-th smallest of m times m - k + 1, never down, 1 at most."""
    tests = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    adjusted = [math.nan] * len(p_values)
    largest = 0.0
    for k, (p, place) in enumerate(tests, start=1):
        largest = max(largest, (len(tests) - k + 1) * p)
        adjusted[place] = min(1.0, largest)
    return adjusted


def two_way_means(differences, resamples, rng):
    """Means over drawn seeds (one less than there are) and drawn users, draw by draw."""
    n_seeds, n_users = len(differences), len(differences[0])
    means = []
    for _ in range(resamples):
        seeds = [rng.integers(n_seeds) for _ in range(n_seeds - 1)]
        users = [rng.integers(n_users) for _ in range(n_users)]
        total = sum(differences[s][u] for s in seeds for u in users)
        means.append(total / (len(seeds) * len(users)))
    return means


def variance_components(differences):
    """Users, seeds and residual from the mean squares of the two-way table, entry by entry."""
    n_seeds, n_users = len(differences), len(differences[0])
    everything = [(s, u) for s in range(n_seeds) for u in range(n_users)]
    mean = sum(differences[s][u] for s, u in everything) / len(everything)
    by_seed = [sum(row) / n_users for row in differences]
    by_user = [sum(row[u] for row in differences) / n_seeds for u in range(n_users)]
    ms_seeds = n_users * sum((m - mean) ** 2 for m in by_seed) / (n_seeds - 1)
    ms_users = n_seeds * sum((m - mean) ** 2 for m in by_user) / (n_users - 1)
    ms_residual = sum(
        (differences[s][u] - by_seed[s] - by_user[u] + mean) ** 2 for s, u in everything
    ) / ((n_seeds - 1) * (n_users - 1))
    return (
        max(0.0, (ms_users - ms_residual) / n_seeds),
        max(0.0, (ms_seeds - ms_residual) / n_users),
        ms_residual,
    )


def quantile_groups(feature, n_groups):
    """Each user's group: how many cuts lie below; few values are cuts all, else the quantiles."""
    cuts = set(feature)
    if len(cuts) > n_groups:
        cuts = {
            min(v for v in feature if sum(x <= v for x in feature) * n_groups >= i * len(feature))
            for i in range(1, n_groups)
        }
    return [sum(cut < value for cut in cuts) for value in feature]

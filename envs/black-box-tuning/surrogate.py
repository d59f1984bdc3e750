"""A surrogate of a job's loss over all settings, and a search that follows it.

The surrogate is a Gaussian process over the 625 settings. It is a sum of one part for the tree
(rate and depth) and one for the penalty (leaf and dropout). Everything is worked out for many jobs
side by side.
"""

import itertools

import numpy as np

LEVELS = ("0", "1", "2", "3", "4")
DROPS = ("-", "0", "1", "2", "3")
"""A dropout of ``-`` is the plain booster, for which there is no such parameter."""
SETTINGS = [" ".join(each) for each in itertools.product(LEVELS, LEVELS, LEVELS, DROPS)]
PLACES = (np.arange(5.0), np.arange(5.0), np.arange(5.0), np.r_[-2.0, np.arange(4.0)])
"""Of each parameter's levels; the plain booster lies apart from all dropouts."""
FIRST, BOLDNESS = 3, 1.0
"""Settings that are tried before the surrogate is asked; how much its doubt counts."""


def gram(effects, reach, tree):
    """How much the losses of two settings have in common: (settings, settings).

    Args:
        effects: ``"single"`` if each parameter of a part acts by itself, ``"joint"`` if what one
            does depends on the other.
        reach: Over how many levels a loss says something about others.
        tree: The share of the tree's part; the penalty has the rest.
    """
    at = np.array(list(itertools.product(range(5), repeat=4)))
    like = []
    for number, place in enumerate(PLACES):
        part = np.exp(-0.5 * ((place[:, None] - place) / reach) ** 2)
        like.append(part[at[:, number]][:, at[:, number]])
    parts = [one + two if effects == "single" else one * two for one, two in (like[:2], like[2:])]
    return tree * standard(parts[0]) + (1 - tree) * standard(parts[1])


def standard(part):
    """The same for losses that have mean 0 over all settings, and variance 1."""
    part = part - part.mean(0) - part.mean(1)[:, None] + part.mean()
    return part / np.trace(part) * len(part)


def posterior(shared, tried, losses, noise):
    """Mean and doubt for (jobs, settings), after (jobs, rounds) settings and their losses."""
    known = shared[tried[:, :, None], tried[:, None, :]] + noise**2 * np.eye(tried.shape[1])
    across = shared[tried]
    weight = np.linalg.inv(known) @ across
    mean = np.einsum("jrs,jr->js", weight, losses)
    return mean, np.sqrt(np.maximum(np.diag(shared) - (weight * across).sum(1), 1e-9))


def search(ask, jobs, rounds, shared, noise):
    """The setting to recommend for each job.

    Args:
        ask: Gets a setting for each job and returns their losses, with mean 0 and s.d. 1 or so.
        jobs: How many there are.
        rounds: How often ``ask`` may be called.
        shared: Of :func:`gram`.
        noise: How far two trainings with one setting differ.
    """
    start = np.random.default_rng(0).permutation(len(shared))[:FIRST]
    tried, losses = np.zeros((jobs, 0), int), np.zeros((jobs, 0))
    for number in range(rounds):
        if number < FIRST:
            chosen = np.full(jobs, start[number])
        else:
            mean, doubt = posterior(shared, tried, losses, noise)
            chosen = (mean - BOLDNESS * doubt).argmin(1)
        tried = np.column_stack([tried, chosen])
        losses = np.column_stack([losses, ask(chosen)])
    return posterior(shared, tried, losses, noise)[0].argmin(1)

"""The checker of histories finds what is planted, and nothing else."""
import itertools
import random

from linear import Op, check_register, take
from node import check


def brute(ops, initial):
    """Every order of every choice of the unknown ones."""
    sure = [o for o in ops if o.end is not None]
    maybe = [o for o in ops if o.end is None]
    for n in range(len(maybe) + 1):
        for chosen in itertools.combinations(maybe, n):
            for order in itertools.permutations([*sure, *chosen]):
                state = initial
                for i, op in enumerate(order):
                    if any(p.end is not None and p.end < op.start
                           for p in order[i + 1:]):
                        break
                    state = take(op, state)
                    if state is None:
                        break
                else:
                    return True
    return False


def small(rnd):
    """A history of up to six operations, right or wrong."""
    ops = []
    for i in range(rnd.randint(1, 6)):
        start = rnd.randint(0, 12)
        end = start + rnd.randint(1, 8) if rnd.random() < 0.8 else None
        kind = rnd.choice(("read", "read", "cas", "write"))
        value = rnd.randint(0, 3) if kind == "read" else rnd.choice(
            (i + 1, rnd.randint(1, 3)))
        ops.append(Op(kind, value, rnd.randint(0, 3), start, end, i))
    return ops


def test_the_checker_agrees_with_every_order_tried():
    rnd = random.Random(1)
    right = 0
    for _ in range(4000):
        ops = small(rnd)
        want = brute(ops, 0)
        right += want
        check((check_register(ops, 0) is None) == want, ops)
    check(400 < right < 3600, f"too few of a kind: {right}")


def good(rnd, count=600, clients=8):
    """A history that a right register gave: each has its moment, and unknown
    ones take place or not. It ends with a read."""
    state, free, ops, value = 0, [0.0] * clients, [], 0
    waiting = []
    for _ in range(count):
        c = rnd.randrange(clients)
        start = free[c] + rnd.random()
        moment = start + rnd.random()
        end = moment + rnd.random()
        free[c] = end
        waiting.append((moment, c, start, end))
    for moment, c, start, end in sorted(waiting):
        kind = rnd.choice(("read", "cas", "cas"))
        if kind == "read":
            ops.append(Op("read", state, None, start, end, c))
            continue
        value += 1
        lost = rnd.random() < 0.1
        happens = not lost or rnd.random() < 0.5
        ops.append(Op("cas", value, state, start, None if lost else end, c))
        state = value if happens else state
    late = max(free) + 1
    return ops + [Op("read", state, None, late, late + 1, 0)]


def plant(rnd, ops, what):
    """One thing that a broken cluster does."""
    cas = [i for i, o in enumerate(ops) if o.kind == "cas" and
           o.end is not None]
    i = rnd.choice(cas[2:-2])
    new = list(ops)
    if what == "stale read":
        end = max(o.end or 0 for o in ops[:-1])
        new.insert(-1, Op("read", ops[cas[0]].value, None, end + .1, end + .2))
    elif what == "lost write":  # acknowledged, and nobody sees it
        new.insert(-1, ops[i]._replace(value=-1))
    elif what == "two winners":  # of the same value that was there
        new.append(ops[i]._replace(value=-2))
        new.append(new.pop(-2))
    elif what == "refused, and took place":
        seen = {o.value for o in ops if o.kind == "read"} | {
            o.was for o in ops}
        new = [o for j, o in enumerate(ops) if j != i or o.value not in seen]
        if len(new) == len(ops):
            del new[i]
    elif what == "effect before it was asked":
        read = [o for o in ops if o.kind == "read" and o.value == ops[i].value]
        start = max([o.end for o in [*read, ops[i]]]) + 1
        new[i] = ops[i]._replace(start=start, end=start + 1)
    return new


def test_the_checker_finds_what_is_planted():
    """In histories of 600 operations of 8 clients, 10 % of them unknown."""
    kinds = ("stale read", "lost write", "two winners",
             "refused, and took place", "effect before it was asked")
    for seed in range(12):
        rnd = random.Random(seed)
        ops = good(rnd)
        said = check_register(ops, 0)
        check(said is None, f"seed {seed}: {said}")
        for what in kinds:
            said = check_register(plant(rnd, ops, what), 0)
            check(said is not None, f"seed {seed}: {what} was not found")

"""linear.py - is a history of one register linearizable?

An operation has the time it was asked for, the time it was answered, what it
was and what came out. It took effect at one moment between the two; when the
outcome is unknown (end is None), at one moment after the first, or never. The
history is linearizable if there are moments for which every answer is right.

The search is Wing and Gong's with Lowe's memo: take any operation that could
be the next, go on, come back when that leads nowhere, and never look twice at
the same set of taken operations with the same value.
"""
import collections

# kind: "read" (value: what it gave), "write" (value: what it put), "cas"
# (was: what it found there, value: what it put). Refused writes have no
# effect, and are left out.
Op = collections.namedtuple("Op", "kind value was start end client",
                            defaults=(None, 0, 0, 0))


def take(op, state):
    """The value after op, or None if it cannot have taken place here. A value
    is never None."""
    if op.kind == "read":
        return state if op.value == state else None
    if op.kind == "cas" and op.was != state:
        return None
    return op.value


def needed(ops, initial):
    """Without operations of unknown outcome that nobody saw the effect of:
    values are written once, and the last operation is a read, so if such a
    one took place then nothing after it can have."""
    values = [o.value for o in ops if o.kind != "read"]
    if len(values) != len(set(values)) or initial in values:
        return ops  # a value may be written twice: every one counts
    if not ops or max(ops, key=lambda o: o.start).kind != "read":
        return ops
    last = max(o.start for o in ops)
    if any(o.end is not None and o.end > last and o.kind != "read"
           for o in ops):
        return ops
    seen = {o.value for o in ops if o.end is not None and o.kind == "read"}
    seen |= {o.was for o in ops if o.end is not None and o.kind == "cas"}
    by_value = {o.value: o for o in ops if o.kind != "read"}
    todo = list(seen)
    while todo:  # what the seen ones needed is seen, too
        o = by_value.get(todo.pop())
        if o is not None and o.kind == "cas" and o.was not in seen:
            seen.add(o.was)
            todo.append(o.was)
    return [o for o in ops if o.end is not None or
            (o.kind != "read" and o.value in seen)]


class Entry:
    """Of the list of asks and answers in the order of time."""
    __slots__ = ("op", "number", "answer", "prev", "next")

    def __init__(self, op, number):
        self.op, self.number = op, number
        self.answer = self.prev = self.next = None


def make_list(ops):
    """head; asks point at their answers, answers have answer None."""
    events = []
    for i, op in enumerate(ops):
        ask, answer = Entry(op, i), Entry(op, i)
        ask.answer = answer
        end = float("inf") if op.end is None else op.end
        events += [(op.start, 0, i, ask), (end, 1, i, answer)]
    head = last = Entry(None, -1)
    for _, _, _, e in sorted(events, key=lambda ev: ev[:3]):
        last.next, e.prev = e, last
        last = e
    return head


def lift(ask):
    for e in (ask, ask.answer):
        e.prev.next = e.next
        if e.next is not None:
            e.next.prev = e.prev


def put_back(ask):
    for e in (ask.answer, ask):
        e.prev.next = e
        if e.next is not None:
            e.next.prev = e


def check_register(ops, initial):
    """None if it is linearizable, else a sentence that says where not: the
    longest part that is, and who could not follow it."""
    ops = needed(ops, initial)
    head = make_list(ops)
    certain = sum(o.end is not None for o in ops)
    taken, state, seen, stack = 0, initial, set(), []
    done, best = 0, (-1, initial, None)
    e = head.next
    while done < certain:
        after = take(e.op, state) if e.answer is not None else None
        if after is not None and (taken | 1 << e.number, after) not in seen:
            stack.append((e, state))
            taken |= 1 << e.number
            seen.add((taken, after))
            done += e.op.end is not None
            state = after
            lift(e)
            e = head.next
            continue
        if e.answer is None:  # it is answered, and was not taken
            if done > best[0]:
                best = (done, state, e.op)
            if not stack:
                return (f"not linearizable: after {best[0]} of {certain} "
                        f"operations the value is {best[1]!r}, and this one "
                        f"cannot be fitted in: {best[2]}")
            e, state = stack.pop()
            put_back(e)
            taken &= ~(1 << e.number)
            done -= e.op.end is not None
        e = e.next
    return None

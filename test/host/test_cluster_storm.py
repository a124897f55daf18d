"""The storm: everything that can happen to a host, while clients write."""
import os
import random
import time

from cluster import SLOW, Cluster
from node import check, wait_for
from writer import Load

SECONDS = int(os.environ.get("STORM", "45"))


class Nemesis:
    """Does something bad, for a while, and ends it."""

    def __init__(self, c, rnd):
        self.c, self.rnd = c, rnd
        self.did = []

    def some_manager(self):
        """The leader, half of the time."""
        managers = self.c.hosts[:3]
        if self.rnd.random() < 0.5:
            return self.c.leader()
        return self.rnd.choice(managers)

    def rest(self):
        time.sleep(self.rnd.uniform(0.3, 2) * SLOW)

    def kill_daemon(self):
        h = self.some_manager()
        h.kill()
        self.rest()
        h.start(wait=False)
        return h

    def kill_worker_daemon(self):
        h = self.rnd.choice(self.c.hosts[3:])
        h.kill()
        self.rest()
        h.start(wait=False)
        return h

    def kill_host(self):
        h = self.rnd.choice([self.some_manager(), *self.c.hosts[3:]])
        h.power_off()
        self.rest()
        h.boot(wait=False)
        return h

    def kill_majority(self):
        two = self.rnd.sample(self.c.hosts[:3], 2)
        for h in two:
            h.kill()
        self.rest()
        for h in two:
            h.start(wait=False)
        return two

    def pause(self):
        h = self.some_manager()
        h.pause()
        time.sleep(self.rnd.uniform(0.5, 4))
        h.go_on()
        return h

    def cut_off(self):
        h = self.rnd.choice([self.some_manager(), *self.c.hosts])
        self.c.cut([h], [o for o in self.c.hosts if o is not h])
        self.rest()
        self.rest()
        self.c.heal()
        return h

    def one_way(self):
        """a is not heard by b, or by all, but hears them."""
        a = self.some_manager()
        others = [h for h in self.c.hosts if h is not a]
        deaf = others if self.rnd.random() < 0.5 else [self.rnd.choice(others)]
        for b in deaf:
            b.drop_from(a)
        self.rest()
        self.rest()
        self.c.heal()
        return a, deaf

    def stop(self):
        h = self.some_manager()
        h.stop()
        h.start(wait=False)
        return h

    def strike(self):
        what = self.rnd.choice((
            self.kill_daemon, self.kill_daemon, self.kill_worker_daemon,
            self.kill_host, self.kill_majority, self.pause, self.cut_off,
            self.one_way, self.stop))
        began = time.monotonic()
        whom = what()
        names = [h.name for h in whom if hasattr(h, "name")] \
            if isinstance(whom, (list, tuple)) else whom.name
        self.did.append(f"{began:.1f} {what.__name__} {names}")
        for h in self.c.hosts:
            wait_for(f"{h.name} answers", h.answers)


def test_storm():
    """Whatever happens to daemons, hosts and links: each register's history
    is linearizable, nothing acknowledged is gone, and afterwards all agree
    and exactly what is wanted runs."""
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    rnd = random.Random(seed)
    with Cluster(managers=3, workers=2) as c:
        nemesis = Nemesis(c, rnd)
        c.leader().create("--name", "w", "--replicas", "5", "--restart-delay",
                          "0s", "--stop-grace-period", "1s", "swarm/whoami")
        load = Load(c.hosts[:3], seed=seed)
        try:
            with load:
                end = time.monotonic() + SECONDS
                while time.monotonic() < end:
                    time.sleep(rnd.uniform(0, 1))
                    before = load.acknowledged()
                    nemesis.strike()
                    wait_for("writes go on", lambda b=before:
                             load.acknowledged() > b + 5, 20 * SLOW)
            c.wait_ready(seconds=30 * SLOW)
            c.wait_converged(seconds=30 * SLOW)
            for m in c.hosts[:3]:
                load.prove(m)
            print(f"# storm: seed {seed}, {len(nemesis.did)} faults, "
                  f"{load.summary()}")
            check(load.acknowledged() > 20 * SECONDS / SLOW, load.summary())
        except BaseException:
            print(f"seed {seed}; {load.summary()}", *nemesis.did, sep="\n")
            raise

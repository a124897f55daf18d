"""The storm: everything that can happen to a host, while clients write."""
import os
import random
import time

from cluster import SLOW, Cluster
from node import check, wait_for
from writer import Load

SECONDS = int(os.environ.get("STORM", "45"))


class Nemesis:
    """Does something bad, for a while, and ends it. Each kind comes once
    before one comes again."""

    def __init__(self, c, rnd):
        self.c, self.rnd = c, rnd
        self.did, self.deck = [], []

    def leader(self):
        return self.c.leader()

    def follower(self):
        leader = self.c.leader()
        return self.rnd.choice([h for h in self.c.hosts[:3]
                                if h is not leader])

    def worker(self):
        return self.rnd.choice(self.c.hosts[3:])

    def rest(self, most=2):
        time.sleep(self.rnd.uniform(0.3, most) * SLOW)

    def others(self, h):
        return [o for o in self.c.hosts if o is not h]

    def kill_daemon(self, h):
        h.kill()
        self.rest()
        h.start(wait=False)

    def kill_host(self, h):
        h.power_off()
        self.rest()
        h.boot(wait=False)

    def kill_majority(self, h):
        two = [h, self.rnd.choice([o for o in self.c.hosts[:3]
                                   if o is not h])]
        for h in two:
            h.kill()
        self.rest()
        for h in two:
            h.start(wait=False)

    def pause(self, h):
        h.pause()
        self.rest(4)
        h.go_on()

    def cut_off(self, h):
        self.c.cut([h], self.others(h))
        self.rest(4)
        self.c.heal()

    def mute(self, h):
        """It hears all, and nobody hears it."""
        for o in self.others(h):
            o.drop_from(h)
        self.rest(4)
        self.c.heal()

    def deafen(self, h):
        h.drop_from(*self.others(h))
        self.rest(4)
        self.c.heal()

    def cut_pair(self, h):
        self.rnd.choice(self.others(h)).drop_from(h)
        self.rest(4)
        self.c.heal()

    def stop(self, h):
        h.stop()
        h.start(wait=False)

    def kinds(self):
        return [(what, whom) for what, whoms in (
            (self.kill_daemon, (self.leader, self.follower, self.worker)),
            (self.kill_host, (self.leader, self.worker)),
            (self.kill_majority, (self.leader,)),
            (self.pause, (self.leader, self.follower)),
            (self.cut_off, (self.leader, self.follower, self.worker)),
            (self.mute, (self.leader,)), (self.deafen, (self.leader,)),
            (self.cut_pair, (self.leader, self.follower)),
            (self.stop, (self.leader,))) for whom in whoms]

    def strike(self):
        if not self.deck:
            self.deck = self.kinds()
            self.rnd.shuffle(self.deck)
        what, whom = self.deck.pop()
        h, began = whom(), time.monotonic()
        what(h)
        self.did.append(f"{began:.1f} {what.__name__} {whom.__name__} "
                        f"{h.name}")
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

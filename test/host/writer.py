"""writer.py - clients that write and read throughout, and note what came out.

A register is a label of a service without tasks: written by an update that
names the version it read (a compare and swap), and read by an inspect. Each
write has an Idempotency-Key; half of the clients ask again with the same key,
of another manager, until they know, the others leave it at "unknown".
"""
import http.client
import json
import random
import threading
import time

from linear import Op, check_register
from node import Unix, check

IMAGE = {"ContainerSpec": {"Image": "swarm/whoami"}}
OUT_OF_SEQUENCE = "update out of sequence"
TRIES = 40  # of one that wants to know


class Unsure(Exception):
    """It may have been done, or not."""


def spec_of(name, value):
    return {"Name": name, "Labels": {"v": str(value)}, "TaskTemplate": IMAGE,
            "Mode": {"Replicated": {"Replicas": 0}}}


class Client(threading.Thread):
    """One that asks one thing after the other, until told to stop."""

    def __init__(self, load, number):
        super().__init__(daemon=True)
        self.load, self.number = load, number
        self.rnd = random.Random(load.seed * 1000 + number)
        self.insists = number % 2 == 0
        self.known = {}     # register: (version, value) as last read
        self.ops = {r: [] for r in load.registers}
        self.created, self.unsure = [], []
        self.conn = self.at = None
        self.writes = self.count = 0
        self.failure = None

    # ---- asking ----

    def hang_up(self):
        if self.conn is not None:
            self.conn.close()
        self.conn = None

    def ask_once(self, method, path, body, headers):
        """(status, body), or Unsure."""
        try:
            if self.conn is None:
                self.at = self.rnd.choice(self.load.hosts)
                self.conn = Unix(self.at.sock, self.load.timeout)
            self.conn.request(method, path, body, headers)
            a = self.conn.getresponse()
            return a.status, a.read().decode()
        except (OSError, http.client.HTTPException) as e:
            self.hang_up()
            raise Unsure(str(e)) from None

    def ask(self, method, path, body=None, key=None):
        """The same, asked again while it is not known and that is wanted."""
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        sent = False
        for i in range(TRIES if key and self.insists else 1):
            if i:
                time.sleep(0.05)
            try:
                status, said = self.ask_once(method, path, body, headers)
            except Unsure:
                sent = True
                continue
            if status == 503:
                self.hang_up()
                sent = sent or "outcome is unknown" in said
                continue
            return status, said
        if sent or not key:
            raise Unsure("no answer")
        return status, said

    # ---- what it does ----

    def read(self, register):
        start = time.monotonic()
        try:
            status, said = self.ask("GET", "/services/" + register)
        except Unsure:
            return
        end = time.monotonic()
        if status != 200:
            return
        s = json.loads(said)
        value = int(s["Spec"]["Labels"]["v"])
        self.known[register] = s["Version"]["Index"], value
        self.ops[register].append(Op("read", value, None, start, end,
                                     self.number))

    def swap(self, register):
        if register not in self.known:
            self.read(register)
            return
        version, was = self.known.pop(register)
        self.count += 1
        value = self.number * 1000000 + self.count
        start = time.monotonic()
        try:
            status, said = self.ask(
                "POST", f"/services/{register}/update?version={version}",
                json.dumps(spec_of(register, value)), f"w{value}")
            end = time.monotonic()
        except Unsure:
            status, said, end = 200, "", None
        if status == 200:
            self.ops[register].append(Op("cas", value, was, start, end,
                                         self.number))
            self.writes += end is not None
        elif OUT_OF_SEQUENCE not in said and status != 503:
            self.failure = self.failure or f"update: {status} {said}"

    def create(self):
        self.count += 1
        name = f"c{self.number}-{self.count}"
        try:
            status, said = self.ask("POST", "/services/create", json.dumps(
                spec_of(name, 0)), name)
        except Unsure:
            self.unsure.append(name)
            return
        if status == 201:
            self.created.append((name, json.loads(said)["ID"]))
            self.writes += 1
        elif status != 503:  # 409: it was done before and is not known of
            self.failure = self.failure or f"create: {status} {said}"

    def run(self):
        while not self.load.done.is_set():
            register = self.rnd.choice(self.load.registers)
            what = self.rnd.random()
            if what < 0.02:
                self.create()
            elif what < 0.4:
                self.read(register)
            else:
                self.swap(register)
            if self.rnd.random() < 0.05:
                self.hang_up()  # and ask another one next time
            time.sleep(self.load.pause)


class Load:
    """Clients at work on hosts (managers), and the proof of what they saw."""

    def __init__(self, hosts, clients=6, registers=3, seed=1, timeout=4,
                 pause=0.002):
        self.hosts, self.seed, self.timeout = list(hosts), seed, timeout
        self.pause = pause
        self.registers = [f"reg{i}" for i in range(registers)]
        self.done = threading.Event()
        self.clients = [Client(self, i + 1) for i in range(clients)]

    def __enter__(self):
        for r in self.registers:
            a = self.hosts[0].ask("POST", "/services/create", spec_of(r, 0))
            check(a.status == 201, a.body)
        for c in self.clients:
            c.start()
        return self

    def __exit__(self, *why):
        self.stop()

    def stop(self):
        self.done.set()
        for c in self.clients:
            c.join(TRIES * (self.timeout + 1))
            check(not c.is_alive(), "a client hangs")
            c.hang_up()

    def acknowledged(self):
        return sum(c.writes for c in self.clients)

    def prove(self, at):
        """All is there that was acknowledged, once; each register's history
        is linearizable. Stopped, and asked of the host at."""
        for c in self.clients:
            check(c.failure is None, f"client {c.number}: {c.failure}")
        there = {}
        for s in at.ask("GET", "/services").json():
            check(s["Spec"]["Name"] not in there, f"two of {s['Spec']}")
            there[s["Spec"]["Name"]] = s
        may = set(self.registers)
        for c in self.clients:
            for name, id_ in c.created:
                check(name in there and there[name]["ID"] == id_,
                      f"{name} {id_} was acknowledged, and is gone")
            may |= {name for name, _ in c.created} | set(c.unsure)
        extra = {n for n in there if n.startswith("c") and n not in may}
        check(not extra, f"refused, and there: {extra}")
        now = time.monotonic()
        for r in self.registers:
            ops = [o for c in self.clients for o in c.ops[r]]
            value = int(there[r]["Spec"]["Labels"]["v"])
            ops.append(Op("read", value, None, now, now + 1, 0))
            said = check_register(ops, 0)
            check(said is None, f"{r}: {said}")

    def summary(self):
        ops = [o for c in self.clients for v in c.ops.values() for o in v]
        return (f"{len(ops)} operations, {self.acknowledged()} acknowledged "
                f"writes, {sum(o.end is None for o in ops)} unknown, "
                f"{sum(len(c.unsure) for c in self.clients)} creates unknown")

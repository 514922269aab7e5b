#!/usr/bin/env python3
"""Measures a train round of eight real daemons beside the bare training loop, in turns.

    tests/bench/train_round.py [BUILD_DIR] [--turns N]        (default build/release, 3)

Daemons: a testbed on every core, D-PSGD, 3-regular, 20 local steps; the median round of the newest
ten of all nodes. The bare loop: as many steps in all, shared by one process for each core that does
nothing but train (`step_bench serve`), all at once; the time until the last one is done.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import threading
import time

NODES = 8
STEPS = 20
ROUNDS = 14
MEASURED = 10
MODEL = "gn-lenet"
TARGET = 1.08


def daemons(binaries):
    """The median round in seconds."""
    skipctl = str(binaries / "skipctl")
    with tempfile.TemporaryDirectory(prefix="skt-") as folder:
        run = [skipctl, "testbed", "run", "--nodes", NODES, "--rounds", ROUNDS, "--policy", "dpsgd",
               "--topology", "regular:3", "--model", MODEL, "--partition", "iid", "--batch-size", 32,
               "--local-steps", STEPS, "--eval-samples", 32, "--dir", folder, "--keep", "-o", "json"]
        subprocess.run([str(word) for word in run], check=True, capture_output=True)
        try:
            times = []
            for node in range(NODES):
                ask = [skipctl, "-e", f"{folder}/node-{node}/control.sock", "-o", "json",
                       "rounds", "--last", str(MEASURED)]
                answer = subprocess.run(ask, check=True, capture_output=True, text=True).stdout
                times += [record["round_seconds"] for record in json.loads(answer)["rounds"]]
            assert len(times) == NODES * MEASURED, f"{len(times)} rounds measured"
            return statistics.median(times)
        finally:
            subprocess.run([skipctl, "testbed", "down", "--dir", folder], check=True,
                           capture_output=True)


class Loop:
    def __init__(self, binaries, core):
        self.process = subprocess.Popen(
            [binaries / "step_bench", "serve"], text=True, bufsize=1, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, preexec_fn=lambda: os.sched_setaffinity(0, {core}))

    def train(self, steps):
        self.process.stdin.write(f"fast {MODEL} {steps}\n")
        assert self.process.stdout.readline(), "step_bench ended"

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def bare(loops, steps):
    """Seconds that all loops take together for `steps` steps each."""
    begin = time.perf_counter()
    threads = [threading.Thread(target=loop.train, args=(steps,)) for loop in loops]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begin


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", default=root / "build/release", type=pathlib.Path)
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    binaries = arguments.build.resolve() / "bin"
    cores = sorted(os.sched_getaffinity(0))
    share = NODES * STEPS // len(cores)
    pairs = []
    loops = [Loop(binaries, core) for core in cores]
    bare(loops, 5)
    for _ in range(arguments.turns):
        alone = statistics.median(bare(loops, share) for _ in range(5))
        pairs.append((alone, daemons(binaries)))
        print(f"{MODEL}: {share} steps on each of {len(cores)} cores {1e3 * pairs[-1][0]:.1f} ms, "
              f"a round of {NODES} daemons {1e3 * pairs[-1][1]:.1f} ms: "
              f"{pairs[-1][1] / pairs[-1][0]:.3f}", flush=True)
    for loop in loops:
        loop.end()
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"median ratio {ratio:.3f} (target at most {TARGET})")
    return 0 if ratio <= TARGET else 1


if __name__ == "__main__":
    raise SystemExit(main())

#!/usr/bin/env python3
"""Whether training converges alike with train.fast_paths and without, in the simulator.

    tests/bench/convergence.py [BUILD_DIR] [--seeds N] [SIMULATOR FLAGS...]  (build/release, 5)

Runs each seed both ways, prints final test accuracies and losses over the nodes, and their mean and
standard deviation over the seeds. Exit status 1 if the means of the accuracies lie further apart
than twice the standard error of their difference. Flags it does not know go to skiptrain-sim.
"""

import argparse
import json
import math
import pathlib
import statistics
import subprocess
import sys

FLAGS = ["--nodes", "4", "--rounds", "16", "--topology", "complete", "--policy", "skiptrain",
         "--train", "4", "--sync", "4", "--model", "gn-lenet", "--partition", "shards:4",
         "--local-steps", "10", "--batch-size", "32", "--lr", "0.1", "--end-samples", "2000"]


def simulate(binary, seed, fast, flags):
    command = [str(binary), *FLAGS, "--seed", str(seed), "--set",
               f"train.fast_paths={str(fast).lower()}", *flags, "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    run = json.loads(done.stdout)
    run = run["runs"][0] if "runs" in run else run
    losses = [node["test_loss"] for node in run["per_node"]]
    return run["test_accuracy"]["mean"], statistics.mean(losses)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2] / "build/release")
    parser.add_argument("--seeds", type=int, default=5)
    arguments, flags = parser.parse_known_args()
    if arguments.seeds < 2:
        parser.error("--seeds: at least 2")
    results = {True: [], False: []}
    print(f"{'seed':>6} {'accuracy on':>12} {'off':>8} {'loss on':>9} {'off':>8}")
    for seed in range(1, arguments.seeds + 1):
        for fast in (True, False):
            results[fast].append(simulate(arguments.build / "bin/skiptrain-sim", seed, fast, flags))
        (on, on_loss), (off, off_loss) = results[True][-1], results[False][-1]
        print(f"{seed:6} {on:12.4f} {off:8.4f} {on_loss:9.4f} {off_loss:8.4f}", flush=True)
    summary = {}
    for fast, pairs in results.items():
        accuracies, losses = zip(*pairs)
        summary[fast] = statistics.mean(accuracies), statistics.stdev(accuracies)
        print(f"fast_paths {'on ' if fast else 'off'}: accuracy {summary[fast][0]:.4f} "
              f"± {summary[fast][1]:.4f}, loss {statistics.mean(losses):.4f} "
              f"± {statistics.stdev(losses):.4f}")
    apart = abs(summary[True][0] - summary[False][0])
    error = math.sqrt((summary[True][1] ** 2 + summary[False][1] ** 2) / arguments.seeds)
    print(f"apart {apart:.4f}; standard error of the difference {error:.4f}")
    return 1 if apart > 2 * error else 0


if __name__ == "__main__":
    sys.exit(main())

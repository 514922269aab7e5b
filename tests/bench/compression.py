#!/usr/bin/python3
"""What compressed updates save and cost, in the simulator.

    tests/bench/compression.py [--binaries DIR] [--nodes N] [--rounds T] [--seed N] [--dataset DIR]
                               [--network NAME] [COMPRESSION ...]

One run of SkipTrain for each compression, on GN-LeNet with two label shards per node, and a table:
accuracy, the nodes' distance from their mean, bytes sent per node, and virtual time.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ALL = ["none", "bf16", "fp16", "int8", "top-k:0.1", "top-k:0.01"]


def simulate(arguments, compression, out):
    command = [
        os.path.join(arguments.binaries, "skipctl"), "sim", "--nodes", arguments.nodes,
        "--rounds", arguments.rounds, "--topology", arguments.topology, "--model", "gn-lenet",
        "--partition", "shards:2", "--local-steps", 10, "--batch-size", 32, "--lr", 0.1,
        "--seed", arguments.seed, "--network", arguments.network, "--compression", compression,
        "--json", out]
    if arguments.dataset:
        command += ["--dataset", arguments.dataset]
    for setting in arguments.set:
        command += ["--set", setting]
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    return json.loads(pathlib.Path(out).read_text())["runs"][0]


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("compressions", nargs="*", metavar="COMPRESSION", default=ALL)
    parser.add_argument("--binaries", default=str(root / "build/release/bin"))
    parser.add_argument("--nodes", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=48)
    parser.add_argument("--topology", default="regular:4")
    parser.add_argument("--network", default="wifi")
    parser.add_argument("--dataset")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print("| compression | accuracy % (mean ± std over nodes) | consensus distance "
          "| MB sent per node | of none | virtual s |\n|---|---|---|---|---|---|")
    plain = None
    with tempfile.TemporaryDirectory() as folder:
        for compression in arguments.compressions:
            run = simulate(arguments, compression, os.path.join(folder, "run.json"))
            sent = run["bytes_sent"] / arguments.nodes
            if compression == "none":
                plain = sent
            share = f"{100 * sent / plain:.1f} %" if plain else "-"
            accuracy = run["test_accuracy"]
            print(f"| `{compression}` | {100 * accuracy['mean']:.2f} ± "
                  f"{100 * accuracy['std']:.2f} | {run['consensus_distance']:.3f} | "
                  f"{sent / 1e6:.2f} | {share} | "
                  f"{run['virtual_seconds']:.1f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

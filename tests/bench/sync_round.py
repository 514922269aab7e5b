#!/usr/bin/env python3
"""Measures a sync round of eight real daemons, 3-regular, beside raw loopback TCP in the same run.

    tests/bench/sync_round.py [BUILD_DIR]        (default build/release)

For each model it starts a testbed in which nobody may train (greedy, with a budget of 0 Wh), lets
300 rounds pass, and prints the median over the newest 200 rounds of all nodes. The line before it
is the same traffic over plain TCP sockets, without protocol, checks or mixing (exchange_bench).
"""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

NODES = 8
ROUNDS = 300
MEASURED = 200
# Model, its parameters, and the target in ms on two cores.
MODELS = [("gn-lenet", 83_754, 5.0), ("femnist-cnn", 1_690_046, 65.0)]


def raw_tcp(binaries: pathlib.Path, parameters: int) -> str:
    command = [binaries / "exchange_bench", "--rounds", "100", "--parameters", str(parameters)]
    table = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return "\n".join(line for line in table.splitlines() if "TCP" in line or "median" in line)


def daemons(binaries: pathlib.Path, model: str) -> float:
    skipctl = binaries / "skipctl"
    with tempfile.TemporaryDirectory(prefix="skt-") as folder:
        run = [skipctl, "testbed", "run", "--nodes", NODES, "--rounds", ROUNDS, "--policy", "greedy",
               "--budget-wh", 0, "--topology", "regular:3", "--model", model, "--partition", "iid",
               "--dir", folder, "--keep", "-o", "json"]
        subprocess.run([str(word) for word in run], check=True, capture_output=True)
        try:
            times = []
            for node in range(NODES):
                ask = [skipctl, "-e", f"{folder}/node-{node}/control.sock", "-o", "json",
                       "rounds", "--last", str(MEASURED)]
                answer = subprocess.run(ask, check=True, capture_output=True, text=True).stdout
                records = json.loads(answer)
                records = records.get("rounds", records) if isinstance(records, dict) else records
                times += [record["round_seconds"] for record in records]
            assert len(times) == NODES * MEASURED, f"{len(times)} rounds measured"
            return 1e3 * statistics.median(times)
        finally:
            subprocess.run([skipctl, "testbed", "down", "--dir", folder], check=True,
                           capture_output=True)


def main() -> int:
    root = pathlib.Path(__file__).resolve().parents[2]
    binaries = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else root / "build/release") / "bin"
    met = True
    for model, parameters, target in MODELS:
        print(raw_tcp(binaries, parameters), flush=True)
        median = daemons(binaries, model)
        met = met and median < target
        print(f"{model}: sync round of {NODES} daemons, median {median:.2f} ms "
              f"(target below {target:g} ms)\n", flush=True)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

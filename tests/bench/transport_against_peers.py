#!/usr/bin/env python3
"""Compares bench_transport with ucx_perftest, Open MPI and Gloo, in turns on the same cores, and prints Markdown tables.

Usage: transport_against_peers.py [--bench build/bin/bench_transport] [--repeats 5] [--ranks 2] [--python PYTHON]
                                  [--only point|collectives] [--to BYTES] [--quiet-secs 60]

Every repeat runs each program once, in turn, after waiting until others leave the machine alone (at most --quiet-secs).
A program's figure is the median over the repeats of its best tenth of blocks; in brackets the least and the greatest
of the repeats' medians. PYTHON is one that has torch, for Gloo; without it Gloo is left out. Needs ucx_perftest, mpicxx
and mpirun, or leaves out what is missing.
"""
import argparse
import collections
import math
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
OPERATIONS = ["all_reduce", "all_gather", "reduce_scatter", "all_to_all"]


def busy_share(seconds=0.4):
    def read():
        with open("/proc/stat", encoding="ascii") as stat:
            return [int(word) for word in stat.readline().split()[1:9]]
    before = read()
    time.sleep(seconds)
    change = [late - early for early, late in zip(before, read())]
    return 1 - (change[3] + change[4]) / max(1, sum(change))


class Quiet:
    """Waits for an idle machine, and counts how often it was not to be had."""
    def __init__(self, limit):
        self.limit, self.waits, self.failures = limit, 0, 0

    def wait(self):
        self.waits += 1
        deadline = time.time() + self.limit
        while busy_share() > 0.15:
            if time.time() > deadline:
                self.failures += 1
                return


def figures(command, environment=None, limit=120):
    """{(what, bytes): (median, best tenth)} from a program's lines; nothing where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=True,
                              env={**os.environ, **(environment or {})})
    except (subprocess.SubprocessError, OSError) as failure:
        print(f"{command[0]}: {failure}", file=sys.stderr)
        return {}
    found = {}
    for line in done.stdout.splitlines():
        words = line.split()
        if len(words) == 5:
            found[words[0], int(words[1])] = (float(words[2]), float(words[3]))
    return found


class Samples:
    def __init__(self):
        self.all = collections.defaultdict(list)

    def add(self, program, found):
        for key, pair in found.items():
            self.all[program, *key].append(pair)

    def best(self, program, what, size):
        pairs = self.all.get((program, what, size))
        return statistics.median(best for _, best in pairs) if pairs else None

    def text(self, program, what, size):
        pairs = self.all.get((program, what, size))
        if not pairs:
            return "–"
        medians = [median for median, _ in pairs]
        return f"{self.best(program, what, size):.3g} [{min(medians):.3g}, {max(medians):.3g}]"


def perftest(test, size, iterations, transports):
    """The same figure by ucx_perftest on cores 0 and 1: one way in µs, or GB/s; in short runs, best tenth as above."""
    environment = {**os.environ, "UCX_WARN_UNUSED_ENV_VARS": "n"}
    if transports:
        environment["UCX_TLS"] = transports
    port = str(20000 + os.getpid() % 10000)
    server = subprocess.Popen(["ucx_perftest", "-c", "0", "-p", port], env=environment, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    try:
        client = subprocess.run(["ucx_perftest", "-c", "1", "-p", port, "127.0.0.1", "-t", test, "-s", str(size), "-n",
                                 str(iterations), "-f", "-v"], env=environment, capture_output=True, text=True,
                                timeout=120, check=False)
        server.wait(10)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()
    last = client.stdout.strip().splitlines()[-1:]
    columns = last[0].split(",") if last else []
    if len(columns) < 8:
        return None
    return float(columns[1]) if test.endswith("lat") else float(columns[5]) * 2**20 / 1e9


def compare_points(arguments, quiet):
    samples = Samples()
    ways = {"shared memory": "", "tcp": "tcp,self"}
    for _ in range(arguments.repeats):
        for way, transports in ways.items():
            options = ["--transports", transports] if transports else []
            quiet.wait()
            ours = figures([arguments.bench, "latency", "bandwidth", *([] if transports else ["sleep"]), *options,
                            "--blocks", "20" if transports else "100"])
            samples.add(f"dsrun {way}", ours)
            quiet.wait()
            actors = str(pathlib.Path(arguments.bench).with_name("bench_actor_latency"))
            samples.add(f"dsrun {way}", figures([actors], {"UCX_TLS": transports} if transports else None))
            for what, test, size, iterations in [
                    ("tag_latency", "tag_lat", 8, 100_000), ("message_latency", "ucp_am_lat", 8, 100_000),
                    ("tag_bandwidth", "tag_bw", 4 << 20, 300), ("message_bandwidth", "ucp_am_bw", 4 << 20, 300)]:
                quiet.wait()
                figure = perftest(test, size, iterations // (10 if transports else 1), transports)
                if figure is not None:
                    samples.add(f"perftest {way}", {(what, size): (figure, figure)})
    print("| what | dsrun | ucx_perftest | dsrun / ucx_perftest |\n|---|---|---|---|")
    for way in ways:
        for what, size in [("tag_latency", 8), ("message_latency", 8), ("tag_bandwidth", 4 << 20),
                           ("message_bandwidth", 4 << 20), ("sleep_latency", 8), ("actor_latency", 8)]:
            own, peer = (samples.best(f"{name} {way}", what, size) for name in ("dsrun", "perftest"))
            if own is None:
                continue
            ratio = f"{own / peer:.2f}" if peer else "–"
            unit = "GB/s" if what.endswith("bandwidth") else "µs"
            print(f"| {what}, {way}, {unit} | {samples.text(f'dsrun {way}', what, size)} | "
                  f"{samples.text(f'perftest {way}', what, size)} | {ratio} |")


def collective_programs(arguments, folder):
    first, last, blocks, ranks = "1024", str(arguments.to), "40", str(arguments.ranks)
    programs = {"dsrun": [arguments.bench, "collectives", "--ranks", ranks, "--from", first, "--to", last,
                          "--blocks", blocks]}
    if shutil.which("mpicxx") and shutil.which("mpirun"):
        program = f"{folder}/collectives_mpi"
        subprocess.run(["mpicxx", "-O3", "-march=native", "-std=c++20", HERE / "peers/collectives_mpi.cpp", "-o", program],
                       check=True)
        mpirun = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", ranks]
        sizes = [program, first, last, blocks]
        programs["Open MPI, vader"] = [*mpirun, "--mca", "pml", "ob1", "--mca", "btl", "vader,self", *sizes]
        programs["Open MPI, UCX"] = [*mpirun, "--mca", "pml", "ucx", "--mca", "pml_ucx_tls", "any", "--mca",
                                     "pml_ucx_devices", "any", *sizes]
    if arguments.python:
        programs["Gloo"] = [arguments.python, HERE / "peers/collectives_gloo.py", ranks, first, last, blocks]
    return programs


def compare_collectives(arguments, quiet):
    samples = Samples()
    with tempfile.TemporaryDirectory() as folder:
        programs = collective_programs(arguments, folder)
        for _ in range(arguments.repeats):
            for name, command in programs.items():
                quiet.wait()
                samples.add(name, figures(command))
    peers = [name for name in programs if name != "dsrun"]
    print(f"| {arguments.ranks} processes, µs | bytes | dsrun | {' | '.join(peers)} | best peer / dsrun |")
    print("|---|---|---|" + "---|" * len(peers) + "---|")
    ratios = []
    for what in OPERATIONS:
        size = 1024
        while size <= arguments.to:
            own = samples.best("dsrun", what, size)
            others = [best for best in (samples.best(peer, what, size) for peer in peers) if best]
            ratio = min(others) / own if own and others else None
            if ratio and size >= 64 << 10:
                ratios.append((ratio, what, size))
            row = [samples.text(name, what, size) for name in ["dsrun", *peers]]
            print(f"| {what} | {size} | {' | '.join(row)} | {f'{ratio:.2f}' if ratio else '–'} |")
            size *= 4
    if ratios:
        mean = math.exp(statistics.mean(math.log(ratio) for ratio, *_ in ratios))
        least = min(ratios)
        print(f"\nFrom 64 KiB up: geometric mean {mean:.2f}, least {least[0]:.2f} ({least[1]}, {least[2]} bytes).")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", default="build/bin/bench_transport")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--python", default="")
    parser.add_argument("--only", choices=["point", "collectives"])
    parser.add_argument("--to", type=int, default=64 << 20)
    parser.add_argument("--quiet-secs", type=float, default=60)
    arguments = parser.parse_args()
    quiet = Quiet(arguments.quiet_secs)
    if arguments.only != "collectives" and shutil.which("ucx_perftest"):
        compare_points(arguments, quiet)
        print()
    if arguments.only != "point":
        compare_collectives(arguments, quiet)
    print(f"\nThe machine was not quiet for {quiet.failures} of {quiet.waits} runs; load now {os.getloadavg()[0]:.1f}.")


if __name__ == "__main__":
    main()

"""The collectives of tests/bench/transport.cpp that torch.distributed offers over Gloo, timed and printed in the same way.

Usage: collectives_gloo.py RANKS FROM_BYTES TO_BYTES BLOCKS
"""
import os
import sys
import tempfile
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def tenths(times):
    times = sorted(times)
    return [times[(len(times) - 1) * tenth // 10] for tenth in (5, 1, 9)]


def run(rank, num_ranks, first, last, blocks, meeting):
    os.sched_setaffinity(0, {rank % os.cpu_count()})
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=num_ranks)
    size = first
    while size <= last:
        whole = torch.zeros(size // 4)
        own = torch.zeros(size // 4 // num_ranks)
        calls = max(1, min(50, (1 << 20) // size))
        operations = {
            "all_reduce": lambda: dist.all_reduce(whole),
            "all_gather": lambda: dist.all_gather_into_tensor(whole, own),
        }
        for name, call in operations.items():
            times = []
            for block in range(-2, blocks // 5 if size > 4 << 20 else blocks):
                dist.barrier()
                start = time.perf_counter()
                for _ in range(calls):
                    call()
                if block >= 0:
                    times.append(1e6 * (time.perf_counter() - start) / calls)
            if rank == 0:
                print(name, size, *(f"{value:.4g}" for value in tenths(times)), flush=True)
        size *= 4
    dist.destroy_process_group()


if __name__ == "__main__":
    ranks, begin, end, count = map(int, sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(run, (ranks, begin, end, count, f"{folder}/meeting"), nprocs=ranks)

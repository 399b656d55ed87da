"""AdamW of PyTorch on the CPU, for `cargo bench --bench step -- --python PATH`, which asks in JSON, a line each:

{"make": "fused", "shapes": [[784, 128], [128]]}  tensors and an optimizer of that kind ("fused" or "foreach")
{"step": "fused"}                                 one step; the answer says how many seconds it took
{"clear": true}                                   forgets all tensors
"""

import gc
import json
import os
import sys
import time

import torch


def make(kind, shapes):
    generator = torch.Generator().manual_seed(0)
    parameters = [torch.nn.Parameter(torch.rand(shape, generator=generator) - 0.5) for shape in shapes]
    for parameter in parameters:
        parameter.grad = torch.rand(parameter.shape, generator=generator) - 0.5
    return torch.optim.AdamW(parameters, **{kind: True})


def step(optimizer):
    start = time.perf_counter()
    optimizer.step()
    return time.perf_counter() - start


def main():
    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
    optimizers = {}
    for line in sys.stdin:
        question = json.loads(line)
        answer = {}
        if "make" in question:
            optimizers[question["make"]] = make(question["make"], question["shapes"])
        elif "step" in question:
            answer["seconds"] = step(optimizers[question["step"]])
        else:
            optimizers.clear()
            gc.collect()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

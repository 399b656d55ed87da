"""AdamW of PyTorch, for `cargo bench --bench step -- --python PATH`, which asks in JSON, a line each:

{"make": "PyTorch fused", "shapes": [[784, 128], [128]]}  tensors and an optimizer of that kind
{"step": "PyTorch fused"}                                 one step; the answer says how many seconds it took
{"clear": true}                                           forgets all tensors

It begins with what it is and which kinds it has, and which of them run on the CPU; the others on a CUDA device, where there is one.
"""

import gc
import json
import os
import sys
import time

import torch

KINDS = {"PyTorch fused": ("cpu", "fused"), "PyTorch foreach": ("cpu", "foreach")}
if torch.cuda.is_available():
    KINDS |= {"PyTorch CUDA fused": ("cuda", "fused")}


def make(kind, shapes):
    device, implementation = KINDS[kind]
    generator = torch.Generator(device).manual_seed(0)
    random = lambda shape: torch.rand(shape, generator=generator, device=device) - 0.5
    parameters = [torch.nn.Parameter(random(shape)) for shape in shapes]
    for parameter in parameters:
        parameter.grad = random(parameter.shape)
    return torch.optim.AdamW(parameters, **{implementation: True})


def step(kind, optimizer):
    wait = torch.cuda.synchronize if KINDS[kind][0] == "cuda" else lambda: None
    wait()
    start = time.perf_counter()
    optimizer.step()
    wait()
    return time.perf_counter() - start


def main():
    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
    about = f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads"
    if torch.cuda.is_available():
        about += f", {torch.cuda.get_device_name()}"
    on_the_cpu = [kind for kind, (device, _) in KINDS.items() if device == "cpu"]
    print(json.dumps({"about": about, "kinds": list(KINDS), "cpu_kinds": on_the_cpu}), flush=True)
    optimizers = {}
    for line in sys.stdin:
        question = json.loads(line)
        answer = {}
        if "make" in question:
            optimizers[question["make"]] = make(question["make"], question["shapes"])
        elif "step" in question:
            answer["seconds"] = step(question["step"], optimizers[question["step"]])
        else:
            optimizers.clear()
            gc.collect()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

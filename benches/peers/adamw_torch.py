"""AdamW and Muon of PyTorch, for `cargo bench --bench step -- --python PATH`, which asks in JSON, a line each:

{"make": "PyTorch fused", "shapes": [[784, 128], [128]]}  tensors and an optimizer of that kind
{"step": "PyTorch fused"}                                 one step; the answer says how many seconds it took
{"step": "PyTorch CUDA fused", "busy": 0.012}             several steps of a device kept busy for so many seconds before; the answer
                                                          says the seconds of one, by the clock and by the device's events
{"clear": true}                                           forgets all tensors

It begins with what it is; with its kinds: those of AdamW that only step, those that do the whole step, and those of Muon; and with which of them run on the CPU.
The others run on a CUDA device, where there is one. What goes wrong while tensors are made is answered as {"error": ...}.
"""

import gc
import json
import os
import sys
import time

import torch

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
KINDS = {"PyTorch fused": ("cpu", "fused"), "PyTorch foreach": ("cpu", "foreach")}
KINDS |= {"PyTorch CUDA fused": ("cuda", "fused")} if "cuda" in DEVICES else {}
WHOLE = {"PyTorch CUDA whole step" if device == "cuda" else "PyTorch whole step": (device, "fused") for device in DEVICES}
MUON = {"PyTorch CUDA Muon" if device == "cuda" else "PyTorch Muon": (device, "muon") for device in DEVICES}

# The same as in benches/step/whole.rs.
MAX_NORM = 1.0
EMA_DECAY = 0.999


def make(kind, shapes):
    """A function that makes a step."""
    device, implementation = (KINDS | WHOLE | MUON)[kind]
    generator = torch.Generator(device).manual_seed(0)
    random = lambda shape: torch.rand(shape, generator=generator, device=device) - 0.5
    parameters = [torch.nn.Parameter(random(shape)) for shape in shapes]
    for parameter in parameters:
        parameter.grad = random(parameter.shape)
    if kind in MUON:
        return torch.optim.Muon(parameters).step
    optimizer = torch.optim.AdamW(parameters, **{implementation: True})
    return whole_step(device, parameters, optimizer) if kind in WHOLE else optimizer.step


def whole_step(device, parameters, optimizer):
    """All between a backward pass and the next forward pass. Nothing of it waits for the device."""
    gradients = [parameter.grad for parameter in parameters]
    averages = [parameter.detach().clone() for parameter in parameters]
    scaler = torch.amp.GradScaler(device)
    # It makes its scale when it scales its first loss.
    scaler.scale(torch.zeros((), device=device))

    @torch.no_grad()
    def step():
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(parameters, MAX_NORM, foreach=True)
        scaler.step(optimizer)
        scaler.update()
        torch._foreach_lerp_(averages, parameters, 1 - EMA_DECAY)
        torch._foreach_zero_(gradients)

    return step


def one(step, wait):
    """The seconds of a step, until the device is idle."""
    start = time.perf_counter()
    step()
    wait()
    return time.perf_counter() - start


def hot(step, busy):
    """The seconds of a step on a CUDA device that has been busy for so long: by the clock, one after another, and by events around several."""
    start, count = time.perf_counter(), 0
    while count == 0 or time.perf_counter() - start < busy:
        one(step, torch.cuda.synchronize)
        count += 1
    steps = min(max(count // 3, 3), 30)
    seconds = sum(one(step, torch.cuda.synchronize) for _ in range(steps)) / steps
    begin, end = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
    begin.record()
    for _ in range(steps):
        step()
    end.record()
    end.synchronize()
    return {"seconds": seconds, "gpu_seconds": begin.elapsed_time(end) / 1e3 / steps}


def main():
    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
    about = f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads"
    if "cuda" in DEVICES:
        about += f", {torch.cuda.get_device_name()}"
    on_the_cpu = [kind for kind, (device, _) in (KINDS | WHOLE | MUON).items() if device == "cpu"]
    hello = {"about": about, "kinds": list(KINDS), "whole_kinds": list(WHOLE), "muon_kinds": list(MUON), "cpu_kinds": on_the_cpu}
    print(json.dumps(hello), flush=True)
    steps = {}
    for line in sys.stdin:
        question = json.loads(line)
        answer = {}
        if "make" in question:
            try:
                steps[question["make"]] = make(question["make"], question["shapes"])
            except RuntimeError as error:  # out of memory, most likely
                answer["error"] = str(error)
        elif "step" in question:
            step, on_cuda = steps[question["step"]], question["step"] not in on_the_cpu
            if on_cuda and "busy" in question:
                answer = hot(step, question["busy"])
            else:
                answer["seconds"] = one(step, torch.cuda.synchronize if on_cuda else lambda: None)
        else:
            steps.clear()
            gc.collect()
            if "cuda" in DEVICES:
                torch.cuda.empty_cache()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

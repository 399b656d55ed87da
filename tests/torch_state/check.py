"""Holds the recorded state dicts against scripts/torch_state.py and against README.md's table, in one line for each.

    venv/bin/python tests/torch_state/check.py
    mkdir out && TORCH_STATE_OUT=out cargo test --all-features --test suite -- torch-state/ && venv/bin/python tests/torch_state/check.py --written out

Of each recorded case, after five and after ten steps: what went through safetensors equals what did not, torch loads it, and goes on to the same
bits. From the state after five steps, our rules in numpy (forms.py) reach torch's float64 values, and our state, in torch's form again, is
torch's after ten. Then state dicts that are made up, and files that have to be refused.

With --written it holds what the suite of the crate wrote instead, `CASE.BACKEND.STEP.safetensors`: what the crate wrote after five steps, before it took
any, is loaded into torch, which goes on to the recorded values; what it wrote after ten is loaded, and one step later torch is where its own state leads.
"""

import argparse
import contextlib
import copy
import io
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import forms
import record

sys.path.append(str(Path(__file__).parents[2] / "scripts"))
import torch_state  # noqa: E402

# All other arrays were tuples.
LISTS = ("params", "param_names")


class Recorded:
    """A recorded file."""

    def __init__(self, case):
        with safe_open(Path(__file__).parent / f"{case.name}.safetensors", "np") as file:
            self.tensors = {name: file.get_tensor(name) for name in file.keys()}
            metadata = file.metadata()
        self.case, self.names = case, json.loads(metadata["names"])
        self.groups = {step: json.loads(metadata[f"param_groups{step}"]) for step in (5, 10)}
        self.numbers = {step: json.loads(metadata[f"state_values{step}"]) for step in (5, 10)}

    def values(self, kind):
        return {name: self.tensors[f"{kind}/{name}"] for name in self.names}

    def gradients(self, step):
        return {name: self.tensors.get(f"gradient/{step}/{name}") for name in self.names}

    def state(self, step):
        """By index and key, arrays; and what is a number there."""
        state = {int(index): {key: np.int64(value) for key, value in own.items()} for index, own in self.numbers[step].items()}
        for name, tensor in self.tensors.items():
            kind, _, rest = name.partition("/")
            if kind == f"state{step}":
                index, key = rest.split("/")
                state.setdefault(int(index), {})[key] = tensor
        return dict(sorted(state.items()))

    def state_dict(self, step):
        """As torch gave it."""
        groups = [{key: tuple(v) if key not in LISTS and isinstance(v, list) else v for key, v in group.items()} for group in self.groups[step]]
        state = {index: {key: kept(value) for key, value in entries.items()} for index, entries in self.state(step).items()}
        return {"state": state, "param_groups": groups}


def kept(value):
    """As torch keeps it."""
    return int(value) if isinstance(value, np.int64) else torch.tensor(value)


def same(a, b):
    """Equal in type, shape and bits, all the way down."""
    if type(a) is not type(b):
        return False
    if torch.is_tensor(a):
        bits = [tensor.contiguous().view(-1).view(torch.uint8) for tensor in (a, b)]
        return a.dtype == b.dtype and a.shape == b.shape and torch.equal(*bits)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def run(*arguments):
    """The script's exit status and what it says."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        status = torch_state.main([str(argument) for argument in arguments])
    return status, said.getvalue()


def convert(state_dict, folder, key=None):
    """There and back."""
    torch.save(state_dict if key is None else {"epoch": 3, key: state_dict}, folder / "a.pt")
    there = ["to-safetensors", folder / "a.pt", folder / "b.safetensors"] + (["--key", key] if key else [])
    for arguments in (there, ["to-pt", folder / "b.safetensors", folder / "c.pt"]):
        assert run(*arguments) == (0, ""), f"{arguments} failed"
    return torch.load(folder / "c.pt", weights_only=True)


def check_round_trip(recorded, step, folder):
    """Through safetensors and back, into torch, and on."""
    given = recorded.state_dict(step)
    back = convert(given, folder, "optimizer" if step == 10 else None)
    assert same(given, back), "the state dict is another"
    ends = []
    for state_dict in (given, back):
        params, optimizer = record.build(recorded.case, recorded.values(f"value{step}"), torch.float32)
        # Copied, since torch works on the tensors that it is given.
        optimizer.load_state_dict(copy.deepcopy(state_dict))
        moves = [record.advance(params, optimizer, recorded.gradients(now)) for now in range(6, 11)]
        ends.append((moves, optimizer.state_dict()))
    (moves, state), (own_moves, own_state) = ends
    assert same(state, own_state), "torch goes on to another state"
    for now, given, own in zip(range(6, 11), moves, own_moves):
        for name in recorded.names:
            assert given[name].tobytes() == own[name].tobytes(), f"{name} is another after step {now}"
            # Another processor may round differently from the one that the files were recorded on.
            close = step == 10 or np.allclose(given[name], recorded.tensors[f"value{now}/{name}"], rtol=1e-5, atol=1e-6)
            assert close, f"{name} is not what was recorded after step {now}"


def check_kept(optimizer, group, shape, entries, name):
    """What torch has of a parameter is what it has again from ours, bit for bit while ours is in float64."""
    back = forms.to_torch(optimizer, group, shape, forms.to_ours(optimizer, group, shape, entries))
    assert back.keys() == entries.keys(), f"{name}: {sorted(entries)} came back as {sorted(back)}"
    for key, tensor in entries.items():
        assert np.array_equal(back[key].astype(np.float32), tensor), f"{name}: {key} came back as another"


def check_forms(recorded):
    """Our rules reach torch's float64 values, and our state in torch's form is torch's; the largest errors of both."""
    case, index_of = recorded.case, {name: index for index, name in enumerate(recorded.names)}
    group_of = {index: group for group in recorded.groups[5] for index in group["params"]}
    worst, worst_state = 0.0, 0.0
    for name, value in recorded.values("value5").items():
        index, p = index_of[name], value.astype(np.float64)
        group = group_of[index]
        ours = forms.to_ours(case.optimizer, group, p.shape, recorded.state(5).get(index, {}))
        for step in range(6, 11):
            gradient = recorded.gradients(step)[name]
            if gradient is not None:
                p = forms.advance(case.optimizer, group, ours, gradient.astype(np.float64), p)
        # Not Python's max, which loses a NaN.
        worst = np.maximum(worst, np.abs(p - recorded.tensors[f"truth10/{name}"]).max())
        expected = recorded.state(10).get(index, {})
        got = forms.to_torch(case.optimizer, group, p.shape, ours)
        assert got.keys() == expected.keys(), f"{name}: we have {sorted(got)}, torch {sorted(expected)}"
        for key, tensor in expected.items():
            assert got[key].shape == tensor.shape, f"{name}: {key} is {got[key].shape}, expected {tensor.shape}"
            worst_state = np.maximum(worst_state, np.abs(got[key] - tensor).max() / max(np.abs(tensor).max(), 1e-30))
        for step in (5, 10):
            check_kept(case.optimizer, group, p.shape, recorded.state(step).get(index, {}), f"{name} after step {step}")
    assert worst < 1e-13 and worst_state < 1e-5, f"off by {worst:.0e}, the state by {worst_state:.0e}"
    return worst, worst_state


def made_up():
    """State dicts such as other versions and uses of torch have."""
    adam = {"exp_avg": torch.ones(3), "exp_avg_sq": torch.ones(3)}
    group = {"lr": 1e-3, "betas": (0.9, 0.999), "params": [0, 1]}
    yield "nothing yet", {"state": {}, "param_groups": [group]}
    yield "no parameters", {"state": {}, "param_groups": [{**group, "params": []}]}
    yield "step as a number", {"state": {0: {"step": 7, **adam}}, "param_groups": [group]}
    yield "buffer that is None", {"state": {0: {"momentum_buffer": None}, 1: {}}, "param_groups": [group]}
    yield "lists", {"state": {}, "param_groups": [{**group, "betas": [0.9, 0.999]}, {"params": [5], "tags": ("a", None, True), "lr": 1}]}
    yield "rate as a tensor", {"state": {}, "param_groups": [{**group, "lr": torch.tensor(1e-3), "weight_decay": torch.tensor([0.1])}]}
    yield "after a scheduler", {"state": {}, "param_groups": [{**group, "initial_lr": 0.1, "max_lr": 0.2}]}
    yield "names", {"state": {}, "param_groups": [{**group, "param_names": ["a", "b.c"]}]}
    kinds = {f"of {dtype}": torch.ones(2, 3).to(dtype) for dtype in (torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool)}
    yield "kinds", {"state": {1: {**kinds, "a.key": torch.zeros(()), "empty": torch.zeros(0, 4)}}, "param_groups": [group]}
    whole = torch.arange(12.0)
    views = {"part": whole[2:5], "again": whole[2:5], "turned": whole.view(3, 4).T, "spread": torch.ones(1).expand(3)}
    yield "views", {"state": {0: views}, "param_groups": [group]}


def refused():
    """What each file to refuse holds, and words of the message."""
    group = {"lr": 1e-3, "params": [0]}

    def of_state(entries, own=None):
        return {"state": entries, "param_groups": [own or group]}

    yield "to-safetensors", [1, 2], "a list, not a dict"
    yield "to-safetensors", {"weight": torch.ones(1)}, "no optimizer's state dict"
    yield "to-safetensors", {"epoch": 1, "optim": of_state({})}, "--key: optim"
    yield "to-safetensors", of_state({0: {"old_dirs": [torch.ones(2)]}}), "state 0: old_dirs is a list"
    yield "to-safetensors", of_state({0: {"step": float("inf")}}), "finite"
    yield "to-safetensors", of_state({"fc.weight": {}}), "expected indices"
    yield "to-safetensors", of_state({1: {}}), "state 1 is of no parameter"
    yield "to-safetensors", of_state({0: {"m": torch.ones(2).to_sparse()}}), "sparse"
    yield "to-safetensors", of_state({0: {"m": torch.ones(2, dtype=torch.complex64)}}), "complex64"
    yield "to-safetensors", of_state({}, {"lr": float("nan"), "params": [0]}), "lr is nan"
    yield "to-safetensors", of_state({}, {"lr": 1.0}), "no list `params`"
    yield "to-safetensors", of_state({}, {"params": [0, 0]}), "twice"
    right = {"format": "torch-optimizer-state", "version": "1", "param_groups": json.dumps([group])}
    one = {"state.0.m": torch.ones(1)}
    yield "to-pt", (one, {}), "expected the format"
    yield "to-pt", (one, right | {"version": "2"}), "version 2"
    yield "to-pt", (one, {"format": "torch-optimizer-state", "version": "1"}), "no param_groups"
    yield "to-pt", (one, right | {"param_groups": "[{"}), "no JSON"
    yield "to-pt", (one, right | {"param_groups": "{}"}), "expected a list"
    yield "to-pt", ({"state.1.m": torch.ones(1)}, right), "state.1.m is not"
    yield "to-pt", ({"exp_avg": torch.ones(1)}, right), "exp_avg is not"
    yield "to-pt", (one, right | {"param_names": '["a", "b"]'}), "2 param_names for 1"
    yield "to-pt", (one, right | {"state_values": '{"3": {}}'}), "3 is not the index"
    yield "to-pt", (one, right | {"tuple_keys": "[[], []]"}), "a list for each of 1"


def check_refused(command, content, words, folder):
    source = folder / "bad"
    if command == "to-pt":
        save_file(content[0], source, content[1])
    else:
        torch.save(content, source)
    status, told = run(command, source, folder / "out")
    assert status == 2 and len(told.splitlines()) == 1 and words in told, f"{words}: status {status}, {told}"


def check_written(path, folder):
    """What the crate wrote goes through the script into torch; how far torch's values then are from those with its own state."""
    name, _, step = path.stem.split(".")
    case, step = next(case for case in record.CASES if case.name == name), int(step)
    recorded = Recorded(case)
    assert run("to-pt", path, folder / "state.pt") == (0, ""), f"{path.name} was refused"
    ends = []
    for state_dict in (torch.load(folder / "state.pt", weights_only=True), recorded.state_dict(step)):
        params, optimizer = record.build(case, recorded.values(f"value{step}"), torch.float32)
        optimizer.load_state_dict(state_dict)
        # After the last step, with the gradients of an earlier one.
        moves = [record.advance(params, optimizer, recorded.gradients(now)) for now in (range(6, 11) if step == 5 else [10])]
        ends.append((moves, optimizer.state_dict()))
    (moves, state), (own_moves, own_state) = ends
    for group, own in zip(state["param_groups"], own_state["param_groups"]):
        assert group.keys() - {"param_names"} == own.keys() - {"param_names"}, f"{path.name}: torch's groups have {sorted(own)}, ours {sorted(group)}"
    keys = [{index: sorted(entries) for index, entries in sorted(of["state"].items())} for of in (state, own_state)]
    assert keys[0] == keys[1], f"{path.name}: {keys[0]} became of our state, {keys[1]} of torch's"
    # NAdam's product alone is not to the bit ours; Adafactor's epsilon is a number.
    exact = step == 5 and case.optimizer != "NAdam"
    worst = max(np.abs(now[name] - own[name]).max() for now, own in zip(moves, own_moves) for name in recorded.names)
    assert worst <= (0.0 if exact else 1e-6), f"{path.name}: off by {worst:.0e}"
    return worst


def check_all_written(source):
    paths = sorted(source.glob("*.safetensors"))
    assert paths, f"{source} has no files: the suite writes them where TORCH_STATE_OUT says"
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            print(f"{path.stem}: torch goes on, {check_written(path, Path(folder)):.0e} from where its own state leads")
    print(f"{len(paths)} files")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--written", type=Path, metavar="DIR", help="a folder of state dicts that the crate's suite wrote")
    source = parser.parse_args().written
    if source is not None:
        return check_all_written(source)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for case in record.CASES:
            recorded = Recorded(case)
            for step in (5, 10):
                check_round_trip(recorded, step, folder)
            if case.optimizer in forms.RULES:
                errors = "our form off by {:.0e}, its state from torch's float32 by {:.0e}".format(*check_forms(recorded))
            else:
                errors = "no rule of ours"
            print(f"{case.name}: there and back, {errors}")
        for name, state_dict in made_up():
            assert same(convert(state_dict, folder), state_dict), f"{name}: the state dict is another"
            print(f"{name}: there and back")
        cases = list(refused())
        for case in cases:
            check_refused(*case, folder)
        (folder / "text").write_text("no tensors")
        torch.save(argparse.Namespace(lr=1.0), folder / "object")
        sources = [(command, name, "out") for command in ("to-safetensors", "to-pt") for name in ("text", "object", "nowhere", "")]
        targets = [("to-safetensors", "a.pt", "nowhere/out"), ("to-pt", "b.safetensors", "nowhere/out")]
        for command, source, target in sources + targets:
            status, told = run(command, folder / source, folder / target)
            assert status == 2 and len(told.splitlines()) == 1, f"{command} {source} {target}: status {status}, {told}"
        print(f"{len(cases) + len(sources) + len(targets)} refused")


if __name__ == "__main__":
    main()

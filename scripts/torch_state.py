#!/usr/bin/env python3
"""Converts the state dict of a torch optimizer to safetensors, which wgpu-optim reads and writes, and back.

    python3 -m pip install torch safetensors numpy
    scripts/torch_state.py to-safetensors checkpoint.pt state.safetensors [--key optimizer]
    scripts/torch_state.py to-pt state.safetensors state.pt

A checkpoint is an optimizer's state dict, or a dict that has one under the key given. `torch.load` is told that it holds data only. Errors are
one line, with exit status 2.

The safetensors file has torch's own keys, types and shapes: the tensor `state.0.exp_avg` is `state_dict["state"][0]["exp_avg"]`. Metadata, all
strings:

    format         "torch-optimizer-state"
    version        "1"
    param_groups   JSON, torch's list; a tuple is an array, None is null, a tensor of one element is a number
    param_names    optional JSON list, a name for each parameter in the order of the groups' `params`
    state_values   optional JSON, what is no tensor in the state: {"0": {"step": 5}}
    tuple_keys     optional JSON, for each group the keys whose arrays are tuples; by default betas, etas, step_sizes, eps and ns_coefficients
    tensor_values  optional JSON, for each group the keys whose numbers are tensors: {"lr": {"dtype": "float32", "shape": []}}
"""

import argparse
import json
import math
import re
import sys
import warnings

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

FORMAT, VERSION = "torch-optimizer-state", "1"
TUPLE_KEYS = ["betas", "etas", "step_sizes", "eps", "ns_coefficients"]
TYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
TYPES += [torch.float8_e4m3fn, torch.float8_e5m2]
TYPES = {str(dtype).removeprefix("torch."): dtype for dtype in TYPES}


class Refused(Exception):
    """Input that cannot be converted, and why."""


def is_plain(value):
    """Whether JSON has it."""
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, (bool, int, str))


def is_state_dict(value):
    return isinstance(value, dict) and isinstance(value.get("state"), dict) and isinstance(value.get("param_groups"), list)


def find(loaded, key):
    """The state dict in what was loaded."""
    if not isinstance(loaded, dict):
        raise Refused(f"the file holds a {type(loaded).__name__}, not a dict")
    if key is not None:
        if key not in loaded:
            raise Refused(f"there is no key {key}; there are: {', '.join(map(str, loaded)) or 'none'}")
        if not is_state_dict(loaded[key]):
            raise Refused(f"what is under {key} has no `state` and `param_groups`, so it is no optimizer's state dict")
        return loaded[key]
    if is_state_dict(loaded):
        return loaded
    inside = [str(name) for name, value in loaded.items() if is_state_dict(value)]
    hint = f"; say which with --key: {', '.join(inside)}" if inside else ""
    raise Refused(f"the dict has no `state` and `param_groups`, so it is no optimizer's state dict{hint}")


def pack_group(number, group):
    """A parameter group as JSON has it, the keys that are tuples, and those that are tensors."""
    packed, tuples, tensors = {}, [], {}
    for key, value in group.items():
        if torch.is_tensor(value) and value.numel() == 1:
            tensors[key] = {"dtype": str(value.dtype).removeprefix("torch."), "shape": list(value.shape)}
            value = value.item()
        if isinstance(value, (list, tuple)):
            if isinstance(value, tuple):
                tuples.append(key)
            plain = all(map(is_plain, value))
            value = list(value)
        else:
            plain = is_plain(value)
        if not plain:
            what = value if isinstance(value, (float, list)) else f"a {type(value).__name__}"
            raise Refused(f"group {number}: {key} is {what}, which JSON does not have")
        packed[key] = value
    return packed, tuples, tensors


def ids_of(groups):
    """The parameters' indices in the order of the groups."""
    ids = []
    for number, group in enumerate(groups):
        own = group.get("params") if isinstance(group, dict) else None
        if not isinstance(own, list) or not all(type(index) is int for index in own):
            raise Refused(f"group {number} has no list `params` of indices")
        ids += own
    if len(set(ids)) != len(ids):
        raise Refused("a parameter is in the groups twice")
    return ids


def pack_tensor(name, tensor, seen):
    """The tensor as it can be written: of a plain kind, in one piece, and with memory of its own."""
    if type(tensor) not in (torch.Tensor, torch.nn.Parameter) or tensor.layout != torch.strided or tensor.dtype not in TYPES.values():
        raise Refused(f"{name} is a {type(tensor).__name__} of layout {tensor.layout} and type {tensor.dtype}, which cannot be written")
    tensor = tensor.detach().contiguous()
    storage = tensor.untyped_storage()
    if storage.data_ptr() in seen or storage.nbytes() != tensor.nbytes:
        return tensor.clone()
    seen.add(storage.data_ptr())
    return tensor


def pack(state_dict):
    """Tensors and metadata of the safetensors file."""
    groups = state_dict["param_groups"]
    ids, packed = ids_of(groups), [pack_group(number, group) for number, group in enumerate(groups)]
    tensors, values, seen = {}, {}, set()
    for index, entries in state_dict["state"].items():
        if type(index) is not int:
            raise Refused(f"the state has the key {index!r}: expected indices of parameters, as `Optimizer.state_dict` gives them")
        if index not in ids:
            raise Refused(f"state {index} is of no parameter in the groups")
        if not isinstance(entries, dict):
            raise Refused(f"state {index} is a {type(entries).__name__}, not a dict")
        others = {key: value for key, value in entries.items() if not torch.is_tensor(value)}
        for key, value in others.items():
            if not is_plain(value):
                raise Refused(f"state {index}: {key} is a {type(value).__name__}, which is neither a tensor nor a finite number")
        # An entry without anything is one all the same.
        if others or not entries:
            values[str(index)] = others
        for key in entries.keys() - others.keys():
            tensors[f"state.{index}.{key}"] = pack_tensor(f"state {index}: {key}", entries[key], seen)
    metadata = {"param_groups": [group for group, _, _ in packed], "tuple_keys": [tuples for _, tuples, _ in packed]}
    if all("param_names" in group for group in groups):
        metadata["param_names"] = [name for group in groups for name in group["param_names"]]
    if any(of for _, _, of in packed):
        metadata["tensor_values"] = [of for _, _, of in packed]
    if values:
        metadata["state_values"] = values
    metadata = {key: json.dumps(value, allow_nan=False) for key, value in metadata.items()}
    return tensors, metadata | {"format": FORMAT, "version": VERSION}


def parse(metadata, key, kind, default=None):
    """A value of the metadata that is JSON."""
    if key not in metadata:
        if default is None:
            raise Refused(f"the metadata have no {key}")
        return default
    try:
        value = json.loads(metadata[key])
    except json.JSONDecodeError as error:
        raise Refused(f"{key} in the metadata is no JSON: {error}") from None
    if not isinstance(value, kind):
        raise Refused(f"{key} in the metadata is a {type(value).__name__}, expected a {kind.__name__}")
    return value


def unpack_group(group, tuples, tensors):
    """A parameter group as torch has it."""
    group = {key: tuple(value) if isinstance(value, list) and key in tuples else value for key, value in group.items()}
    for key, of in tensors.items():
        if key not in group or not isinstance(of, dict) or of.get("dtype") not in TYPES:
            raise Refused(f"tensor_values in the metadata says {of} of {key}")
        group[key] = torch.tensor(group[key], dtype=TYPES[of["dtype"]]).reshape(of.get("shape", []))
    return group


def unpack(tensors, metadata):
    """torch's state dict of a safetensors file."""
    if metadata.get("format") != FORMAT or metadata.get("version") != VERSION:
        got = f"{metadata.get('format')}, version {metadata.get('version')}"
        raise Refused(f"expected the format {FORMAT}, version {VERSION}, in the metadata, found {got}")
    groups = parse(metadata, "param_groups", list)
    ids, count = ids_of(groups), len(groups)
    tuples = parse(metadata, "tuple_keys", list, [TUPLE_KEYS] * count)
    of_tensors = parse(metadata, "tensor_values", list, [{}] * count)
    if [type(own) for own in tuples] != [list] * count or [type(own) for own in of_tensors] != [dict] * count:
        raise Refused(f"tuple_keys in the metadata needs a list for each of {count} groups, tensor_values an object")
    names = parse(metadata, "param_names", list, [])
    if names and len(names) != len(ids):
        raise Refused(f"the metadata have {len(names)} param_names for {len(ids)} parameters")
    state = {}
    for name, tensor in tensors.items():
        match = re.fullmatch(r"state\.(\d+)\.(.+)", name)
        if not match or int(match[1]) not in ids:
            raise Refused(f"the tensor {name} is not state.INDEX.KEY with the index of a parameter in the groups")
        state.setdefault(int(match[1]), {})[match[2]] = tensor
    for index, values in parse(metadata, "state_values", dict, {}).items():
        if not index.isdecimal() or int(index) not in ids or not isinstance(values, dict):
            raise Refused(f"state_values in the metadata: {index} is not the index of a parameter in the groups, with its values")
        state[int(index)] = state.get(int(index), {}) | values
    groups = [unpack_group(*given) for given in zip(groups, tuples, of_tensors)]
    for group in groups if names else []:
        group.setdefault("param_names", [names[ids.index(index)] for index in group["params"]])
    return {"state": dict(sorted(state.items())), "param_groups": groups}


def to_safetensors(source, target, key):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = torch.load(source, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:
        # torch has no one type for what it cannot load, and explains at length.
        why = type(error).__name__
        raise Refused(f"{source} is no file of torch.save, or holds objects that are not plain data ({why})") from None
    tensors, metadata = pack(find(loaded, key))
    save_file(tensors, target, metadata)


def to_pt(source, target):
    with safe_open(source, "pt") as file:
        # Copied: as they come, all lie in one memory, which torch does not save as tensors of several types.
        tensors, metadata = {name: file.get_tensor(name).clone() for name in file.keys()}, file.metadata() or {}
    state_dict = unpack(tensors, metadata)
    # Opened here, so that a path that cannot be written is an OSError.
    with open(target, "wb") as file:
        torch.save(state_dict, file)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    there = commands.add_parser("to-safetensors", help="from torch's file to safetensors")
    there.add_argument("source", metavar="checkpoint.pt")
    there.add_argument("target", metavar="state.safetensors")
    there.add_argument("--key", help="where the optimizer's state dict is in the checkpoint")
    back = commands.add_parser("to-pt", help="from safetensors to torch's file")
    back.add_argument("source", metavar="state.safetensors")
    back.add_argument("target", metavar="state.pt")
    args = vars(parser.parse_args(arguments))
    command = {"to-safetensors": to_safetensors, "to-pt": to_pt}[args.pop("command")]
    try:
        command(**args)
    except (Refused, OSError, SafetensorError) as error:
        print(f"torch_state.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Records what torch and optax do around their optimizers, as the files beside this one (formats: README.md).

    python3 -m venv venv
    venv/bin/pip install torch numpy safetensors optax
    venv/bin/python tests/known_answers/record.py [--out DIR] [--seed N] [NAME...]

Everything is computed in float64 from float32 inputs unless README.md says otherwise. The same seed and the same versions give the same
bytes; files do not depend on one another.
"""

import argparse
import json
import sys
import zlib
from pathlib import Path

import numpy as np

import averages
import clip
import plateau
import scaling
import schedules

sys.path.append(str(Path(__file__).parent.parent / "traces"))
from generate import encode  # noqa: E402

# What makes each file: from a random generator, its tensors and metadata.
FILES = {
    "schedules": schedules.schedules,
    "plateau": plateau.plateau,
    "clip": clip.clip,
    "scaler": scaling.scaler,
    "averages": averages.averages,
    "accumulate": scaling.accumulate,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder for the files (default: that of this file)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("names", metavar="NAME", nargs="*", help="files to record (default: all)")
    args = parser.parse_args()
    unknown = set(args.names) - set(FILES)
    if unknown:
        parser.error(f"no such file: {', '.join(sorted(unknown))}; there are: {', '.join(FILES)}")
    for name, make in FILES.items():
        if not args.names or name in args.names:
            tensors, metadata = make(np.random.default_rng([args.seed, zlib.crc32(name.encode())]))
            metadata = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
            path = args.out / f"{name}.safetensors"
            tensors = {key: np.ascontiguousarray(value) for key, value in tensors.items()}
            path.write_bytes(encode(tensors, metadata | {"format": f"{name}/1", "seed": str(args.seed)}))
            print(f"{path.name}: {path.stat().st_size} bytes, {len(tensors)} tensors")


if __name__ == "__main__":
    main()

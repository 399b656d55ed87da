#!/bin/sh
# Proves and measures wgpu-optim on this machine's adapter, with the programs beside it.
set -u
cd "$(dirname "$0")" || exit 2

usage() {
    cat <<'END'
run.sh [--smoke] [suite] [replay] [bench]

Runs the suite, the replay of recorded runs and the short benchmark, or only those that are named, on the adapter that wgpu finds, and leaves what
they say in results/ADAPTER. --smoke takes a minute: a few rows, a few replays, and the benchmark at one tiny size.

FILTER=schedules     only rows of the suite whose name has this in it
PYTHON=path/python   a Python that has torch, as a peer in the benchmark
WGPU_BACKEND=vulkan, WGPU_ADAPTER_NAME=part-of-a-name   choose the adapter

Exit code: 0 all passed, 1 something failed (the last lines say what), 2 no adapter, or a program does not start.
END
}

smoke=""
parts=""
for argument in "$@"; do
    case $argument in
        --help | -h) usage && exit 0 ;;
        --smoke) smoke=yes ;;
        suite | replay | bench) parts="$parts $argument" ;;
        *) usage >&2 && exit 2 ;;
    esac
done
parts=${parts:-suite replay bench}

# One short replay says whether the programs start, and on which adapter.
first=$(./replay --backend gpu tests/traces/adamw-default.safetensors 2>&1)
code=$?
if [ $code -gt 2 ]; then
    echo "$first" >&2
    echo "the programs do not start here; libraries of this system that are missing or too old:" >&2
    ldd ./replay 2>&1 | grep -i 'not found' >&2
    exit 2
fi
adapter=$(printf '%s\n' "$first" | sed -n 's/^gpu: //p' | head -n 1)
if [ -z "$adapter" ]; then
    echo "$first" >&2
    cat >&2 <<'END'
no adapter: wgpu needs a driver for Vulkan (or Metal, or DirectX 12).
- An NVIDIA card: the driver's own packages have it; in a container, start it with NVIDIA_DRIVER_CAPABILITIES=all (at least "graphics"), and
  install libvulkan1 (or vulkan-loader).
- An AMD or Intel card: mesa-vulkan-drivers.
- No card: mesa-vulkan-drivers has a software adapter.
END
    exit 2
fi
results=results/$(printf '%s' "$adapter" | tr '[:upper:]' '[:lower:]' | tr -cs 'a-z0-9' '-' | sed 's/-*$//')
mkdir -p "$results"
{
    date -u '+%Y-%m-%d %H:%M UTC'
    echo "kit: $(cat version)"
    echo "adapter: $adapter"
    uname -srm
    nvidia-smi 2>/dev/null
} >"$results/machine.txt"
echo "adapter: $adapter; results go to $results"
case $adapter in
    *llvmpipe* | *SwiftShader* | *lavapipe*) echo "this is a software adapter: where a card was meant, its driver for Vulkan is missing" ;;
    *"(gl)"*) echo "this is OpenGL only: the card's driver for Vulkan is missing" ;;
esac

failed=""
# Runs a command, shows and keeps what it says under the name of a part.
part() {
    name=$1
    shift
    echo "== $name"
    { "$@" 2>&1; echo $? >"$results/.code"; } | tee "$results/$name.txt"
    [ "$(cat "$results/.code")" = 0 ] || failed="$failed $name"
    rm -f "$results/.code"
}

for name in $parts; do
    case $name in
        suite)
            filter=${FILTER:-${smoke:+traces/adam}}
            part suite env REQUIRE_GPU=1 ./suite ${filter:+"$filter"}
            ;;
        replay)
            if [ -n "$smoke" ]; then
                part replay ./replay tests/traces/adamw-*.safetensors
            else
                part replay ./replay tests/traces/*.safetensors tests/traces/independent/*.safetensors
            fi
            ;;
        bench)
            # Rows of AdamW, and what they are held against. Without Mesa's cache of shaders, as `make bench`.
            set -- --bench --out "$results/bench" --date "$(date -u +%F)" ${PYTHON:+--python "$PYTHON"}
            if [ -n "$smoke" ]; then
                set -- "$@" --smoke
            else
                for rows in limits host separate whole tensors rules/AdamW features/AdamW huge; do
                    set -- "$@" --only "$rows"
                done
            fi
            part bench env MESA_SHADER_CACHE_DISABLE=true ./step "$@"
            ;;
    esac
done

if [ -z "$failed" ]; then
    echo "all passed; $results has what was said"
else
    echo "failed:$failed; $results has what was said"
    exit 1
fi

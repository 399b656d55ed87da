#!/bin/sh
# Builds the page into target/browser, or into the folder that is named first: the crate for wasm32, its JavaScript, made small; and fails if it is too
# large for a page. A feature of Cargo.toml may be named second; then its size is not looked at.
# Needs Rust's target wasm32-unknown-unknown (rustup target add wasm32-unknown-unknown) and the source of std (rustup component add rust-src), npm, and
# wasm-bindgen-cli of the version in Cargo.lock, which it says how to get.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${1:-$root/target/browser}
feature=${2:-}
target=${CARGO_TARGET_DIR:-$root/target/browser-build}
mkdir -p "$out" "$target"
out=$(cd "$out" && pwd)
target=$(cd "$target" && pwd)
cd "$here"
most=457000

wanted=$(awk '/^name = "wasm-bindgen"$/ { getline; gsub(/[^0-9.]/, ""); print }' Cargo.lock)
bindgen=${WASM_BINDGEN:-wasm-bindgen}
got=$("$bindgen" --version 2>/dev/null | awk '{ print $2 }' || true)
if [ "$got" != "$wanted" ]; then
    echo "wasm-bindgen $wanted is needed, found ${got:-none}: cargo install wasm-bindgen-cli --version $wanted --no-default-features" >&2
    exit 1
fi
[ -x node_modules/.bin/wasm-opt ] && [ -d node_modules/puppeteer-core ] || PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm install --no-package-lock --no-audit --no-fund

# Built from a copy, whose kernels are without comments and without spaces that part nothing: their texts are in the file. WGSL has no strings that could
# hold what looks like a comment. Where two signs meet, as in `a < -b` or `array<f32> = b`, the space stays.
copy=$target/tree
rm -rf "$copy"
mkdir -p "$copy"
tar -c -C "$root" --exclude=node_modules --exclude='*.safetensors' Cargo.toml README.md docs/guide src shaders data benches tests examples | tar -x -C "$copy"
(cd "$root" && find shaders examples -name '*.wgsl') | while read -r kernel; do
    sed -E -e 's|[[:space:]]*//.*$||' -e 's|^[[:space:]]+||' -e '/^$/d' -e 's/([,;:}]) /\1/g' -e 's/ (\{|->) ?/\1/g' \
        -e ':more' -e 's/([]A-Za-z0-9_)]) (=|[-+*]=?|\/=?|&&|\|\|) ([A-Za-z0-9_(])/\1\2\3/' -e 't more' "$root/$kernel" >"$copy/$kernel"
    # What has not changed is not built again.
    touch -r "$root/$kernel" "$copy/$kernel"
done

# Paths of this machine stay out of the file.
sources=${CARGO_HOME:-$HOME/.cargo}/registry/src
flags="--remap-path-prefix=$sources=registry --remap-path-prefix=$copy=."
# std is compiled anew, for size, and what panics stops at once instead of putting a message together: no page can go on then. The page says that it
# stopped. Rust lets a stable compiler do this only where RUSTC_BOOTSTRAP says so; what may change with a version of Rust are these flags, not what the
# program does. (-Zfmt-debug is not among them: a checkpoint has settings as {:?} writes them.)
small="-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none"
std=
if [ -d "$(rustc --print sysroot)/lib/rustlib/src/rust/library/std" ] && RUSTC_BOOTSTRAP=1 rustc $small --print cfg >/dev/null 2>&1; then
    flags="$flags $small"
    std="-Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size"
    export RUSTC_BOOTSTRAP=1
else
    echo "std is taken as it comes, and the page will be larger: its source is not here (rustup component add rust-src), or Rust's flags have changed" >&2
fi
CARGO_TARGET_DIR=$target RUSTFLAGS=$flags \
    cargo build --locked --release --lib --target wasm32-unknown-unknown $std ${feature:+--features "$feature"} --manifest-path "$copy/examples/browser/Cargo.toml"

rm -rf "$out"
mkdir -p "$out"
"$bindgen" --target web --no-typescript --out-dir "$out" "$target/wasm32-unknown-unknown/release/wgpu_optim_browser.wasm"
wasm=$out/wgpu_optim_browser_bg.wasm
# What Rust compiles for; wasm-opt's own choice of features is ahead of browsers.
features="--enable-bulk-memory --enable-bulk-memory-opt --enable-sign-ext --enable-mutable-globals --enable-nontrapping-float-to-int"
features="$features --enable-reference-types --enable-multivalue"
# Functions stay apart where they are called once, and what is computed twice is written twice: functions of one kind are alike then, which is what gzip
# needs. pack/main.mjs says in which order they are best, and shortens what is imported. Names are left out at last. The lowest KB of memory is the end of
# the stack, where no data is.
opt="node_modules/.bin/wasm-opt $features"
$opt -Oz --one-caller-inline-max-function-size 0 --skip-pass=local-cse --low-memory-unused -g "$wasm" -o "$wasm.named"
node pack/main.mjs "$wasm.named" "$out/wgpu_optim_browser.js"
$opt --reorder-functions-by-name --optimize-stack-ir --strip-debug --strip-producers --strip-target-features "$wasm.named" -o "$wasm"
rm "$wasm.named"
cp page/* "$root/data/digits.csv.gz" "$out"

size=$(gzip -9 -c "$wasm" | wc -c)
echo "$(wc -c <"$wasm") bytes of wasm, $size gzipped"
# The limit is for the page that visitors load, with std made small.
if [ "$size" -gt "$most" ] && [ -n "$std" ] && [ -z "$feature" ]; then
    echo "that is too large for a page: $most at most" >&2
    exit 1
fi

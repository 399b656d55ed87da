#!/bin/sh
# Builds the page into target/browser: the crate for wasm32, its JavaScript, made small; and fails if it is too large for a page.
# Needs Rust's target wasm32-unknown-unknown (rustup target add wasm32-unknown-unknown), npm, and wasm-bindgen-cli of the version in Cargo.lock, which it
# says how to get.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${1:-$root/target/browser}
target=${CARGO_TARGET_DIR:-$root/target/browser-build}
mkdir -p "$out" "$target"
out=$(cd "$out" && pwd)
target=$(cd "$target" && pwd)
cd "$here"
most=537000

wanted=$(awk '/^name = "wasm-bindgen"$/ { getline; gsub(/[^0-9.]/, ""); print }' Cargo.lock)
bindgen=${WASM_BINDGEN:-wasm-bindgen}
got=$("$bindgen" --version 2>/dev/null | awk '{ print $2 }' || true)
if [ "$got" != "$wanted" ]; then
    echo "wasm-bindgen $wanted is needed, found ${got:-none}: cargo install wasm-bindgen-cli --version $wanted --no-default-features" >&2
    exit 1
fi
[ -x node_modules/.bin/wasm-opt ] || PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm install --no-package-lock --no-audit --no-fund

# Built from a copy, whose kernels are without comments and indentation: their texts are in the file. WGSL has no strings that could hold what looks like
# a comment.
copy=$target/tree
rm -rf "$copy"
mkdir -p "$copy"
tar -c -C "$root" --exclude=node_modules --exclude='*.safetensors' Cargo.toml README.md docs/guide src shaders data benches tests examples | tar -x -C "$copy"
(cd "$root" && find shaders examples -name '*.wgsl') | while read -r kernel; do
    sed -e 's|[[:space:]]*//.*$||' -e 's|^[[:space:]][[:space:]]*| |' -e '/^[[:space:]]*$/d' "$root/$kernel" >"$copy/$kernel"
    # What has not changed is not built again.
    touch -r "$root/$kernel" "$copy/$kernel"
done

# Paths of this machine stay out of the file.
sources=${CARGO_HOME:-$HOME/.cargo}/registry/src
CARGO_TARGET_DIR=$target RUSTFLAGS="--remap-path-prefix=$sources=registry --remap-path-prefix=$copy=." \
    cargo build --locked --release --lib --target wasm32-unknown-unknown --manifest-path "$copy/examples/browser/Cargo.toml"

rm -rf "$out"
mkdir -p "$out"
"$bindgen" --target web --no-typescript --out-dir "$out" "$target/wasm32-unknown-unknown/release/wgpu_optim_browser.wasm"
wasm=$out/wgpu_optim_browser_bg.wasm
# What Rust compiles for; wasm-opt's own choice of features is ahead of browsers.
features="--enable-bulk-memory --enable-bulk-memory-opt --enable-sign-ext --enable-mutable-globals --enable-nontrapping-float-to-int"
features="$features --enable-reference-types --enable-multivalue"
# Functions stay apart where they are called once, and lie in the order of their names: those of one kind are beside each other and alike, which is what
# gzip needs. It makes the file 2% larger and what is loaded 12% smaller. The names themselves are left out.
node_modules/.bin/wasm-opt -Oz --one-caller-inline-max-function-size 0 $features --reorder-functions-by-name --strip-debug --strip-producers "$wasm" -o "$wasm.opt"
mv "$wasm.opt" "$wasm"
cp page/* "$root/data/digits.csv.gz" "$out"

size=$(gzip -9 -c "$wasm" | wc -c)
echo "$(wc -c <"$wasm") bytes of wasm, $size gzipped, of $most at most"
if [ "$size" -gt "$most" ]; then
    echo "that is too large for a page" >&2
    exit 1
fi

#!/bin/sh
# Builds the page into target/browser: the crate for wasm32, its JavaScript, made small; and fails if it is too large for a page.
# Needs Rust's target wasm32-unknown-unknown (rustup target add wasm32-unknown-unknown), npm, and wasm-bindgen-cli of the version in Cargo.lock, which it
# says how to get.
set -eu
cd "$(dirname "$0")"
out=${1:-../../target/browser}
target=${CARGO_TARGET_DIR:-../../target/browser-build}
most=710000

wanted=$(awk '/^name = "wasm-bindgen"$/ { getline; gsub(/[^0-9.]/, ""); print }' Cargo.lock)
bindgen=${WASM_BINDGEN:-wasm-bindgen}
got=$("$bindgen" --version 2>/dev/null | awk '{ print $2 }' || true)
if [ "$got" != "$wanted" ]; then
    echo "wasm-bindgen $wanted is needed, found ${got:-none}: cargo install wasm-bindgen-cli --version $wanted --no-default-features" >&2
    exit 1
fi
[ -x node_modules/.bin/wasm-opt ] || PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm install --no-package-lock --no-audit --no-fund

# Paths of this machine stay out of the file.
sources=${CARGO_HOME:-$HOME/.cargo}/registry/src
CARGO_TARGET_DIR=$target RUSTFLAGS="--remap-path-prefix=$sources=registry --remap-path-prefix=$(cd ../.. && pwd)=." \
    cargo build --locked --release --lib --target wasm32-unknown-unknown

rm -rf "$out"
mkdir -p "$out"
"$bindgen" --target web --no-typescript --out-dir "$out" "$target/wasm32-unknown-unknown/release/wgpu_optim_browser.wasm"
wasm=$out/wgpu_optim_browser_bg.wasm
# What Rust compiles for; wasm-opt's own choice of features is ahead of browsers.
features="--enable-bulk-memory --enable-bulk-memory-opt --enable-sign-ext --enable-mutable-globals --enable-nontrapping-float-to-int"
features="$features --enable-reference-types --enable-multivalue"
node_modules/.bin/wasm-opt -Oz $features --strip-debug --strip-producers "$wasm" -o "$wasm.opt"
mv "$wasm.opt" "$wasm"
cp page/* "$out"

size=$(gzip -9 -c "$wasm" | wc -c)
echo "$(wc -c <"$wasm") bytes of wasm, $size gzipped, of $most at most"
if [ "$size" -gt "$most" ]; then
    echo "that is too large for a page" >&2
    exit 1
fi

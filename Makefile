# Everything a fresh Debian or Ubuntu machine with Rust needs is done here; see README.md.
.PHONY: help adapter train splats landscape test test-swiftshader test-swiftshader-all kills lint public-api browser browser-test replay bench bench-smoke burn burn-test burn-speed kit kit-check package

help:
	@echo "make train      train a classifier of handwritten digits with gradient descent, SGD, RMSProp and Adam, side by side"
	@echo "                cargo run --release --example train -- --optimizer adam --save DIR saves a run, --resume FILE goes on with it"
	@echo "make splats     fit a picture with Gaussian splats that are pruned and cloned, as in docs/splats.png"
	@echo "make landscape  draw the trails of optimizers on five functions, as in docs/landscape.png"
	@echo "make browser    build the page that trains in a browser (examples/browser), serve it and print the address"
	@echo "make browser-test  the same in Chromium on a software adapter, in Firefox if there is one, and natively: what a visitor can do, and that the values are the same"
	@echo "make test       the whole proof, on the first adapter that wgpu finds (a software one is installed if there is none)"
	@echo "make test-swiftshader  its rows that touch numerics, on SwiftShader, which is brought from Debian's package of Chromium"
	@echo "make test-swiftshader-all  all of it there (half an hour)"
	@echo "make kills      kill a process that saves checkpoints a thousand times, and look at its file each time (a minute; no GPU)"
	@echo "make lint       formatting, clippy and documentation, warnings being errors; heads of files, spelling, the public items"
	@echo "make public-api writes the crate's public items to docs/public-api.txt, which make lint compares"
	@echo "make replay     hold the recorded PyTorch and optax runs against both backends"
	@echo "make bench      steps against limits and peers, into target/bench (a quarter of an hour, or 20 minutes)"
	@echo "                with PYTHON=path a Python that has torch takes part; with BURN=yes burn, once built (half an hour)"
	@echo "make bench-smoke  the same, tiny, to see that it runs"
	@echo "make kit        suite, benchmark and replay with their data in one archive under target/kit, for machines with a GPU and without Rust"
	@echo "make kit-check  the same in the debug profile, unpacked elsewhere and looked at"
	@echo "make burn-test  the bridge to burn: its tests, with burn's kernel fusion and without, and its example (the first time, an hour of compiling)"
	@echo "make burn-speed time per step of burn's own AdamW and of the bridge"
	@echo "make package    what would be published, built from the package itself"

# Asks wgpu itself whether there is an adapter, and brings the software one if not. In the profile of what comes next, so that nothing is
# built twice.
train splats landscape replay bench bench-smoke: PROFILE = --release
adapter:
	@cargo run $(PROFILE) --quiet --example adapter || (./scripts/install-adapter && cargo run $(PROFILE) --quiet --example adapter)

landscape: adapter
	cargo run --release --example landscape

lint:
	./scripts/check-heads
	cargo fmt --check
	cargo clippy --all-targets --all-features --quiet -- -D warnings
	cargo clippy --test kills --all-features --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --all-features --quiet
	./scripts/public-api --check
	@if command -v typos >/dev/null; then typos; else echo "not checked: spelling (cargo install typos-cli --locked)"; fi

public-api:
	./scripts/public-api

# Shaders without names and line numbers, as in a release build, and no stack for each lock of wgpu: a sixth of the suite's time.
PROVEN = REQUIRE_GPU=1 WGPU_DEBUG=0 RUST_LIB_BACKTRACE=0

test: adapter
	$(PROVEN) cargo test --all-features

SWIFTSHADER = target/swiftshader
ON_SWIFTSHADER = VK_DRIVER_FILES=$(CURDIR)/$(SWIFTSHADER)/vk_swiftshader_icd.json WGPU_BACKEND=vulkan $(PROVEN)

test-swiftshader:
	./scripts/install-swiftshader $(SWIFTSHADER)
	$(ON_SWIFTSHADER) SUITE=numerics cargo test --all-features --test suite

test-swiftshader-all:
	./scripts/install-swiftshader $(SWIFTSHADER)
	$(ON_SWIFTSHADER) cargo test --all-features --test suite

kills:
	cargo test --release --all-features --test kills

train: adapter
	cargo run --release --example train

splats: adapter
	cargo run --release --example splats

PAGE = target/browser
PORT = 8080

browser:
	./examples/browser/build.sh $(PAGE)
	node examples/browser/serve.mjs $(PAGE) $(PORT)

# The native side of the comparison is the page's own package, without a page.
BROWSER_NATIVE = CARGO_TARGET_DIR=$(CURDIR)/target cargo run --locked --manifest-path examples/browser/Cargo.toml --bin native --
browser-test:
	./examples/browser/build.sh $(PAGE)-refusals refusals
	./examples/browser/build.sh $(PAGE)
	$(BROWSER_NATIVE) adapter || ./scripts/install-adapter
	$(BROWSER_NATIVE) adam 100 sgd 100 rmsprop 100 lion 100 >$(PAGE)-native.json
	timeout 1500 node examples/browser/test/main.mjs $(PAGE) $(PAGE)-refusals $(PAGE)-native.json $(PAGE)-shots
	timeout 1500 node examples/browser/test/firefox.mjs $(PAGE) $(PAGE)-native.json

replay: adapter
	cargo run --release --example replay -- tests/traces/*.safetensors tests/traces/independent/*.safetensors

BURN_TARGET = target/peers
PEERS = $(if $(PYTHON),--python $(PYTHON)) $(if $(BURN),--burn $(BURN_TARGET)/release/adamw-burn)

# A package of its own; nothing else waits for it.
burn:
	cargo build --release --manifest-path benches/peers/burn/Cargo.toml --target-dir $(BURN_TARGET)

# The bridge is a package of its own too. One profile for everything, so that burn is compiled once for each choice of fusion.
BRIDGE = bridges/burn/Cargo.toml
BRIDGE_TARGET = target/bridges
BRIDGED = --release --locked --manifest-path $(BRIDGE) --target-dir $(BRIDGE_TARGET)

burn-test: adapter
	cargo fmt --check --manifest-path $(BRIDGE)
	RUSTC_WORKSPACE_WRAPPER=clippy-driver cargo build $(BRIDGED) --all-targets --quiet
	cargo test $(BRIDGED)
	cargo run $(BRIDGED) --example digits -- --epochs 2
	cargo run $(BRIDGED) --example speed -- --steps 2 20
	cargo test $(BRIDGED) --no-default-features --tests

burn-speed: adapter
	cargo run $(BRIDGED) --example speed
	cargo run $(BRIDGED) --example speed -- --exclusive
	cargo run $(BRIDGED) --no-default-features --example speed

# Without Mesa's cache of shaders on disk, so that a first step is a first step.
bench: adapter $(if $(BURN),burn)
	MESA_SHADER_CACHE_DISABLE=true cargo bench --bench step -- --date $$(date +%F) $(PEERS)

bench-smoke: adapter $(if $(BURN),burn)
	cargo bench --bench step -- --smoke --out target/bench-smoke $(PEERS)
	cargo bench --bench step -- --smoke --hot --only rules/AdamW --only whole --out target/bench-smoke-hot

kit:
	./scripts/kit

kit-check:
	PROFILE=dev ./scripts/kit --check

package:
	cargo publish --dry-run

# make setup | test | demo | lint | native-test | emulated-test | clean
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := .stamps/setup
CROSS ?= aarch64-linux-gnu-g++
QEMU ?= qemu-aarch64
SIMDE ?= /usr/include/simde/x86/avx512.h
# The cmake of the environment when there is one, else that of the system.
CMAKE = $(if $(wildcard $(BIN)/cmake),$(BIN)/cmake,cmake)
NATIVE_SOURCES := $(shell find csrc -type f)

.PHONY: setup test demo lint native-test emulated-test neon-test avx512-test clean

setup: $(STAMP)

# Re-runs when what the installation is made of changes; Python sources are used in place (editable).
$(STAMP): pyproject.toml constraints.txt CMakeLists.txt $(NATIVE_SOURCES)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,bench,onnx,report,dev]'
	@mkdir -p $(@D)
	@touch $@

test: setup
	$(BIN)/python -m pytest

demo: setup
	$(BIN)/smoothbit demo --out runs/demo

lint: setup
	$(BIN)/ruff check src tests benchmarks examples reproduce
	$(BIN)/ruff format --check src tests benchmarks examples reproduce
	$(BIN)/mypy

# Every compiled kernel of this machine against the serial ones, without Python.
native-test:
	$(CMAKE) -S . -B build/native -DCMAKE_BUILD_TYPE=Release
	$(CMAKE) --build build/native --target smoothbit_parity
	build/native/smoothbit_parity

# The kernels of other machines: AVX-512 on SIMDe, NEON under qemu. Skips what cannot be emulated here.
emulated-test: avx512-test neon-test

avx512-test:
	@if test -f $(SIMDE); then \
	  $(CMAKE) -S . -B build/emulated -DCMAKE_BUILD_TYPE=Release -DSMOOTHBIT_EMULATE=ON && \
	  $(CMAKE) --build build/emulated --target smoothbit_parity && build/emulated/smoothbit_parity; \
	else echo "avx512-test: skipped, SIMDe not found (apt install libsimde-dev)"; fi

neon-test:
	@if command -v $(CROSS) >/dev/null && command -v $(QEMU) >/dev/null; then \
	  $(CMAKE) -S . -B build/neon -DCMAKE_BUILD_TYPE=Release -DCMAKE_SYSTEM_NAME=Linux \
	    -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER=$(CROSS) && \
	  $(CMAKE) --build build/neon --target smoothbit_parity && \
	  $(QEMU) -L /usr/aarch64-linux-gnu build/neon/smoothbit_parity; \
	else echo "neon-test: skipped, $(CROSS) or $(QEMU) not found (apt install g++-aarch64-linux-gnu qemu-user)"; fi

clean:
	rm -rf build .stamps

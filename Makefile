# make setup | test | demo | lint | native-test | emulated-test | sanitize | fuzz-native | fuzz-guided | tidy | clean
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := .stamps/setup
CROSS ?= aarch64-linux-gnu-g++
QEMU ?= qemu-aarch64
CLANG ?= $(if $(shell command -v clang++),clang++,clang++-14)
TIDY ?= clang-tidy
SECONDS ?= 60
SIMDE ?= /usr/include/simde/x86/avx512.h
# The cmake of the environment when there is one, else that of the system.
CMAKE = $(if $(wildcard $(BIN)/cmake),$(BIN)/cmake,cmake)
NATIVE_SOURCES := $(shell find csrc -type f)

.PHONY: setup test demo lint native-test emulated-test neon-test avx512-test \
        sanitize asan-test asan-avx512-test asan-python-test tsan-test memcheck-test fuzz-native fuzz-guided tidy clean

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

# Static checks of the C++ sources (.clang-tidy); pip install clang-tidy.
tidy: setup
	$(CMAKE) -S . -B build/tidy -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DPython_EXECUTABLE=$(abspath $(BIN)/python)
	$(TIDY) --quiet -p build/tidy $(filter-out csrc/fuzz/%,$(filter %.cc,$(NATIVE_SOURCES)))

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

# Kernels under ASan + UBSan (g++, and clang in fuzz-native), TSan and memcheck: see docs/guarantees.md.
sanitize: asan-test asan-python-test tsan-test memcheck-test

asan-test:
	$(CMAKE) -S . -B build/asan -DCMAKE_BUILD_TYPE=Release -DSMOOTHBIT_SANITIZE=address,undefined
	$(CMAKE) --build build/asan --target smoothbit_parity
	build/asan/smoothbit_parity

# AVX-512 on SIMDe, every second length; no UBSan, as SIMDe adds 16-bit lanes as signed numbers.
asan-avx512-test:
	$(CMAKE) -S . -B build/asan-avx512 -DCMAKE_BUILD_TYPE=Release -DSMOOTHBIT_EMULATE=ON -DSMOOTHBIT_SANITIZE=address
	$(CMAKE) --build build/asan-avx512 --target smoothbit_parity
	build/asan-avx512/smoothbit_parity 1 2

# The parity tests of Python on a module built so; the editable installation steps aside.
asan-python-test: setup
	$(CMAKE) -S . -B build/asan -DCMAKE_BUILD_TYPE=Release -DSMOOTHBIT_SANITIZE=address,undefined \
	  -DPython_EXECUTABLE=$(abspath $(BIN)/python)
	$(CMAKE) --build build/asan --target _ext
	mkdir -p build/asan/site && cp -r src/smoothbit build/asan/site/
	cp build/asan/_ext.*so build/asan/site/smoothbit/kernels/
	LD_PRELOAD="$$(g++ -print-file-name=libasan.so) $$(g++ -print-file-name=libstdc++.so.6)" \
	  ASAN_OPTIONS=detect_leaks=0 PYTHONPATH=build/asan/site \
	  $(BIN)/python -c "import sys; \
	    sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in type(f).__module__]; \
	    import pytest; sys.exit(pytest.main(['-q', 'tests/parity', 'tests/unit/kernels']))"

# Three threads, so that parts of one call run at the same time.
tsan-test:
	$(CMAKE) -S . -B build/tsan -DCMAKE_BUILD_TYPE=Release -DSMOOTHBIT_SANITIZE=thread
	$(CMAKE) --build build/tsan --target smoothbit_parity
	build/tsan/smoothbit_parity 3 2

# Every eighth length, without the bounds of gemm: memcheck takes 50 times as long.
memcheck-test:
	@if command -v valgrind >/dev/null; then \
	  $(CMAKE) -S . -B build/memcheck -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS='-g -DSMOOTHBIT_HEAP_INPUTS=1' && \
	  $(CMAKE) --build build/memcheck --target smoothbit_parity && \
	  valgrind --error-exitcode=1 --quiet build/memcheck/smoothbit_parity 1 8; \
	else echo "memcheck-test: skipped, valgrind not found (apt install valgrind)"; fi

# The inputs of earlier findings, then SECONDS of libFuzzer on the kernels: new inputs are kept in runs/fuzz-native.
fuzz-native:
	@if command -v $(CLANG) >/dev/null; then \
	  $(CMAKE) -S . -B build/fuzz -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=$(CLANG) \
	    -DSMOOTHBIT_SANITIZE=address,undefined -DSMOOTHBIT_FUZZ=ON && \
	  $(CMAKE) --build build/fuzz --target smoothbit_fuzz && mkdir -p runs/fuzz-native && \
	  build/fuzz/smoothbit_fuzz csrc/fuzz/corpus/* && \
	  build/fuzz/smoothbit_fuzz -max_total_time=$(SECONDS) -max_len=4096 -artifact_prefix=runs/fuzz-native/ \
	    -print_final_stats=1 runs/fuzz-native; \
	else echo "fuzz-native: skipped, $(CLANG) not found (apt install clang libclang-rt-14-dev)"; fi

# SECONDS of the readers' fuzzer that coverage guides, in runs/fuzz-guided; pip install atheris into $(VENV).
fuzz-guided: setup
	@if $(BIN)/python -c "import atheris" 2>/dev/null; then mkdir -p runs && \
	  PYTHONPATH=src $(BIN)/python -m tests.fuzz.guided runs/fuzz-guided -max_total_time=$(SECONDS) -artifact_prefix=runs/; \
	else echo "fuzz-guided: skipped, atheris not found ($(BIN)/python -m pip install atheris)"; fi

clean:
	rm -rf build .stamps

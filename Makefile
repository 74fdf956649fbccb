# SPDX-License-Identifier: MIT
# The front door. Sources and flags stand in CMakeLists.txt.
#
#   make            the libraries and the tool, in build/
#   make demo       a directory's files travel between two processes (DIR=…)
#   make test       every check there is; also one by one: check check-valgrind check-asan check-tsan
#   make check-model  every interleaving of the lock-free parts, within bounds; takes minutes
#   make check-random  millions of random steps on pools, plain, with sanitizers and under Valgrind
#   make check-cross  the C API's and the unit tests on other processors, emulated (CROSS="s390x": some of them)
#   make check-interop  PostgreSQL, MQTT, Redis, memcached and HTTPS through zcnet relay (INTEROP="redis …": some of them)
#   make check-large  files of 1 GiB and of 5 by every method, every byte compared; takes minutes (LARGE="64M": other sizes)
#   make bench      against hand-written loops and other libraries (BENCH=--quick)
#   make bench-files  zcnet serve against nginx (FILES="--rounds 9 …": words for tests/bench/files.py)
#   make bench-relay  zcnet relay against HAProxy and socat (RELAY="…": words for tests/bench/relay.py)
#   make bench-memory  pools, units and messages against malloc, mimalloc and jemalloc (BENCH="--rounds 3 --json F")
#   make bench-bindings  the bindings against C and against other packages of their languages
#   make install    PREFIX=/usr/local DESTDIR= LIBDIR=lib
#   make uninstall  with the same words
#   make check-abi  the library against the ABI of the last release; make abi writes it down for the next
#   make docs       the manual and the documents as a site, in build/site/; make check-docs opens it in a browser
#   make dist       the source archive, in build/
#   make deb        Debian packages, in build-deb/; make check-deb tries them in a fresh system (as root)
#   make check-rpm  RPM packages in build-rpm/, and a look at what they hold
#   make check-fresh  the README's first commands in a system that has only make and git (as root; TESTS=… shortens it)
#   make format, make tidy, make clean
#
# CC, CXX, CFLAGS, CXXFLAGS and LDFLAGS count when a build folder is made. V=1 shows the commands.
BUILD ?= build
BUILD_TYPE ?= Release
PREFIX ?= /usr/local
DESTDIR ?=
LIBDIR ?=
DIR ?= /usr/include
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
V ?=

configure = cmake -S . -B "$(BUILD)" -DCMAKE_BUILD_TYPE=$(BUILD_TYPE) -DZCNET_WARNINGS=ON \
	$(if $(LIBDIR),-DCMAKE_INSTALL_LIBDIR=$(LIBDIR)) $(if $(V),,--log-level=WARNING >/dev/null)
# What is installed names its prefix, which is the same from any folder then.
prefix = $(shell realpath -ms -- "$(PREFIX)")
# CMake's own makefiles are not part of this one's job pool.
compile = env -u MAKEFLAGS -u MAKELEVEL cmake --build "$(BUILD)" --parallel $(JOBS) $(if $(V),--verbose)
export BUILD DESTDIR JOBS

.PHONY: all demo test check check-valgrind check-asan check-tsan check-model check-random check-cross check-interop \
	check-large bench bench-files bench-relay bench-memory bench-bindings install uninstall abi check-abi docs \
	check-docs dist deb check-deb check-rpm check-fresh format tidy clean

all:
	@scripts/setup.sh build
	@$(configure)
	@$(compile)

demo:
	@scripts/setup.sh demo
	@$(configure)
	@$(compile)
	@scripts/demo.sh "$(BUILD)" "DIR=$(DIR)"

test:
	@scripts/setup.sh test
	@scripts/test.sh check check-valgrind check-asan check-tsan

check check-valgrind check-asan check-tsan check-model check-random:
	@scripts/setup.sh test
	@scripts/test.sh $@

check-cross:
	@scripts/setup.sh check-cross
	@scripts/cross.sh "$(BUILD)-cross" $(CROSS)

check-interop:
	@scripts/setup.sh interop
	@$(configure)
	@$(compile)
	@tests/interop/run.sh $(BUILD) $(INTEROP)

check-large:
	@scripts/setup.sh build
	@$(configure)
	@$(compile)
	@tests/large/run.sh "$(BUILD)" $(LARGE)

bench:
	@scripts/setup.sh bench
	@$(configure) -DZCNET_BENCH=ON
	@$(compile)
	@python3 -c 'import matplotlib' 2>/dev/null || PATH=/usr/bin:$$PATH; tests/bench/run.sh "$(BUILD)"

bench-files:
	@scripts/setup.sh bench-files
	@$(configure)
	@$(compile)
	@PATH=$$PATH:/usr/sbin python3 tests/bench/files.py --tool "$(BUILD)/zcnet" $(FILES)

bench-relay:
	@scripts/setup.sh bench-relay
	@$(configure)
	@$(compile)
	@PATH=$$PATH:/usr/sbin python3 tests/bench/relay.py --tool "$(BUILD)/zcnet" $(RELAY)

bench-memory:
	@scripts/setup.sh bench-memory
	@$(configure) -DZCNET_BENCH=ON
	@$(compile) --target bench_memory
	@tests/bench/memory/run.py --build "$(BUILD)" $(BENCH)

bench-bindings:
	@scripts/setup.sh test
	@$(configure) -DZCNET_TESTS=ON
	@$(compile)
	@tests/bench/bindings.sh $(BUILD)

# The prefix is told to CMake as well, for what it writes down with folders outside of it.
install: all
	@$(configure) -DCMAKE_INSTALL_PREFIX="$(prefix)"
	@cmake --install "$(BUILD)" --prefix "$(prefix)"
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" -eq 0 ] && command -v ldconfig >/dev/null; then ldconfig; fi

uninstall: all
	@scripts/uninstall.sh "$(BUILD)" "$(prefix)"

abi: all
	@scripts/setup.sh abi
	@scripts/abi.sh dump $(BUILD)

check-abi: all
	@scripts/setup.sh abi
	@scripts/abi.sh check $(BUILD)

docs:
	@scripts/setup.sh docs
	@$(configure)
	@$(compile)
	@scripts/docs.sh $(BUILD) $(BUILD)/site

check-docs: docs
	@scripts/setup.sh check-docs
	@scripts/check_docs.sh $(BUILD)/site

dist:
	@scripts/dist.sh $(BUILD)

deb:
	@scripts/setup.sh deb
	@scripts/deb.sh $(BUILD)-deb

check-deb: deb
	@scripts/setup.sh check-deb
	@scripts/check_deb.sh $(BUILD)-deb

check-rpm:
	@scripts/setup.sh check-rpm
	@scripts/check_rpm.sh $(BUILD)-rpm

check-fresh:
	@scripts/setup.sh check-fresh
	@scripts/check_fresh.sh

format:
	@scripts/setup.sh format
	@scripts/format.sh

tidy:
	@scripts/setup.sh tidy
	@$(configure) -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
	@scripts/tidy.sh $(BUILD)

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-deb $(BUILD)-rpm $(BUILD)-cross

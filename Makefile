# SPDX-License-Identifier: Apache-2.0
# `make help` lists the targets. Respected: CC, CFLAGS, CPPFLAGS, LDFLAGS,
# PREFIX, DESTDIR, BUILD (where all that is made goes), WERROR=1, V=1. Nothing
# is looked up before it is needed: `make test` first installs what is missing.
VERSION = 0.1.0

# No rule of make's own: one makes tests/golden of tests/golden.sh.
.SUFFIXES:

PREFIX ?= /usr/local
BUILD ?= build
CFLAGS ?= -O2 -g
PKG_CONFIG ?= pkg-config
CLANG_FORMAT ?= clang-format
B := $(BUILD)
O := $(B)/obj

WARN = -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wvla -Wwrite-strings
WARN += $(if $(filter-out 0,$(WERROR)),-Werror)

# $(call pkg,cflags,NAMES): pkg-config, asked once for each question.
var = pkg_$(subst $() ,_,$(strip $1 $2))
pkg = $(or $($(var)),$(eval $(var) := $(shell $(PKG_CONFIG) --$1 $2))$($(var)))

STD = -std=c11 -D_GNU_SOURCE -DWCONVFS_VERSION='"$(VERSION)"' -Isrc -I. -I$(B)
FLAGS = -pthread $(CFLAGS) $(SANITIZE)
COMPILE = $(CC) $(STD) $(CPPFLAGS) $(call pkg,cflags,$(PKG) $(LIB_PKG)) \
	-MMD -MP $(FLAGS)
say = $(if $(V),,@echo '  $1	$@'; )

# A library of everything below the programs; who needs which package.
LIB_PKG = libcjson libprotobuf-c libcrypto zlib libzip
LIB_SRC ?= $(wildcard src/core/*.c formats/*.c models/*.c src/view/*.c)
UNIT_SRC ?= $(wildcard tests/unit/*.c)
PROTO = $(patsubst %.proto,$(B)/%.pb-c,$(wildcard formats/*.proto))
GEN = $(PROTO:$(B)/%=$(O)/gen/%.o) $(addprefix $(O)/gen/models/,tables.o golden.o)
FS_OBJ = $(patsubst %.c,$(O)/%.o,$(wildcard fs/*.c))
CLI_OBJ = $(patsubst %.c,$(O)/%.o,$(wildcard src/cli/*.c))
UNIT_OBJ = $(UNIT_SRC:%.c=$(O)/%.o)
TOOLS = $(addprefix $(B)/tests/,readers faultfs soak make_model)
BENCH_TOOLS = $(addprefix $(B)/tests/,make_model nullfs reader)
# A malloc of our own goes with no sanitizer's.
TOOLS += $(if $(SANITIZE),,$(B)/tests/every)
SHARED = $(if $(SANITIZE),,$(B)/tests/failing.so)
FUZZERS = $(patsubst tests/fuzz/%.c,$(B)/tests/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_MAIN ?= $(O)/tests/fuzz/replay.o

all: $(B)/wconvfs $(B)/wconv ## build wconvfs and wconv (the default)

$(O)/fs/%.o $(B)/wconvfs: private PKG = fuse3
$(O)/tests/mount/faultfs.o $(B)/tests/faultfs: private PKG = fuse3
$(O)/tests/bench/nullfs.o $(B)/tests/nullfs: private PKG = fuse3
$(O)/tests/unit/%.o $(B)/tests/unit: private PKG = check

# tests/unit/test_NAME.c is the suite NAME: a new file is a new suite.
$(O)/tests/unit/main.o: tests/unit
$(O)/tests/unit/main.o: private SUITES = -D'SUITES(X)=$(patsubst \
	tests/unit/test_%.c,X(%),$(filter tests/unit/test_%,$(UNIT_SRC)))'

$(B)/libwconv.a: $(LIB_SRC:%.c=$(O)/%.o) $(GEN)
	$(call say,AR)rm -f $@ && $(AR) rcs $@ $^

$(B)/wconvfs: $(FS_OBJ) $(B)/libwconv.a
$(B)/wconv: $(CLI_OBJ) $(B)/libwconv.a
# What else is built on the insides is built along: it breaks with them.
$(B)/tests/unit: $(UNIT_OBJ) $(B)/libwconv.a | $(FUZZERS)
$(B)/tests/readers: $(O)/tests/mount/readers.o
$(B)/tests/faultfs: $(O)/tests/mount/faultfs.o
$(B)/tests/soak: $(O)/tests/mount/soak.o
$(B)/tests/make_model: $(O)/tests/bench/make_model.o
$(B)/tests/nullfs: $(O)/tests/bench/nullfs.o
$(B)/tests/reader: $(O)/tests/bench/reader.o
$(B)/tests/every: $(O)/tests/alloc/every.o $(O)/tests/alloc/failing.o \
	$(B)/libwconv.a
$(B)/tests/failing.so: tests/alloc/failing.c tests/alloc/failing.h
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(STD) $(CPPFLAGS) $(FLAGS) -fPIC -shared \
		$(LDFLAGS) -o $@ $<
$(B)/tests/judge: $(O)/tests/mutate/judge.o $(B)/libwconv.a
$(FUZZERS): $(B)/tests/%: $(O)/tests/fuzz/%.o $(O)/tests/fuzz/fuzz.o \
	$(FUZZ_MAIN) $(B)/libwconv.a
$(B)/wconvfs $(B)/wconv $(B)/tests/unit $(B)/tests/judge \
$(sort $(TOOLS) $(BENCH_TOOLS)) $(FUZZERS):
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(FLAGS) -Wl,--as-needed $(LDFLAGS) -o $@ $^ \
		$(call pkg,libs,$(PKG) $(LIB_PKG)) -lm

$(O)/%.o: %.c $(O)/flags | $(PROTO:=.h)
	@mkdir -p $(@D)
	$(call say,CC)$(COMPILE) $(WARN) $(SUITES) -c -o $@ $<

# Generated code: our warnings are not for it.
$(O)/gen/%.o: $(B)/%.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(COMPILE) -w -c -o $@ $<

$(B)/%.pb-c.c $(B)/%.pb-c.h: %.proto
	@mkdir -p $(@D)
	$(call say,PROTOC)protoc-c --c_out=$(B) $<

$(B)/models/tables.c: models/embed.sh models $(wildcard models/*.json)
	@mkdir -p $(@D)
	$(call say,EMBED)sh models/embed.sh $(filter %.json,$^) >$@

$(B)/models/golden.c: models/golden.sh tests/golden \
		$(wildcard tests/golden/*/case.json)
	@mkdir -p $(@D)
	$(call say,EMBED)sh models/golden.sh $(filter %.json,$^) >$@

# Objects made with other flags are made anew.
$(O)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(COMPILE) $(WARN) $(LDFLAGS))' >$@.new; \
		if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

check: ## the include law, banned calls, the look of the sources
	@sh tests/check.sh

deps:
	@sh contrib/install-deps

test: deps ## install what is missing, build, run every test
	@$(MAKE) --no-print-directory run-tests

run-tests: all $(B)/tests/unit $(TOOLS) $(SHARED) $(FUZZERS)
	@BUILD='$(B)' SANITIZED='$(strip $(SANITIZE))' \
		TEST_TIMEOUT=$(if $(SANITIZE),1200,300) sh tests/run

conformance: ## compare with the real MindSpore, torch, safetensors, numpy
	@sh contrib/install-deps && sh contrib/install-deps conformance
	@$(MAKE) --no-print-directory all
	@BUILD='$(B)' sh tests/conformance/run.sh

mutate: $(B)/tests/judge ## alter each rule of TABLES (all), see what notices it
	@BUILD='$(B)' sh tests/mutate/run.sh $(TABLES)

demo: deps ## install what is missing, build, mount a small model, compare
	@$(MAKE) --no-print-directory all
	@BUILD='$(B)' sh contrib/demo.sh

asan: ## the tests under AddressSanitizer and UBSan, in BUILD/asan
	@$(MAKE) --no-print-directory BUILD='$(B)/asan' run-tests SANITIZE='\
		-fsanitize=address,undefined -fno-sanitize-recover=all \
		-fno-omit-frame-pointer'

tsan: ## the tests under ThreadSanitizer, in BUILD/tsan
	@$(MAKE) --no-print-directory BUILD='$(B)/tsan' run-tests \
		SANITIZE='-fsanitize=thread -fno-omit-frame-pointer'

soak: all $(TOOLS) ## 64 readers at random for 10 minutes
	@BUILD='$(B)' SOAK_SECONDS=600 TEST_TIMEOUT=900 sh tests/run mount/soak

bench: all $(BENCH_TOOLS) ## measure, against peers of the same run
	@BUILD='$(B)' python3 tests/bench/bench.py $(PARTS)

# The programs without replay.c, with libFuzzer.
fuzzers:
	@$(MAKE) --no-print-directory BUILD='$(B)/fuzz' CC=clang CFLAGS='-O1 -g' \
		FUZZ_MAIN= SANITIZE='-fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all' \
		$(FUZZERS:$(B)/%=$(B)/fuzz/%)

FUZZ_SECONDS ?= 600
fuzz: deps ## fuzz each reader of files for FUZZ_SECONDS (600)
	@$(MAKE) --no-print-directory $(FUZZERS)
	@BUILD='$(B)' FUZZ_TEST_SECONDS=$(FUZZ_SECONDS) TEST_TIMEOUT=1000000 \
		sh tests/run fuzz

# What install puts where, a line each: mode, file, directory under PREFIX, and
# the name there if it is another.
define INSTALLED
755 $(B)/wconvfs bin
755 $(B)/wconv bin
755 contrib/mount.fuse.wconvfs sbin
644 contrib/man/wconvfs.1 share/man/man1
644 contrib/man/wconv.1 share/man/man1
644 contrib/man/wconv-rules.5 share/man/man5
644 contrib/completion/wconv.bash share/bash-completion/completions wconv
644 contrib/completion/wconv.bash share/bash-completion/completions wconvfs
644 contrib/completion/_wconv share/zsh/site-functions
644 contrib/systemd/wconvfs@.service lib/systemd/system
644 contrib/udev/90-wconvfs.rules lib/udev/rules.d
755 contrib/udev/wconvfs-readahead lib/udev
755 contrib/convert_weight.py share/wconvfs
endef
export INSTALLED

install: all ## install into DESTDIR/PREFIX (default /usr/local)
	@printf '%s\n' "$$INSTALLED" | while read -r mode file dir name; do \
		set -- "$(DESTDIR)$(PREFIX)/$$dir"; \
		install -d "$$1" && install -m "$$mode" "$$file" \
			"$$1/$${name:-$${file##*/}}" || exit; \
	done
	@sed -i 's,/usr/bin/wconvfs,$(PREFIX)/bin/wconvfs,' \
		'$(DESTDIR)$(PREFIX)/lib/systemd/system/wconvfs@.service'

uninstall: ## remove what install installed
	@printf '%s\n' "$$INSTALLED" | while read -r mode file dir name; do \
		rm -f "$(DESTDIR)$(PREFIX)/$$dir/$${name:-$${file##*/}}"; \
	done

format: ## clang-format the sources
	$(CLANG_FORMAT) -i $(wildcard src/*/*.[ch] fs/*.[ch] formats/*.[ch] \
		models/*.[ch] tests/*/*.[ch])

clean: ## remove BUILD
	rm -rf $(B)

help: ## list the targets
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/\1|\2/p' Makefile | \
		while IFS='|' read -r t d; do printf '%-12s %s\n' "$$t" "$$d"; done

.PHONY: all check test run-tests conformance mutate demo asan tsan soak bench fuzz \
	fuzzers install uninstall format clean help deps FORCE
.DELETE_ON_ERROR:
.SECONDARY: $(PROTO:=.c) $(PROTO:=.h)

-include $(wildcard $(O)/*/*.d $(O)/*/*/*.d)

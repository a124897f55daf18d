# make deps    what the build, the run and the tests need (as root)
# make         ./swarm: one static binary
# make demo    a cluster of five hosts on this machine (as root)
# make test    everything (as root)
# make lint    the rules that a machine can hold
#
# Variants, each with a build directory of its own: SAN=1 under ASan and
# UBSan; CC=clang; FUZZ=1 for the fuzz targets (clang's libFuzzer).

CC = $(if $(FUZZ),clang,gcc)
VARIANT = $(notdir $(CC))$(if $(SAN),-san)$(if $(FUZZ),-fuzz)
B = build/$(VARIANT)

# Each folder is an archive; USES says what it may call, nearest first.
FOLDERS = core/base core/model core/raft core/gossip core/state core/manager \
	core/agent core/node net net/tls net/http net/netlink net/client store \
	exec exec/image
USES_core/base =
USES_core/model = core/base
USES_core/raft = core/base
USES_core/gossip = core/base
USES_core/state = core/model core/base
USES_core/manager = core/state core/model core/base
USES_core/agent = core/model core/base
USES_core/node = core/manager core/agent core/gossip core/state core/raft \
	core/model core/base
CORE = core/node $(USES_core/node)
USES_net/netlink = core/base
USES_net/tls = core/model core/base
USES_net = net/netlink net/tls $(CORE)
USES_net/http = core/model core/base
USES_net/client = net/http core/model core/base
USES_store = $(CORE)
USES_exec/image = core/model core/base
USES_exec = exec/image $(CORE)

DEPS = build/deps
CPPFLAGS += -I. -isystem $(DEPS)/include -D_GNU_SOURCE
WARN = -Wall -Wextra -Wshadow -Wundef -Wvla -Wconversion -Wno-sign-conversion \
	-Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes \
	-Wimplicit-fallthrough -Werror
HARDEN = -D_FORTIFY_SOURCE=2 -fstack-protector-strong \
	-fstack-clash-protection -fcf-protection=full
CFLAGS ?= -O2 -g
override CFLAGS += -std=gnu17 $(WARN) -fno-common -fno-strict-aliasing \
	-ffunction-sections -fdata-sections -pthread
LDLIBS = -L$(DEPS)/lib $(DEPS_LIBS) -pthread -lm
DEPS_LIBS = -lev -llmdb -lbearssl $(MSGPACK) -ljansson -larchive -lz -lzstd \
	-lllhttp -lmnl
MSGPACK = $(if $(wildcard /usr/lib/*/libmsgpack-c.a),-lmsgpack-c,-lmsgpackc)

ifdef FUZZ
override CFLAGS += -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all -DSWARM_SANITIZED
LDMODE = -fsanitize=address,undefined
else ifdef SAN
override CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer -DSWARM_SANITIZED
LDMODE = -fsanitize=address,undefined
else
override CFLAGS += $(HARDEN) -fPIE
LDMODE = -static-pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections
endif

objs = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)/*.c))
lib = $(B)/lib$(subst /,_,$(1)).a
libs = $(foreach f,$(1),$(if $(wildcard $(f)/*.c),$(call lib,$(f))))

all: swarm

# The wiring: swarm.c and swarm_*.c see every folder.
WIRING = $(patsubst %.c,$(B)/%.o,$(wildcard swarm*.c))

swarm: $(B)/swarm
	cp $< $@
$(B)/swarm: $(WIRING) $(call libs,$(FOLDERS))
	$(call say,ld $@)
	$(Q)$(CC) $(CFLAGS) $(LDMODE) -o $@ $(WIRING) -Wl,--start-group \
		$(filter %.a,$^) -Wl,--end-group $(LDLIBS)

# Short lines; V=1 shows whole commands.
Q = $(if $(V),,@)
say = $(if $(V),,@echo "  $(1)")

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,cc $<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define folder_rules
$(call lib,$(1)): $(call objs,$(1))
	@rm -f $$@
	$$(Q)ar rcs $$@ $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call folder_rules,$(f))))

# ---- unit tests: test/unit/FOLDER/x_test.c links FOLDER and what it uses ----
UNIT_SRC = $(sort $(wildcard test/unit/*/*_test.c test/unit/*/*/*_test.c))
UNIT = $(patsubst %.c,$(B)/%,$(UNIT_SRC))
unit_folder = $(patsubst test/unit/%/,%,$(dir $(1)))
define unit_rules
$(patsubst %.c,$(B)/%,$(1)): $(patsubst %.c,$(B)/%.o,$(1)) $(B)/test/t.o \
	$(call libs,$(call unit_folder,$(1)) $(USES_$(call unit_folder,$(1))))
	$$(call say,ld $$@)
	$$(Q)$$(CC) $$(CFLAGS) $(if $(SAN),$$(LDMODE)) -o $$@ \
		$$(filter %.o,$$^) -Wl,--start-group \
		$$(filter %.a,$$^) -Wl,--end-group $$(LDLIBS)
endef
$(foreach t,$(UNIT_SRC),$(eval $(call unit_rules,$(t))))

# ---- host tests in C: run by test/host/*.sh, as root ----
HOST_SRC = $(wildcard test/host/*_test.c)
define host_rules
$(patsubst %.c,$(B)/%,$(1)): $(patsubst %.c,$(B)/%.o,$(1)) \
	$(call libs,exec $(USES_exec))
	$$(CC) $$(CFLAGS) $$(LDMODE) -o $$@ $$(filter %.o,$$^) \
		-Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $$(LDLIBS)
endef
$(foreach t,$(HOST_SRC),$(eval $(call host_rules,$(t))))

build-unit: $(UNIT)
unit: $(UNIT)
	@test/run-unit $(UNIT)

# ---- the simulator: make sim SEEDS=n ----
SEEDS = 2000
SIM_WRAP = raft_new raft_propose raft_msg_next raft_send_held raft_on_vote \
	raft_quorum_match raft_log_term raft_persisted raft_write_next \
	raft_propose_change raft_read_next batch_row_put effect_order
SIM_OBJS = $(patsubst %.c,$(B)/%.o,$(wildcard test/sim/*.c))
$(B)/test/sim/sim: $(SIM_OBJS) $(call libs,$(CORE))
	$(call say,ld $@)
	$(Q)$(CC) $(CFLAGS) $(if $(SAN),$(LDMODE)) -o $@ $(SIM_OBJS) \
		$(SIM_WRAP:%=-Wl,--wrap=%) -Wl,--start-group \
		$(filter %.a,$^) -Wl,--end-group $(LDLIBS)
sim: $(B)/test/sim/sim
	test/sim/run $< $(SEEDS)
sim-planted: $(B)/test/sim/sim
	$< planted

# ---- what a batch of the store costs: $(B)/test/bench/store DIR ----
$(B)/test/bench/store: $(B)/test/bench/store.o \
		$(call libs,store $(USES_store))
	$(call say,ld $@)
	$(Q)$(CC) $(CFLAGS) $(LDMODE) -o $@ $(filter %.o,$^) \
		-Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LDLIBS)

# ---- make bench's load generator, and its thousand workers ----
$(B)/test/bench/load: $(patsubst %,$(B)/test/bench/%.o,load load_swarm \
		load_etcd)
	$(call say,ld $@)
	$(Q)$(CC) $(CFLAGS) -o $@ $^ -lnghttp2 -lssl -lcrypto
$(B)/test/bench/workers: $(B)/test/bench/workers.o \
		$(call libs,net $(USES_net))
	$(call say,ld $@)
	$(Q)$(CC) $(CFLAGS) -o $@ $< -Wl,--wrap=connect -Wl,--start-group \
		$(filter %.a,$^) -Wl,--end-group $(LDLIBS)

# ---- fuzz targets: make FUZZ=1 fuzz SECONDS=n, each for n seconds ----
SECONDS = 5
FUZZ_SRC = $(sort $(wildcard test/fuzz/*_fuzz.c))
FUZZERS = $(patsubst %.c,$(B)/%,$(FUZZ_SRC))
$(B)/test/fuzz/%_fuzz: $(B)/test/fuzz/%_fuzz.o $(B)/test/fuzz/main.o \
		$(call libs,$(FOLDERS))
	$(call say,ld $@)
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer,address,undefined -o $@ \
		$(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) \
		-Wl,--end-group $(LDLIBS)
build-fuzz: $(FUZZERS)
fuzz: $(FUZZERS)
	@test/fuzz/run $(SECONDS) $(FUZZERS)

# What deps installs is looked for by a make of its own.
test: deps
	@test/run

demo: deps
	@$(MAKE) --no-print-directory swarm
	@etc/demo.sh

bench: deps
	@test/bench/packages.sh
	@$(MAKE) --no-print-directory swarm bench-sched bench-tools
	@test/bench/run
	@B=$(B) test/bench/cluster
bench-tools: $(B)/test/bench/load $(B)/test/bench/workers

# The scheduler alone: make bench-sched, no root needed.
$(B)/test/bench/sched: $(B)/test/bench/sched.o \
		$(call libs,core/manager $(USES_core/manager))
	$(call say,ld $@)
	$(Q)$(CC) $(CFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) \
		-Wl,--end-group $(LDLIBS)
bench-sched: $(B)/test/bench/sched
	@$<

print-uses: # for lint.sh: a folder and what it may include, a line each
	@$(foreach f,$(FOLDERS),echo "$(f) $(USES_$(f))";)

lint: $(call libs,$(filter core/%,$(FOLDERS)))
	B=$(B) test/lint.sh

clean:
	rm -rf build/gcc* build/clang* swarm

deps:
	etc/deps.sh

install: swarm
	install -D -m 755 -s swarm $(DESTDIR)/usr/local/bin/swarm
	install -D -m 644 etc/swarm.service \
		$(DESTDIR)/usr/local/lib/systemd/system/swarm.service
	for m in man/*.[1-8]; do install -D -m 644 $$m \
		$(DESTDIR)/usr/local/share/man/man$${m##*.}/$${m##*/}; done
	install -d $(DESTDIR)/usr/share/bash-completion/completions
	./swarm completion bash \
		>$(DESTDIR)/usr/share/bash-completion/completions/swarm

.PHONY: all deps unit build-unit lint print-uses clean sim sim-planted fuzz \
	build-fuzz test demo bench bench-sched bench-tools install
-include $(shell find $(B) -name '*.d' 2>/dev/null)

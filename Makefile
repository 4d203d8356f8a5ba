# Meson builds; this forwards. The recipes stand in tools/; CONTRIBUTING.md says what each is for.
BUILD ?= build
PREFIX ?= /usr/local
T ?= ike_message
SEED ?=
K ?=

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet
	@ln -sfn src/cli/ipsec $(BUILD)/ipsec

$(BUILD)/build.ninja:
	@tools/setup release $(BUILD)
	@ln -sfn $(BUILD)/compile_commands.json compile_commands.json

check: all
	@tools/check $(BUILD)

test:
	@tools/test $(BUILD)

e2e: all
	@tools/e2e $(BUILD) $(K)

demo:
	@tools/install-needs && $(MAKE) --no-print-directory all && tools/demo $(BUILD)

bench: all
	@tools/bench $(BUILD)

sim: all
	@tools/sim $(BUILD) $(SEED)

fuzz:
	@tools/fuzz $(BUILD) $(T)

san:
	@tools/san $(BUILD)

lint: all
	@tools/lint $(BUILD)

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

install: all
	@tools/setup release $(BUILD) -Dprefix=$(PREFIX)
	@meson install -C $(BUILD) --quiet $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

clean:
	@rm -rf $(BUILD) compile_commands.json

.PHONY: all check test e2e demo bench sim fuzz san lint format install clean

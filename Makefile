# Meson builds; this forwards. CONTRIBUTING.md says what each target is for.
BUILD ?= build

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@meson setup --buildtype=release $(BUILD) >/dev/null && ln -sf $(BUILD)/compile_commands.json .

.PHONY: all

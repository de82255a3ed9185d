# The short way in. Every target installs what is missing, configures once, and builds what changed.
build_dir := build/release
jobs := $(shell nproc)

.PHONY: run build test format clean setup

run: setup $(build_dir)/build.ninja
	@cmake --build $(build_dir) --target fathom
	$(build_dir)/bin/fathom demo

build: setup $(build_dir)/build.ninja
	@cmake --build $(build_dir)

# The trainer is tested too; without its packages, which are large, everything else still builds.
test:
	@tools/setup.sh --train
	cmake --preset release -DFATHOM_TRAIN=ON
	@cmake --build $(build_dir)
	ctest --test-dir $(build_dir) --output-on-failure -j $(jobs)

format:
	clang-format -i $(shell git ls-files '*.h' '*.cpp')

clean:
	rm -rf build

setup:
	@tools/setup.sh

# Ninja itself configures again when a CMakeLists.txt has changed.
$(build_dir)/build.ninja: | setup
	cmake --preset release

#!/bin/bash
# llama.sh DIR: a Python with llama-cpp-python, its server, and gguf, in DIR; prints the Python's path. Nothing is done
# where DIR has one. PyPI has the sources only: this compiles them (g++), the processor's backend alone and hardly
# optimised, since all that they have to run is a model of two layers.
set -euo pipefail
dir=$(realpath -m "$1")
release=0.3.36
if "$dir/bin/python" -c "import llama_cpp.server, gguf; assert llama_cpp.__version__ == '$release'" 2>/dev/null; then
    echo "$dir/bin/python"
    exit 0
fi
rm -rf "$dir"
mkdir -p "$dir"
python3 -m venv "$dir"
# Two fifths of the build are a library for llama.cpp's own programs, which its Python package switches on and does
# not load. A plain variable, set as its project begins, wins over that.
echo 'set(LLAMA_BUILD_COMMON OFF)' >"$dir/less.cmake"
off=$(printf -- '-D%s=OFF ' LLAVA_BUILD GGML_NATIVE GGML_OPENMP GGML_CCACHE LLAMA_BUILD_TESTS LLAMA_BUILD_EXAMPLES \
    LLAMA_BUILD_TOOLS LLAMA_BUILD_SERVER)
CMAKE_ARGS="$off -DCMAKE_PROJECT_llama_cpp_INCLUDE=$dir/less.cmake -DCMAKE_C_FLAGS_RELEASE=-O1 -DCMAKE_CXX_FLAGS_RELEASE=-O1" \
    CMAKE_BUILD_PARALLEL_LEVEL=${LLAMA_JOBS:-$(nproc)} \
    "$dir/bin/python" -m pip install --quiet --no-binary llama-cpp-python "llama-cpp-python[server]==$release" gguf==0.19.0 >&2
echo "$dir/bin/python"

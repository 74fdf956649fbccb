#!/bin/sh
# SPDX-License-Identifier: MIT
# What the Conan recipe takes of the tree is enough to build from, and installs every header: its list of files alone, in
# an empty folder, with the archive of BUILD in the place of one that would be compiled there.
#   exported.sh SOURCE BUILD
. "$(dirname "$0")/common.sh"
here=$(cd "$(dirname "$0")" && pwd)
source=$1 build=$2
tree=$work/tree

export_sources() {
    python3 - "$source" "$tree" <<'END'
import ast, glob, os, shutil, sys
source, tree = sys.argv[1:]
module = ast.parse(open(os.path.join(source, "packaging/conan/conanfile.py")).read())
patterns = next(ast.literal_eval(node.value) for node in module.body
                if isinstance(node, ast.Assign) and node.targets[0].id == "SOURCES")
for pattern in patterns:
    found = [pattern] if not pattern.endswith("/*") else glob.glob(pattern[:-1] + "**", root_dir=source, recursive=True)
    files = [file for file in found if os.path.isfile(os.path.join(source, file))]
    assert files, pattern
    for file in files:
        os.makedirs(os.path.dirname(os.path.join(tree, file)), exist_ok=True)
        shutil.copyfile(os.path.join(source, file), os.path.join(tree, file))
END
}
step "the exported files" export_sources
step "configures" cmake -S "$tree" -B "$work/build" -DZCNET_SHARED=OFF -DZCNET_TOOL=OFF -DZCNET_MAN=OFF
cp "$build/libzcnet.a" "$work/build/" || exit 1
step "installs" cmake --install "$work/build" --prefix "$work/prefix"
same "every header is there" \
    "$( (cd "$source/include/zcnet" && ls; cd "$source/bindings/cpp/include/zcnet" && find . -name '*.hpp' | sed 's|^\./||') | sort)" \
    "$( (cd "$work/prefix/include/zcnet" && find . -type f | sed 's|^\./||') | sort)"
flags=$(PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name libzcnet.pc)") pkg-config --cflags --libs libzcnet)
for program in "$source/packaging/conan/test_package/test_package.c" "$source/packaging/conan/test_package/test_package.cpp"; do
    case $program in *.cpp) compiler="${CXX:-c++} -std=c++17" ;; *) compiler=${CC:-cc} ;; esac
    step "${program##*/} compiles" $compiler "$program" $flags -o "$work/program"
    step "${program##*/} runs" limited "$work/program"
done

# Without a part of it, as a recipe that forgot one.
rm -r "$tree/bindings"
forgotten() { ! cmake -S "$tree" -B "$work/less" -DZCNET_SHARED=OFF -DZCNET_TOOL=OFF -DZCNET_MAN=OFF; }
step "sources without the C++ headers are refused" forgotten
finish

#!/bin/sh
# SPDX-License-Identifier: MIT
# What the package's README tells a newcomer to do, word for word, in an empty folder. Instead of the network there are
# the source folder and an archive of the module; instead of root, a folder to install into.
#   first_steps.sh SOURCE BUILD LIBDIR
. "$(dirname "$0")/common.sh"
. "$source/tests/shared/readme.sh"
module=github.com/libzcnet/libzcnet/bindings/go version=v0.0.1
readme=$package/README.md

block sh "$readme" >"$work/commands"
block go "$readme" >"$work/main.go"
equal() { [ "$1" = "$2" ] || { echo "'$1', not '$2'"; return 1; }; }
step "no more than five commands" few "$work/commands" 1 || finish
step "the README has what they need" grep -q "go get $module" "$work/commands" || finish

# The module as a proxy serves it: what is not ignored of its folder, under the name and version that a release has.
proxy=$work/proxy/$module/@v
mkdir -p "$proxy" "$work/tree/$module@$version" "$work/bin"
cp -R "$package/." "$work/tree/$module@$version"
rm -f "$work/tree/$module@$version"/zcnet_vendored.*
rm -rf "$work/tree/$module@$version"/bench # a module of its own
echo "$version" >"$proxy/list"
echo "{\"Version\":\"$version\"}" >"$proxy/$version.info"
cp "$package/go.mod" "$proxy/$version.mod"
zipped() (
    cd "$work/tree" && find "$module@$version" -type f >"$work/files" &&
        cmake -E tar cf "$proxy/$version.zip" --format=zip --files-from="$work/files"
)
step "an archive of the module" zipped || finish

# Commands of the newcomer's that would reach out of here.
cat >"$work/bin/sudo" <<END
#!/bin/sh
[ "\$*" = "make -C libzcnet install" ] && exec cmake --install "$build" --prefix "$work/prefix" >/dev/null
echo "sudo \$* is not what the library is installed by" >&2
exit 1
END
cat >"$work/bin/git" <<END
#!/bin/sh
[ "\$1 \$2" = "clone https://github.com/libzcnet/libzcnet" ] && exec ln -s "$source" libzcnet
exit 1
END
chmod +x "$work/bin/sudo" "$work/bin/git"
PATH=$work/bin:$PATH
PKG_CONFIG_PATH=$work/prefix/$3/pkgconfig LD_LIBRARY_PATH=$work/prefix/$3
GOPROXY=file://$work/proxy GONOSUMDB=* GONOSUMCHECK=1 GOFLAGS="$GOFLAGS -modcacherw" GOMODCACHE=$work/modules
export PATH PKG_CONFIG_PATH LD_LIBRARY_PATH GOPROXY GONOSUMDB GOFLAGS GOMODCACHE
newcomer() (
    mkdir "$work/empty" && cd "$work/empty" || exit 1
    set -e
    . "$work/commands"
    cp "$work/main.go" .
    timeout 300 go run . >"$work/printed"
)
step "the README's commands" newcomer || finish
step "it prints what the README says" equal "$(cat "$work/printed")" "$(printed "$readme" 'go run \.')"
finish

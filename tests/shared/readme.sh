# SPDX-License-Identifier: MIT
# For tests that do what a README tells a newcomer to do. Sourced by the scripts of the folders beside this one.

# block LANGUAGE README: the first block of that language.
block() { awk -v fence="\`\`\`$1" '$0 == fence { if (n++ == 0) inside = 1; next } /^```$/ { inside = 0 } inside' "$2"; }

# few FILE MORE: the commands in a file, and those beside it, are no more than five.
few() {
    commands=$(grep -c . "$1")
    [ $((commands + $2)) -le 5 ] || { echo "$commands commands, and $2 more" && return 1; }
}

# printed README COMMAND: what it says that a program prints, which is run by that command.
printed() { sed -n "s|^.*\`$2\` prints \`\([^\`]*\)\`\..*\$|\1|p" "$1"; }

# no_root FOLDER BUILD PREFIX: a `make install` in the folder that needs no root, since it installs into the prefix.
no_root() {
    mkdir -p "$1" && cat >"$1/make" <<END && chmod +x "$1/make"
#!/bin/sh
[ "\$*" = install ] && exec cmake --install "$2" --prefix "$3"
echo "make \$* is not what the library is installed by" >&2
exit 1
END
}

#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what a job lacks with the system's package manager; does nothing where nothing lacks.
#   scripts/setup.sh build|demo|test|bench|bench-files|bench-relay|bench-memory|interop|abi|docs|check-docs|deb|check-deb|check-rpm|check-fresh|check-cross|format|tidy
# As root, or through sudo where it asks no password. Else it prints the command to type, and fails.
set -eu

job=${1:-build}
missing=

# need THING CHECK…: remembers a thing whose check fails.
need() {
    thing=$1
    shift
    case " $missing " in *" $thing "*) return ;; esac
    "$@" >/dev/null 2>&1 || missing="$missing $thing"
}
has() { command -v "$1"; }
has_any() {
    for name; do command -v "$name" && return; done
    return 1
}
has_module() { pkg-config --exists "$1"; }
has_header() { printf '#include <%s>\n' "$1" | "${CXX:-c++}" -x c++ -E -; }
# Another python3 may stand before the system's, whose package this is.
has_plots() { python3 -c 'import matplotlib' || /usr/bin/python3 -c 'import matplotlib'; }

has_packing() {
    /usr/bin/python3 -c 'import setuptools, wheel' && /usr/bin/python3 -m pip --version
}

# Where Go's own installer puts it is often in nobody's PATH.
has_go() {
    case $(PATH=$PATH:/usr/local/go/bin go env GOVERSION 2>/dev/null) in
        go1.2[4-9]* | go1.[3-9][0-9]* | go[2-9]*) return ;;
        *) return 1 ;;
    esac
}
# Whether we may install: without a language its tests are skipped, by name.
may_install() { [ "$(id -u)" -eq 0 ] || sudo -n true; }
# Whether the system has a Go to install that is of use, and we may.
may_have_go() {
    may_install || return
    command -v apt-cache || return 0
    dpkg --compare-versions "$(apt-cache policy golang-go | sed -n 's/^ *Candidate: //p')" ge 2:1.24~
}

# Servers lie where users seldom look.
PATH=$PATH:/usr/sbin

need compiler has_any "${CXX:-c++}"
need compiler has_any "${CC:-cc}"
need cmake has cmake
need make has make
need pkg-config has pkg-config
case $job in
    build | demo) ;;
    test)
        need cmocka has_module cmocka
        need valgrind has valgrind
        # What a few checks want, which are skipped without it: where its packages are known.
        if command -v apt-get >/dev/null; then
            need meson has meson
            need mandoc has mandoc
            need cmark-gfm has cmark-gfm
            need abigail has abidiff
            need sdt has_header sys/sdt.h
            need gdb has gdb
            need http-parser has_header http_parser.h
            need curl has curl
            need python has python3
            need openssl has openssl
            need libssl has_header openssl/ssl.h
            # Other event loops, and what packs for Python.
            need libuv has_module libuv
            need libevent has_module libevent
            need glib has_module glib-2.0
            need asio has_header boost/asio.hpp
            need python-packing has_packing
            # As old as it may be: some tests are for the oldest Rust.
            if ! has cargo >/dev/null && may_install >/dev/null 2>&1; then need rust false; fi
        fi
        if ! has_go && may_have_go >/dev/null 2>&1; then need go false; fi
        ;;
    bench)
        need libzmq has_module libzmq
        need nng has_header nng/nng.h
        need libuv has_module libuv
        need asio has_header boost/asio.hpp
        need matplotlib has_plots
        ;;
    bench-files)
        need http-parser has_header http_parser.h
        need nginx has nginx
        need wrk has wrk
        need python has python3
        ;;
    bench-relay)
        need haproxy has haproxy
        need socat has socat
        need python has python3
        ;;
    bench-memory)
        need mimalloc has_header mimalloc.h
        need jemalloc has_header jemalloc/jemalloc.h
        need python has python3
        ;;
    abi)
        need abigail has abidiff
        need python has python3
        ;;
    docs | check-docs)
        need mandoc has mandoc
        need cmark-gfm has cmark-gfm
        if [ "$job" = check-docs ]; then
            need browser has_any chromium chromium-browser google-chrome
            need python has python3
        fi
        ;;
    interop)
        PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
        need postgresql has postgres
        need postgresql has pgbench
        need mosquitto has mosquitto
        need mosquitto has mosquitto_sub
        need redis has redis-server
        need redis has redis-benchmark
        need memcached has memcached
        need libmemcached has memcslap
        need nginx has nginx
        need curl has curl
        need openssl has openssl
        ;;
    deb | check-deb)
        need cmocka has_module cmocka
        need sdt has_header sys/sdt.h
        need mandoc has mandoc
        need debhelper has dh
        need dpkg-dev has dpkg-buildpackage
        if [ "$job" = check-deb ]; then
            need debootstrap has debootstrap
            need lintian has lintian
            need autopkgtest has autopkgtest
        fi
        ;;
    check-rpm)
        need cmocka has_module cmocka
        need sdt has_header sys/sdt.h
        need mandoc has mandoc
        need rpmbuild has rpmbuild
        need cpio has cpio
        ;;
    check-fresh) need debootstrap has debootstrap ;;
    check-cross)
        need cross-aarch64 has aarch64-linux-gnu-g++
        need cross-riscv64 has riscv64-linux-gnu-g++
        need cross-s390x has s390x-linux-gnu-g++
        need qemu has qemu-s390x-static
        ;;
    format) need clang-format has_any clang-format-14 clang-format ;;
    tidy) need clang-tidy has_any clang-tidy-14 clang-tidy ;;
    *)
        echo "setup: there is no job '$job': build, demo, test, bench, bench-files, bench-relay, bench-memory, interop, abi, docs, check-docs, deb, check-deb, check-rpm, check-fresh, check-cross, format, tidy" >&2
        exit 2
        ;;
esac
[ -n "$missing" ] || exit 0

# The names of packages, by the manager at hand.
if command -v apt-get >/dev/null; then
    column=2 refresh='apt-get update -qq' install='apt-get install -y -qq --no-install-recommends'
elif command -v dnf >/dev/null; then
    column=3 refresh= install='dnf install -y -q'
elif command -v apk >/dev/null; then
    column=4 refresh= install='apk add -q'
elif command -v pacman >/dev/null; then
    column=5 refresh= install='pacman -S --needed --noconfirm'
else
    echo "setup: '$job' lacks$missing, and no package manager that is known here was found. Install them by hand." >&2
    exit 1
fi
package() {
    while read -r thing apt dnf apk pacman; do
        [ "$thing" = "$1" ] || continue
        set -- x "$apt" "$dnf" "$apk" "$pacman"
        eval "echo \${$column}" | tr , ' '
    done <<'END'
compiler     g++              gcc-c++           g++,musl-dev,linux-headers gcc
cmake        cmake            cmake             cmake                      cmake
make         make             make              make                       make
pkg-config   pkg-config       pkgconf-pkg-config pkgconf                   pkgconf
cmocka       libcmocka-dev    libcmocka-devel   cmocka-dev                 cmocka
valgrind     valgrind         valgrind          valgrind                   valgrind
meson        meson            meson             meson                      meson
mandoc       mandoc           mandoc            mandoc                     mandoc
abigail      abigail-tools    libabigail        libabigail                 libabigail
sdt          systemtap-sdt-dev systemtap-sdt-devel -                       -
gdb          gdb              gdb               gdb                        gdb
cmark-gfm    cmark-gfm        cmark-gfm         cmark-gfm                  cmark-gfm
browser      chromium         chromium          chromium                   chromium
python       python3          python3           python3                    python
libzmq       libzmq3-dev      zeromq-devel      zeromq-dev                 zeromq
nng          libnng-dev       nng-devel         nng-dev                    nng
libuv        libuv1-dev       libuv-devel       libuv-dev                  libuv
libevent     libevent-dev     libevent-devel    libevent-dev               libevent
glib         libglib2.0-dev   glib2-devel       glib-dev                   glib2
asio         libboost-dev     boost-devel       boost-dev                  boost
python-packing python3-pip,python3-setuptools,python3-wheel python3-pip,python3-setuptools,python3-wheel py3-pip,py3-setuptools,py3-wheel python-pip,python-setuptools,python-wheel
mimalloc     libmimalloc-dev  mimalloc-devel    mimalloc-dev               mimalloc
jemalloc     libjemalloc-dev  jemalloc-devel    jemalloc-dev               jemalloc
matplotlib   python3-matplotlib python3-matplotlib py3-matplotlib          python-matplotlib
postgresql   postgresql       postgresql-server,postgresql-contrib postgresql,postgresql-contrib postgresql
mosquitto    mosquitto,mosquitto-clients mosquitto mosquitto,mosquitto-clients   mosquitto
redis        redis-server,redis-tools redis   redis                      redis
memcached    memcached        memcached         memcached                  memcached
libmemcached libmemcached-tools -               -                          -
nginx        nginx-light      nginx             nginx                      nginx
http-parser  libhttp-parser-dev http-parser-devel http-parser-dev      http-parser
wrk          wrk              wrk               wrk                        wrk
haproxy      haproxy          haproxy           haproxy                    haproxy
socat        socat            socat             socat                      socat
curl         curl             curl              curl                       curl
openssl      openssl          openssl           openssl                    openssl
libssl       libssl-dev       openssl-devel     openssl-dev                openssl
clang-format clang-format-14  clang-tools-extra clang-extra-tools          clang
go           golang-go        golang            go                         go
rust         cargo            cargo             cargo                      rust
clang-tidy   clang-tidy-14    clang-tools-extra clang-extra-tools          clang
debhelper    debhelper        -                 -                          -
dpkg-dev     dpkg-dev         -                 -                          -
rpmbuild     rpm              rpm-build         rpm                        rpm-tools
cpio         cpio             cpio              cpio                       cpio
debootstrap  debootstrap      debootstrap       debootstrap                debootstrap
cross-aarch64 g++-aarch64-linux-gnu -         -                          -
cross-riscv64 g++-riscv64-linux-gnu -         -                          -
cross-s390x  g++-s390x-linux-gnu -            -                          -
qemu         qemu-user-static -                -                          -
lintian      lintian          -                 -                          -
autopkgtest  autopkgtest      -                 -                          -
END
}
packages=
for thing in $missing; do packages="$packages $(package "$thing")"; done
case " $packages " in
    *" - "*)
        echo "setup: '$job' lacks$missing, of which this system has no packages: it is done on Debian" >&2
        exit 1
        ;;
esac
packages=$(printf '%s\n' $packages | awk '!seen[$0]++' | tr '\n' ' ')

sudo=
if [ "$(id -u)" -ne 0 ]; then
    sudo=sudo
    if ! sudo -n true 2>/dev/null; then
        echo "setup: '$job' lacks$missing. Install with:" >&2
        echo "    ${refresh:+sudo $refresh && }sudo $install $packages" >&2
        exit 1
    fi
fi
echo "setup: installing $packages"
DEBIAN_FRONTEND=noninteractive
export DEBIAN_FRONTEND
run() { ${sudo:+sudo -n --preserve-env=DEBIAN_FRONTEND} "$@"; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Package managers are chatty; what they said matters when they fail.
if { [ -z "$refresh" ] || run $refresh; } >"$log" 2>&1 </dev/null && run $install $packages >>"$log" 2>&1 </dev/null; then
    exit 0
fi
cat "$log" >&2
echo "setup: this failed: ${refresh:+$refresh && }$install $packages" >&2
exit 1

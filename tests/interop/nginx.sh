#!/bin/sh
# SPDX-License-Identifier: MIT
# curl and nginx with TLS through the relay: small and large files, ranges, many at once, over HTTP/1.1 and HTTP/2.
. "$(dirname "$0")/shared/common.sh"
PATH=$PATH:/usr/sbin
needs nginx curl openssl

socket=$work/web
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout "$work/key" -out "$work/cert" >"$work/openssl.log" 2>&1 || die 'openssl'
mkdir "$work/www" "$work/tmp" "$work/got"
for size in 1 1000 100000 5000000 40000000; do random_file "$work/www/$size" "$size"; done
chmod -R a+rX "$work"
cat >"$work/conf" <<END
daemon off;
worker_processes 1;
pid $work/pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path $work/tmp/1; proxy_temp_path $work/tmp/2; fastcgi_temp_path $work/tmp/3;
    uwsgi_temp_path $work/tmp/4; scgi_temp_path $work/tmp/5;
    server {
        listen unix:$socket ssl http2;
        ssl_certificate $work/cert;
        ssl_certificate_key $work/key;
        root $work/www;
    }
}
END
[ "$(id -u)" -ne 0 ] || sed -i '1i user root;' "$work/conf"
server nginx nginx -c "$work/conf" -p "$work"
within 30 test -S "$socket"

exercise() {
    what=$1
    shift
    through "$@"
    fetch() { curl -sS --fail --cacert "$work/cert" --resolve "localhost:$port:127.0.0.1" "$@" 2>"$work/curl.log"; }
    base=https://localhost:$port
    for version in --http1.1 --http2; do
        for size in 1 1000 100000 5000000 40000000; do
            fetch $version -o "$work/got/file" "$base/$size" || die "$what: curl $version of $size"
            same "$work/www/$size" "$work/got/file" "$what: $size bytes, $version"
        done
        fetch $version -r 12345-4999999 -o "$work/got/file" "$base/5000000" || die "$what: a range"
        tail -c +12346 "$work/www/5000000" >"$work/part"
        same "$work/part" "$work/got/file" "$what: a range"
        # Eight at once, each on a connection of its own under HTTP/1.1.
        fetch $version --parallel --parallel-immediate -o "$work/got/#1" "$base/5000000?[1-8]" || die "$what: at once"
        for number in 1 2 3 4 5 6 7 8; do same "$work/www/5000000" "$work/got/$number" "$what: number $number"; done
    done
    over "$what"
}
records='length,offset=3,width=2,max=64K'
exercise 'nginx with TLS'
exercise 'nginx with TLS, spliced' --method splice
exercise 'nginx with TLS, messages' --framing "$records" --framing-back "$records"

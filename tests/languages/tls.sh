#!/bin/sh
# SPDX-License-Identifier: MIT
# Streams over TLS in another language: with themselves, with those in C, and with the program openssl.
#   tls.sh LANGUAGE FOLDER      as against_c.sh
. "$(dirname "$0")/../examples/shared/examples.sh"
language=$1 other=$2
if [ ! -x "$EXAMPLES/tls_echo" ] || [ ! -x "$other/tls_echo" ] || ! command -v openssl >/dev/null; then
    echo "skipped: OpenSSL is not installed: apt-get install libssl-dev openssl"
    exit 77
fi

# certificate NAME: for localhost, signed by itself; NAME.pem and NAME.key.
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
        -out "$work/$1.pem" -keyout "$work/$1.key" 2>"$work/openssl.err" || die "no certificate: $(cat "$work/openssl.err")"
}
certificate right
certificate wrong

for pair in "$other $other" "$other $EXAMPLES" "$EXAMPLES $other"; do
    server=${pair% *} client=${pair#* }
    serve tls "$server/tls_echo" serve 127.0.0.1:0 "$work/right.pem" "$work/right.key"
    says 0 '^16 three words here$' "$client/tls_echo" ask "$address" "$work/right.pem" hello '' 'three words here'
    holds "$work/run.out" '^0 $' 'an empty message'
    says 1 'certificate|verify' "$client/tls_echo" ask "$address" "$work/wrong.pem" hello
    says 0 '^5 again$' "$client/tls_echo" ask "$address" "$work/right.pem" again
    kill "$pid"
    echo "ok      from $client to $server"
done

serve tls "$other/tls_echo" serve 127.0.0.1:0 "$work/right.pem" "$work/right.key"
printf '\000\000\000\005hello' >"$work/frame"
mkfifo "$work/typed"
timeout "$deadline" openssl s_client -quiet -no_ign_eof -verify_return_error -servername localhost \
    -CAfile "$work/right.pem" -connect "$address" <"$work/typed" >"$work/echoed" 2>"$work/openssl.err" &
typist=$!
started="$started $typist"
exec 7>"$work/typed"
cat "$work/frame" >&7
end=$(($(date +%s) + deadline))
until [ "$(wc -c <"$work/echoed")" -ge 9 ]; do
    [ "$(date +%s)" -lt "$end" ] || die "openssl got no answer: $(cat "$work/openssl.err")"
    sleep 0.05
done
exec 7>&-
wait "$typist"
same "$work/frame" "$work/echoed" 'what openssl got back'
says 2 '^usage' "$other/tls_echo"
echo "ok      from openssl to $language"

#!/bin/sh
# SPDX-License-Identifier: MIT
# pgbench and psql through the relay: transactions, and large results and loads.
. "$(dirname "$0")/shared/common.sh"
PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
needs postgres initdb pgbench psql

# The server does not run as root.
as_server=
mkdir "$work/data" "$work/run"
if [ "$(id -u)" -eq 0 ]; then
    as_server='setpriv --reuid=postgres --regid=postgres --clear-groups'
    chown postgres:postgres "$work/data" "$work/run"
fi
$as_server initdb -D "$work/data" -U tester --auth=trust --no-sync >"$work/initdb.log" 2>&1 || die 'initdb'
server postgres $as_server postgres -D "$work/data" -k "$work/run" -c listen_addresses= -c fsync=off -c max_connections=30
socket=$work/run/.s.PGSQL.5432
PGUSER=tester PGDATABASE=postgres PGSSLMODE=disable PGGSSENCMODE=disable
export PGUSER PGDATABASE PGSSLMODE PGGSSENCMODE
within 60 psql -h "$work/run" -c 'select 1'

rows="copy (select i, repeat(md5(i::text), 20) from generate_series(1, 40000) i) to stdout"
psql -h "$work/run" -c "$rows" >"$work/direct" || die 'psql without a relay'

exercise() {
    what=$1
    shift
    through "$@"
    PGHOST=$host PGPORT=$port
    export PGHOST PGPORT
    pgbench -i -s 1 -q >"$work/pgbench.log" 2>&1 || die "$what: pgbench -i"
    for protocol in simple extended prepared; do
        pgbench -c 4 -j 2 -t 100 -M "$protocol" >"$work/pgbench.log" 2>&1 || die "$what: pgbench, $protocol"
        grep -q 'actually processed: 400/400$' "$work/pgbench.log" || die "$what: transactions of pgbench, $protocol"
    done
    psql -c "$rows" >"$work/relayed" || die "$what: psql"
    same "$work/direct" "$work/relayed" "$what: a large result"
    psql -q -c 'drop table if exists t' -c 'create table t(i int, s text)' -c '\copy t from '"$work/direct" || die "$what: a load"
    [ "$(psql -At -c 'select count(*), sum(length(s)) from t')" = '40000|25600000' ] || die "$what: what was loaded"
    over "$what"
    unset PGHOST PGPORT
}
typed='length,offset=1,adjust=-4,max=1G'
exercise 'postgresql'
exercise 'postgresql, spliced' --method splice
exercise 'postgresql, messages' --first length,adjust=-4 --framing "$typed" --framing-back "$typed"

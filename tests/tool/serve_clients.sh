#!/bin/sh
# SPDX-License-Identifier: MIT
# zcnet serve with files that change under it, clients that are slow, many or gone, and signals.
. "$(dirname "$0")/shared/harness.sh"
. "$(dirname "$0")/shared/serve.sh"

mkdir "$work/clients"
python3 "$(dirname "$0")/serve/clients.py" "$ZCNET" "$work/clients" || die 'a server with clients'

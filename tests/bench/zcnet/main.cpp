// SPDX-License-Identifier: MIT
#include "../harness/load.h"
#include "zcnet_bench.h"

int main(int argc, char **argv) {
    using namespace bench;
    return bench_main(argc, argv, "zcnet", zcn_version_text(),
                      {
                          {"flow",
                           {"unit", "unit-zero-copy", "batch", "reserve", "batch-spin", "reserve-spin"},
                           zcnet::flow_server,
                           zcnet::flow_client},
                          {"retain", {"batch", "reserve"}, zcnet::retain_server, zcnet::flow_client},
                          {"ping", {"wait", "spin"}, zcnet::ping_server, zcnet::ping_client},
                          {"forward", {"forward"}, zcnet::forward_server, forward_client},
                          {"echo", {"forward"}, zcnet::echo_server, echo_client},
                          {"idle", {"forward"}, zcnet::echo_server, idle_client},
                      });
}

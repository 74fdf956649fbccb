// SPDX-License-Identifier: MIT
#include "../harness/load.h"
#include "raw.h"

int main(int argc, char **argv) {
    using namespace bench;
    return bench_main(
        argc, argv, "raw", "",
        {
            {"flow",
             {"w64-r256", "w256-r256", "w64-r64", "w64-r64-even", "w64-r256-even", "w256-exact", "w64-r64-spin",
              "w256-r256-spin", "w64-r64-even-spin"},
             raw::flow_server,
             raw::flow_client},
            {"retain", {"w64-r256", "w256-r256", "w64-r64", "w64-r64-even"}, raw::retain_server, raw::flow_client},
            {"ping", {"block", "epoll", "spin"}, raw::ping_server, raw::ping_client},
            {"forward", {"late", "soon", "deep"}, raw::forward_server, forward_client},
            {"echo", {"epoll"}, raw::echo_server, echo_client},
            {"idle", {"epoll"}, raw::echo_server, idle_client},
        });
}

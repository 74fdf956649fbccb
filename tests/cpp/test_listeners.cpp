/* SPDX-License-Identifier: MIT */
/* Listeners whose accepting pauses. */
#include <sys/resource.h>

#include "support.hpp"

namespace {

/* As long as it lives, the process can have no more descriptors than it has. */
struct WithoutDescriptors {
    rlimit before;
    WithoutDescriptors() {
        const int lowest = dup(0);
        CHECK(lowest >= 0 && close(lowest) == 0 && getrlimit(RLIMIT_NOFILE, &before) == 0);
        const rlimit none = {static_cast<rlim_t>(lowest), before.rlim_max};
        CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    }
    WithoutDescriptors(const WithoutDescriptors &) = delete;
    ~WithoutDescriptors() { static_cast<void>(setrlimit(RLIMIT_NOFILE, &before)); }
};

void accepting_pauses_without_descriptors() {
    const zcnet::Framing framing("length,strip=4");
    zcnet::Loop loop;
    const zcnet::Listener listener = loop.listen("tcp://127.0.0.1:0", framing);
    for (int i = 0; i < 6; i++) loop.connect(listener.address(), framing);  // the first of them are sent away
    zcn_status status = ZCN_OK;
    int number = 0;
    {
        const WithoutDescriptors limit;
        test::poll_until(loop, [&](const zcnet::Event &event) {
            if (event.type() != zcnet::EventType::accept_limited) return false;
            status = event.status();
            number = event.sys_errno();
            return true;
        });
    }
    CHECK(status == ZCN_ESYS && number == EMFILE);
    // It goes on by itself.
    test::poll_until(loop, [&](const zcnet::Event &event) {
        if (event.type() == zcnet::EventType::accepted) CHECK(event.sys_errno() == 0);
        return event.type() == zcnet::EventType::accepted;
    });
}

void accepting_pauses_at_the_limit() {
    const zcnet::Framing framing("length,strip=4");
    zcnet::Loop loop;
    zcnet::ListenOptions options;
    options.max_connections = 1;
    options.user = 5;
    const zcnet::Listener listener = loop.listen("tcp://127.0.0.1:0", framing, options);
    for (int i = 0; i < 2; i++) loop.connect(listener.address(), framing);
    test::poll_until(loop, [&](const zcnet::Event &event) {
        if (event.type() != zcnet::EventType::accept_limited) return false;
        CHECK(event.status() == ZCN_ENOBUFS && event.sys_errno() == 0 && event.user() == 5);
        return true;
    });
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {TEST(accepting_pauses_without_descriptors), TEST(accepting_pauses_at_the_limit)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}

// SPDX-License-Identifier: MIT
// zcnet stat
#include <algorithm>
#include <string>

#include "arguments.h"
#include "endpoint.h"
#include "interrupt.h"
#include "json.h"
#include "prometheus.h"
#include "stat_page.h"
#include "text.h"
#include "verbs.h"

namespace tool {
namespace {

struct StatOptions {
    std::string address;
    uint64_t every_s = 0;
    uint64_t count = UINT64_MAX;
    uint64_t timeout_s = 5;
    bool all = false;
    bool json = false;
    bool prometheus = false;
    Labels labels;
};

std::vector<Json> json_of(const std::vector<Holder> &holders, std::initializer_list<const char *> whose) {
    std::vector<Json> objects;
    for (const Holder &holder : holders) {
        Json &object = objects.emplace_back();
        size_t i = 0;
        for (const char *name : whose) object.text(name, holder.addresses[i++]);
        for (const auto &[name, value] : holder.values) object.number(name, value);
    }
    return objects;
}

void print_json(const StatPage &page) {
    Json json;
    json.text("version", page.version);
    for (const Metric &metric : page.metrics) json.number(metric.name, metric.value);
    json.objects("conns", json_of(page.conns, {"peer"})).objects("relays", json_of(page.relays, {"first", "second"}));
    print_line(json.line());
}

void print_holders(const StatPage &page) {
    for (const auto *holders : {&page.conns, &page.relays})
        for (const Holder &holder : *holders) print_line(printable(holder.line));
}

void print_table(const StatPage &page, bool all) {
    print_line("zcnet " + printable(page.version));
    for (const Metric &metric : page.metrics)
        if (all || metric.value != 0)
            print_line(format("%-26s %22s", metric.name.c_str(), grouped(metric.value).c_str()));
    print_holders(page);
}

// What has changed since the page before, and how fast.
void print_changes(const StatPage &before, const StatPage &now, double seconds) {
    print_line("");
    for (const Metric &metric : now.metrics) {
        const auto same =
            std::ranges::find_if(before.metrics, [&](const Metric &each) { return each.name == metric.name; });
        if (same == before.metrics.end() || same->value == metric.value) continue;
        const double change = static_cast<double>(metric.value) - static_cast<double>(same->value);
        print_line(metric.gauge ? format("%-26s %22s", metric.name.c_str(), grouped(metric.value).c_str())
                                : format("%-26s %22s %14.0f /s", metric.name.c_str(), grouped(metric.value).c_str(),
                                         change / seconds));
    }
    print_holders(now);
}

void print(const StatOptions &options, const StatPage *before, const StatPage &now, double seconds) {
    if (options.json) {
        print_json(now);
    } else if (options.prometheus) {
        std::string text = prometheus(now, options.labels);
        text.pop_back();
        print_line(text);
    } else if (before == nullptr) {
        print_table(now, options.all);
    } else {
        print_changes(*before, now, seconds);
    }
}

// Waits with the signals blocked that end it. False: one came.
bool wait_for_next(zcn_loop *loop, const Interrupt &interrupt, int64_t until) {
    for (int64_t left = until - now_ns(); left > 0 && !interrupt.raised(); left = until - now_ns()) {
        const zcn_event *events = nullptr;
        size_t count = 0;
        if (zcn_loop_poll(loop, left, &events, &count, nullptr) != ZCN_OK) return false;
    }
    return !interrupt.raised();
}

int show(const StatOptions &options) {
    StatPage now = fetch_stat_page(options.address, options.timeout_s);
    print(options, nullptr, now, 0);
    if (options.every_s == 0) return 0;
    const Owned<zcn_loop> loop = create_loop(nullptr, 0);
    const Interrupt interrupt(loop.get());
    const int64_t every = static_cast<int64_t>(options.every_s) * second_ns;
    int64_t last = now_ns();
    for (uint64_t shown = 1; shown < options.count && wait_for_next(loop.get(), interrupt, last + every); shown++) {
        const StatPage before = std::move(now);
        now = fetch_stat_page(options.address, options.timeout_s);
        const int64_t fetched = now_ns();
        print(options, &before, now, static_cast<double>(fetched - last) * 1e-9);
        last = fetched;
    }
    return 0;
}

}  // namespace

int run_stat(int count, char **words) {
    StatOptions options;
    Arguments arguments(
        "stat", "ADDR [OPTIONS]",
        "Prints the counters of a loop in another process, of its relays and its pool, and the connections\n"
        "and relays that hold most bytes. The process shows them at ADDR, a Unix socket that it has opened for this\n"
        "(zcn_listen_stat(); the option --stat of recv, echo, relay and serve).\n");
    arguments.number("every", "S", "print again every S seconds what has changed", &options.every_s, 1, 1'000'000);
    arguments.number("count", "N", "end after N times", &options.count, 1, UINT64_MAX);
    arguments.number("timeout", "S", "seconds to wait for an answer (5)", &options.timeout_s, 1, 1'000'000);
    arguments.flag("all", "print also what is 0", &options.all);
    arguments.flag("prometheus", "print the text format of Prometheus", &options.prometheus);
    arguments.texts("label", "NAME=VALUE", "with --prometheus: a label of each metric; may be given again",
                    [&](const std::string &label) { add_label(&options.labels, label); });
    arguments.flag("json", "print JSON, one object a line", &options.json);
    if (!arguments.parse(count, words, 1, 1)) return 0;
    if (options.json && options.prometheus) arguments.wrong("--json and --prometheus exclude each other");
    if (options.prometheus && options.every_s != 0)
        arguments.wrong("--every and --prometheus exclude each other: that format has each metric once");
    if (arguments.given("label") && !options.prometheus) arguments.wrong("--label needs --prometheus");
    if (arguments.given("count") && options.every_s == 0) arguments.wrong("--count needs --every");
    options.address = arguments.positionals()[0];
    return show(options);
}

}  // namespace tool

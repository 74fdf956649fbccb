// SPDX-License-Identifier: MIT
#include "stat_page.h"

#include <algorithm>
#include <sstream>

#include "arguments.h"
#include "endpoint.h"
#include "poll_events.h"
#include "text.h"

namespace tool {
namespace {

constexpr size_t largest_page = 1 << 20;

// What a connection brings until its end.
std::string read_all(const std::string &address, uint64_t timeout_s) {
    const Owned<zcn_framing> raw = parse_framing("raw");
    const Owned<zcn_loop> loop = create_loop(nullptr, 0);
    (void)open_connection(loop.get(), address, raw.get(), connection_options());
    std::string text;
    bool ended = false;
    const int64_t give_up = now_ns() + static_cast<int64_t>(timeout_s) * second_ns;
    while (!ended) {
        const int64_t left = give_up - now_ns();
        if (left <= 0)
            throw Failure(format("%s does not answer: its loop was not polled for %s", address.c_str(),
                                 counted(timeout_s, "second").c_str()));
        poll_events(loop.get(), left, [&](const zcn_event &event) {
            if (event.type == ZCN_EVENT_MESSAGE) {
                text.append(static_cast<const char *>(event.data), event.size);
                if (text.size() > largest_page) throw Failure(address + " sends more than counters");
            }
            if (event.type != ZCN_EVENT_CLOSED) return;
            ended = true;
            if (event.status != ZCN_EOF)
                throw Failure("cannot read from " + address + ": " + zcn_status_text(event.status));
        });
    }
    return text;
}

// Names are made of these alone, so that they may stand in every format.
bool is_name(const std::string &name) {
    return !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
}

}  // namespace

StatPage parse_stat_page(const std::string &text) {
    StatPage page;
    std::istringstream lines(text);
    std::string line;
    if (!std::getline(lines, line) || line.compare(0, 6, "zcnet ") != 0)
        throw Failure("there are no counters of a loop: its first line is '" + printable(line.substr(0, 60)) + "'");
    page.version = line.substr(6);
    bool complete = false;
    while (!complete && std::getline(lines, line)) {
        std::istringstream words(line);
        std::string kind;
        words >> kind;
        complete = kind == "end";
        if (kind == "conn") page.conns.push_back(line.substr(5));
        if (kind != "counter" && kind != "gauge") continue;
        std::string name;
        std::string value;
        words >> name >> value;
        try {
            if (!is_name(name)) throw std::invalid_argument(name);
            page.metrics.push_back({kind == "gauge", name, parse_number(value)});
        } catch (const std::logic_error &) {
            throw Failure("a line of the counters is wrong: '" + printable(line.substr(0, 60)) + "'");
        }
    }
    if (!complete) throw Failure("the counters are cut off");
    return page;
}

StatPage fetch_stat_page(const std::string &address, uint64_t timeout_s) {
    return parse_stat_page(read_all(address, timeout_s));
}

std::string prometheus(const StatPage &page) {
    std::string text;
    for (const Metric &metric : page.metrics) {
        // The sum over all connections needs no word of its own there: its counters end in _total.
        const std::string sum = "total_";
        std::string name = "zcnet_" + (metric.name.starts_with(sum) ? metric.name.substr(sum.size()) : metric.name);
        if (!metric.gauge) name += "_total";
        text += "# TYPE " + name + (metric.gauge ? " gauge\n" : " counter\n") + name + " " +
                std::to_string(metric.value) + "\n";
    }
    return text;
}

}  // namespace tool

// SPDX-License-Identifier: MIT
#include "stat_page.h"

#include <set>
#include <sstream>
#include <stdexcept>

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
    if (text.empty())
        throw Failure(address + " closed the connection without an answer: the program may be out of memory");
    return text;
}

// Names are made of these alone, so that they may stand in every format.
bool is_name(const std::string &name) {
    return !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
}

// A name and its number. Throws std::logic_error.
std::pair<std::string, uint64_t> parse_pair(std::istringstream *words) {
    std::pair<std::string, uint64_t> pair;
    std::string value;
    *words >> pair.first >> value;
    if (!is_name(pair.first)) throw std::invalid_argument(pair.first);
    pair.second = parse_number(value);
    return pair;
}

Holder parse_holder(const std::string &line, std::istringstream *words, size_t addresses) {
    Holder holder;
    holder.line = line;
    holder.addresses.resize(addresses);
    for (std::string &address : holder.addresses)
        if (!(*words >> address)) throw std::invalid_argument(line);
    while (*words >> std::ws && !words->eof()) holder.values.push_back(parse_pair(words));
    return holder;
}

// False: it is the last one. Kinds of lines that later versions have are passed over.
bool parse_line(const std::string &line, StatPage *page, std::set<std::string> *names) {
    std::istringstream words(line);
    std::string kind;
    words >> kind;
    if (kind == "conn") page->conns.push_back(parse_holder(line, &words, 1));
    if (kind == "relay") page->relays.push_back(parse_holder(line, &words, 2));
    if (kind == "counter" || kind == "gauge") {
        const auto [name, value] = parse_pair(&words);
        if (!names->insert(name).second) throw std::invalid_argument(name);
        page->metrics.push_back({kind == "gauge", name, value});
    }
    return kind != "end";
}

}  // namespace

StatPage parse_stat_page(const std::string &text) {
    StatPage page;
    std::istringstream lines(text);
    std::string line;
    if (!std::getline(lines, line) || line.compare(0, 6, "zcnet ") != 0)
        throw Failure("there are no counters of a loop: its first line is '" + printable(line.substr(0, 60)) + "'");
    page.version = line.substr(6);
    std::set<std::string> names;
    bool complete = false;
    while (!complete && std::getline(lines, line)) {
        try {
            complete = !parse_line(line, &page, &names);
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

}  // namespace tool

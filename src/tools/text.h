// SPDX-License-Identifier: MIT
// Sentences and figures for people.
#pragma once

#include <zcnet/zcnet.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace tool {

// The command line is wrong: said in one sentence, exit status 2.
struct UsageError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The work failed: said in one sentence, exit status 1.
struct Failure : std::runtime_error {
    explicit Failure(const std::string &sentence, zcn_status why = ZCN_ESYS)
        : std::runtime_error(sentence), status(why) {}

    zcn_status status;
};

[[gnu::format(printf, 1, 2)]] std::string format(const char *pattern, ...);

std::string grouped(uint64_t value);                    // 1,234,567
std::string counted(uint64_t value, const char *noun);  // 1 message, 2 messages
std::string bytes_text(double bytes);                   // 1.23 GB
std::string rate_text(double per_second);               // 1.23 M/s
std::string printable(std::string_view bytes);          // control characters of foreign text as \xHH
size_t utf8_size(std::string_view text);                // bytes of the character at its start, 0: there is none
bool is_utf8(std::string_view text);
std::string system_error(const std::string &what);  // what: sentence of errno

// One line on standard error, behind the name of the tool.
void complain(const std::string &sentence);

// An error of the library as a sentence: its own text, or that of the status.
std::string error_text(const zcn_error &error);
std::string status_line(zcn_status status);

// Of ZCN_EVENT_ACCEPT_LIMITED: why nobody is let in, and what helps.
std::string limited_text(const zcn_event &event);

}  // namespace tool

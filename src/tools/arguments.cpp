// SPDX-License-Identifier: MIT
#include "arguments.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "text.h"

namespace tool {

uint64_t parse_number(const std::string &text) {
    uint64_t value = 0;
    const char *end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc::result_out_of_range) throw std::out_of_range(text);
    if (error != std::errc() || stop != end) throw std::invalid_argument(text);
    return value;
}

uint64_t parse_size(const std::string &text) {
    const size_t unit = text.empty() ? std::string::npos : std::string("KMG").find(text.back());
    if (unit == std::string::npos) return parse_number(text);
    const unsigned shift = 10 * (static_cast<unsigned>(unit) + 1);
    const uint64_t value = parse_number(text.substr(0, text.size() - 1));
    if (value > UINT64_MAX >> shift) throw std::out_of_range(text);
    return value << shift;
}

Arguments::Arguments(std::string verb, std::string synopsis, std::string about)
    : verb_(std::move(verb)), synopsis_(std::move(synopsis)), about_(std::move(about)) {}

uint32_t Arguments::choose(const char *option, const std::string &word,
                           std::initializer_list<const char *> words) const {
    uint32_t number = 0;
    std::string all;
    for (const char *each : words) {
        if (word == each) return number;
        all += (number++ != 0 ? ", " : "") + std::string(each);
    }
    wrong("--" + std::string(option) + " is one of " + all);
}

void Arguments::wrong(const std::string &sentence) const {
    throw UsageError(verb_ + ": " + sentence + " (see zcnet " + verb_ + " --help)");
}

void Arguments::flag(const char *name, const char *help, bool *out) {
    options_.push_back({name, "", help, [out](const std::string &) { *out = true; }});
}

void Arguments::text(const char *name, const char *value, const char *help, std::string *out) {
    options_.push_back({name, value, help, [out](const std::string &given) { *out = given; }});
}

void Arguments::texts(const char *name, const char *value, const char *help,
                      std::function<void(const std::string &)> add) {
    options_.push_back({name, value, help, std::move(add), false, true});
}

void Arguments::number(const char *name, const char *value, const char *help, uint64_t *out, uint64_t low,
                       uint64_t high) {
    const auto set = [this, name, out, low, high](const std::string &given) {
        try {
            const uint64_t number = parse_number(given);
            if (number < low || number > high) throw std::out_of_range(given);
            *out = number;
        } catch (const std::logic_error &) {
            const std::string range = high == UINT64_MAX ? format("of %s or more", grouped(low).c_str())
                                                         : "from " + grouped(low) + " to " + grouped(high);
            wrong(format("--%s takes a whole number %s, not '%s'", name, range.c_str(), given.c_str()));
        }
    };
    options_.push_back({name, value, help, set});
}

void Arguments::size(const char *name, const char *value, const char *help, uint64_t *out) {
    const auto set = [this, name, out](const std::string &given) {
        try {
            *out = parse_size(given);
        } catch (const std::logic_error &) {
            wrong(format("--%s takes a number of bytes such as 4096, 64K or 1M, not '%s'", name, given.c_str()));
        }
    };
    options_.push_back({name, value, help, set});
}

void Arguments::decimal(const char *name, const char *value, const char *help, double *out) {
    const auto set = [this, name, out](const std::string &given) {
        double number = 0;
        const char *end = given.data() + given.size();
        const auto [stop, error] = std::from_chars(given.data(), end, number);
        if (error != std::errc() || stop != end || !std::isfinite(number) || number <= 0)
            wrong(format("--%s takes a number above 0, not '%s'", name, given.c_str()));
        *out = number;
    };
    options_.push_back({name, value, help, set});
}

Arguments::Option *Arguments::find(const std::string &name) {
    const auto found = std::ranges::find(options_, name, &Option::name);
    return found == options_.end() ? nullptr : &*found;
}

bool Arguments::given(const std::string &name) const {
    return std::ranges::any_of(options_, [&](const Option &option) { return option.name == name && option.given; });
}

void Arguments::take_option(const std::string &word, int count, char **words, int *at) {
    const size_t equals = word.find('=');
    const bool inline_value = equals != std::string::npos;
    const std::string name = word.substr(2, inline_value ? equals - 2 : std::string::npos);
    Option *option = find(name);
    if (option == nullptr) wrong("there is no option --" + name);
    if (option->given && !option->repeats) wrong("--" + name + " is given twice");
    option->given = true;
    if (option->value.empty()) {
        if (inline_value) wrong("--" + name + " takes no value");
        option->set("");
    } else if (inline_value) {
        option->set(word.substr(equals + 1));
    } else {
        if (++*at >= count) wrong("--" + name + " needs a value: --" + name + " " + option->value);
        option->set(words[*at]);
    }
}

bool Arguments::parse(int count, char **words, size_t least_positionals, size_t most_positionals) {
    bool options_end = false;
    for (int at = 0; at < count; at++) {
        const std::string word = words[at];
        if (options_end || word == "-" || word.empty() || word[0] != '-') {
            positionals_.push_back(word);
        } else if (word == "--") {
            options_end = true;
        } else if (word == "--help" || word == "-h") {
            std::fputs(help().c_str(), stdout);
            return false;
        } else if (word.compare(0, 2, "--") != 0) {
            wrong("there is no option " + word);
        } else {
            take_option(word, count, words, &at);
        }
    }
    if (positionals_.size() < least_positionals) wrong("too few arguments: zcnet " + verb_ + " " + synopsis_);
    if (positionals_.size() > most_positionals)
        wrong("'" + positionals_[most_positionals] + "' is one argument too many");
    return true;
}

std::string Arguments::help() const {
    std::string out = "usage: zcnet " + verb_ + " " + synopsis_ + "\n\n" + about_ + "\noptions:\n";
    const auto line = [&](const std::string &left, const std::string &right) {
        std::string indented;
        for (const char c : right) {
            indented += c;
            if (c == '\n') indented += std::string(22, ' ');
        }
        out += format("  %-18s  %s\n", left.c_str(), indented.c_str());
    };
    for (const Option &option : options_)
        line("--" + option.name + (option.value.empty() ? "" : " " + option.value), option.help);
    line("--help", "this text");
    return out;
}

}  // namespace tool

// SPDX-License-Identifier: MIT
// The execution that broke a rule, in words.
#include <dlfcn.h>

#include <cstdio>

#include "core.h"

namespace model {

namespace {

// Of all functions that were inlined at a place, the innermost that is not the standard library's.
std::string innermost(const std::vector<std::string> &lines) {
    for (const std::string &line : lines)
        if (line.find("std::") == std::string::npos) return line;
    return lines.front();
}

// File and line of each place, by the tool that comes with the compiler; without it the address.
std::vector<std::string> name_places(const std::vector<const void *> &places) {
    std::vector<std::string> names;
    std::string command;
    for (const void *place : places) {
        const char *at = static_cast<const char *>(place) - 1;  // within the call, not behind it
        Dl_info info{};
        if (place == nullptr || dladdr(at, &info) == 0 || info.dli_fname == nullptr) {
            names.emplace_back("?");
            continue;
        }
        const auto *header = static_cast<const unsigned char *>(info.dli_fbase);
        // Programs that are loaded where they were linked to be (type 2) know their own addresses.
        const bool fixed = header[16] == 2 || header[17] == 2;
        const auto address = fixed ? reinterpret_cast<uintptr_t>(at)
                                   : static_cast<uintptr_t>(at - static_cast<const char *>(info.dli_fbase));
        char number[32];
        std::snprintf(number, sizeof number, "0x%lx", static_cast<unsigned long>(address));
        names.emplace_back(number);
        if (command.empty()) command = "addr2line -aCfpsie '" + std::string(info.dli_fname) + "'";
        command += " " + names.back();
    }
    FILE *pipe = command.empty() ? nullptr : popen((command + " 2>/dev/null </dev/null").c_str(), "r");
    if (pipe == nullptr) return names;
    // For each address "0x…: function at file:line", and a line " (inlined by) …" for each function around it.
    std::vector<std::vector<std::string>> answers;
    char line[2048];
    while (std::fgets(line, sizeof line, pipe) != nullptr) {
        std::string text = line;
        while (!text.empty() && text.back() == '\n') text.pop_back();
        const size_t by = text.find(" (inlined by) ");
        const size_t colon = text.find(": ");
        if (by == 0) {
            if (!answers.empty()) answers.back().push_back(text.substr(14));
        } else if (colon != std::string::npos) {
            answers.push_back({text.substr(colon + 2)});
        }
    }
    pclose(pipe);
    size_t next = 0;
    for (auto &name : names)
        if (name != "?" && next < answers.size()) name = innermost(answers[next++]);
    return names;
}

std::string describe(unsigned thread, const Operation &operation, const Step &step) {
    static const char *const kinds[] = {"load", "store", "exchange", "add",  "sub",
                                        "and",  "or",    "xor",      "nand", "compare"};
    static const char *const orders[] = {"relaxed", "acquire", "release", "acq_rel", "seq_cst"};
    const bool failed = operation.kind == Kind::compare && !step.wrote;
    char text[256];
    std::snprintf(text, sizeof text, "    thread %u  %-8s %-7s  at %05lx", thread,
                  kinds[static_cast<unsigned>(operation.kind)],
                  orders[static_cast<unsigned>(failed ? operation.failure : operation.order)],
                  static_cast<unsigned long>(operation.address & 0xFFFFF));
    std::string all = text;
    if (operation.kind != Kind::store) {
        std::snprintf(text, sizeof text, "  saw %llx%s", static_cast<unsigned long long>(step.value),
                      step.stale ? " (stale)" : "");
        all += text;
    }
    if (failed) all += ", fails";
    if (step.wrote) {
        std::snprintf(text, sizeof text, ", wrote %llx", static_cast<unsigned long long>(step.written));
        all += text;
    }
    return all;
}

}  // namespace

std::string Core::story() const {
    std::vector<const void *> places = {broken_at_, broken_with_};
    for (const Event &event : events_) places.push_back(event.operation.place);
    const std::vector<std::string> names = name_places(places);
    std::string text = std::string(broken_) + "\n    at " + names[0] + "\n";
    if (broken_with_ != nullptr) text += "    and " + names[1] + "\n";
    text += "in " + std::string(scenario_.name) + ", after\n";
    for (size_t i = 0; i < events_.size(); i++)
        text += describe(events_[i].thread, events_[i].operation, events_[i].step) + "   " + names[i + 2] + "\n";
    return text;
}

}  // namespace model

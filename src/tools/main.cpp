// SPDX-License-Identifier: MIT
// zcnet, the command-line tool.
#include <zcnet/zcnet.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include "text.h"
#include "verbs.h"

namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

struct Verb {
    const char *name;
    const char *about;
    int (*run)(int count, char **words);
};

constexpr Verb verbs[] = {
    {"recv", "receive messages and count, write or compare them", tool::run_recv},
    {"send", "send files or lines as messages, without copying them", tool::run_send},
    {"echo", "send each message back, without copying it", tool::run_echo},
    {"ping", "measure round trips against an echo", tool::run_ping},
    {"relay", "pass connections on to another address by splice", tool::run_relay},
    {"serve", "serve the files of a directory over HTTP", tool::run_serve},
    {"files", "compare the ways to send a file", tool::run_files},
    {"stat", "print the counters of a running program", tool::run_stat},
    {"framing", "explain a framing text; show the frames of a file", tool::run_framing},
};

void print_help(FILE *out) {
    std::fputs("usage: zcnet VERB ARGUMENTS …\n\nZero-copy messages over TCP and Unix sockets.\n\n", out);
    for (const Verb &verb : verbs) std::fprintf(out, "  %-8s  %s\n", verb.name, verb.about);
    std::fputs(
        "\nADDR is tcp://HOST:PORT, unix:///path, unix-abstract:NAME or fd:N.\n"
        "zcnet VERB --help says more; zcnet --version says which version this is.\n"
        "Exit status: 0 success, 1 failure, 2 wrong usage.\n",
        out);
}

int run(int count, char **words) {
    const std::string name = count > 1 ? words[1] : "";
    if (name == "--help" || name == "-h" || name == "help") {
        print_help(stdout);
        return 0;
    }
    if (name == "--version") {
        std::printf("zcnet %s\n", zcn_version_text());
        return 0;
    }
    const Verb *verb = std::ranges::find_if(verbs, [&](const Verb &each) { return name == each.name; });
    if (verb == std::end(verbs)) {
        if (name.empty())
            print_help(stderr);
        else
            tool::complain("there is no verb '" + name + "' (see zcnet --help)");
        return exit_usage;
    }
    return verb->run(count - 2, words + 2);
}

}  // namespace

int main(int count, char **words) {
    int status = exit_failed;
    try {
        status = run(count, words);
    } catch (const tool::UsageError &error) {
        tool::complain(error.what());
        return exit_usage;
    } catch (const std::bad_alloc &) {
        tool::complain("out of memory");
    } catch (const std::exception &error) {
        tool::complain(error.what());
    }
    const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
    if (!written && status == 0) {
        tool::complain("standard output cannot be written");
        return exit_failed;
    }
    return status;
}

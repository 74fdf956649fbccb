// SPDX-License-Identifier: MIT
// zcnet serve
#include <zcnet/file.h>

#include "arguments.h"
#include "text.h"
#include "tools/serve/options.h"
#include "verbs.h"

namespace tool {
namespace {

// The flags of each word of --symlinks.
constexpr uint32_t symlink_flags[] = {ZCN_FILE_BENEATH | ZCN_FILE_NO_SYMLINKS, ZCN_FILE_BENEATH, 0};

}  // namespace

int run_serve(int count, char **words) {
    ServeOptions options;
    std::string method = "auto";
    std::string symlinks = "inside";
    Arguments arguments(
        "serve", "DIR ADDR [OPTIONS]",
        "Serves the files below DIR over HTTP/1.1. Nothing that is asked for leads out of DIR. A directory\n"
        "is answered with its index.html.\n\n"
        "Listens on ADDR (port 0 takes a free one) and prints the bound address as the first line. A signal\n"
        "ends it: what it has begun to answer is still sent.\n");
    arguments.text("method", "M",
                   "how large files are sent: auto (default: sendfile), sendfile, mmap, splice, copy, direct", &method);
    arguments.number("threads", "N", "threads that serve (1)", &options.threads, 1, 256);
    arguments.text("symlinks", "W", "follow symbolic links: never, inside DIR (default), anywhere", &symlinks);
    arguments.flag("list", "answer a directory without index.html with a list of what it has", &options.list);
    arguments.text("log", "FILE", "append a line for each answer, in the common format; - for standard output",
                   &options.log);
    arguments.number("valid", "MS", "look at a file again when it was looked at so long ago (1000)", &options.valid_ms,
                     0, 3'600'000);
    arguments.number("open-files", "N", "most files that are kept open (1024)", &options.open_files, 1, 65536);
    arguments.number("idle", "S", "close a connection after S seconds without a byte (75)", &options.idle_s, 1,
                     1'000'000);
    arguments.number("request", "S", "a request has to be complete after S seconds (30)", &options.request_s, 1,
                     1'000'000);
    arguments.number("grace", "S", "how long answers may take to leave after a signal (10)", &options.grace_s, 0,
                     1'000'000);
    arguments.flag("stats", "print totals at the end", &options.stats);
    arguments.text("stat", "ADDR", "show the counters at a Unix socket, for zcnet stat; a second thread's at ADDR.1",
                   &options.stat);
    arguments.flag("json", "print JSON, one object a line, also in the log", &options.json);
    if (!arguments.parse(count, words, 2, 2)) return 0;
    options.method = arguments.choose("method", method, {"auto", "sendfile", "mmap", "splice", "copy", "direct"});
    // What the library does by itself looks at both ends of a connection. Here the server's processor time counts.
    if (options.method == ZCN_FILE_AUTO) options.method = ZCN_FILE_SENDFILE;
    options.file_flags = symlink_flags[arguments.choose("symlinks", symlinks, {"never", "inside", "anywhere"})];
    options.root = arguments.positionals()[0];
    options.address = arguments.positionals()[1];
#ifdef ZCNET_HTTP
    return serve(options);
#else
    throw Failure("serve is not part of this build: the http-parser library was not found when it was made");
#endif
}

}  // namespace tool

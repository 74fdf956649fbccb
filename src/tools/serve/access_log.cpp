// SPDX-License-Identifier: MIT
#include "tools/serve/access_log.h"

#include <unistd.h>

#include <cerrno>

#include "tools/json.h"
#include "tools/serve/http_date.h"
#include "tools/text.h"

namespace tool {
namespace {

// Foreign text between quotes.
std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte >= 0x7F || c == '"' || c == '\\')
            out += format("\\x%02x", byte);
        else
            out += c;
    }
    return out + "\"";
}

}  // namespace

void AccessLog::set_time(std::time_t now) {
    if (fd_ < 0 || now == now_) return;
    now_ = now;
    const std::string date = http_date(now);  // "Sun, 06 Nov 1994 08:49:37 GMT"
    date_ =
        date.substr(5, 2) + "/" + date.substr(8, 3) + "/" + date.substr(12, 4) + ":" + date.substr(17, 8) + " +0000";
}

void AccessLog::write(std::string_view peer, std::string_view request, unsigned status, uint64_t size) {
    if (fd_ < 0) return;
    if (json_) {
        lines_ += Json()
                      .text("peer", peer)
                      .text("time", date_)
                      .text("request", request)
                      .number("status", status)
                      .number("bytes", size)
                      .line();
        lines_ += '\n';
        return;
    }
    lines_ += peer;
    lines_ +=
        " - - [" + date_ + "] " + quoted(request) + format(" %u %llu\n", status, static_cast<unsigned long long>(size));
}

void AccessLog::flush() {
    size_t done = 0;
    while (done < lines_.size()) {
        const ssize_t written = ::write(fd_, lines_.data() + done, lines_.size() - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            if (!complained_) complain(system_error("the access log"));
            complained_ = true;
            break;
        }
        done += static_cast<size_t>(written);
    }
    lines_.clear();
}

}  // namespace tool

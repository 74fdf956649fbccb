// SPDX-License-Identifier: MIT
#include "progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "endpoint.h"
#include "text.h"

namespace tool {
namespace {

constexpr int64_t redraw_ns = second_ns / 10;

bool terminal_takes_it() {
    const char *no_color = std::getenv("NO_COLOR");
    const char *term = std::getenv("TERM");
    if (no_color != nullptr && *no_color != '\0') return false;
    if (term == nullptr || std::strcmp(term, "dumb") == 0) return false;
    return isatty(STDERR_FILENO) == 1;
}

size_t terminal_width() {
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20 ? size.ws_col : 80;
}

}  // namespace

Progress::Progress(bool wanted, std::string label, uint64_t total_bytes, uint64_t total_messages)
    : wanted_(wanted && terminal_takes_it()),
      label_(std::move(label)),
      total_bytes_(total_bytes),
      total_messages_(total_messages) {
    start();
}

void Progress::start() {
    started_ = last_time_ = now_ns();
    next_ = started_ + second_ns;
}

void Progress::update(uint64_t messages, uint64_t bytes) {
    if (!wanted_) return;
    const int64_t now = now_ns();
    if (now < next_) return;
    draw(messages, bytes, now);
    next_ = now + redraw_ns;
}

void Progress::draw(uint64_t messages, uint64_t bytes, int64_t now) {
    const double elapsed = static_cast<double>(now - last_time_) / second_ns;
    const double rate = elapsed > 0 ? static_cast<double>(bytes - last_bytes_) / elapsed : 0;
    if (now - last_time_ >= second_ns) {
        last_time_ = now;
        last_bytes_ = bytes;
    }
    const uint64_t total = total_bytes_ != 0 ? total_bytes_ : total_messages_;
    const uint64_t done = total_bytes_ != 0 ? bytes : messages;
    std::string line = label_ + " ";
    if (total != 0) {
        constexpr size_t width = 24;
        const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
        const auto filled = static_cast<size_t>(part * width);
        const double spent = static_cast<double>(now - started_) / second_ns;
        line += "[" + std::string(filled, '#') + std::string(width - filled, '.') + format("] %3.0f %%  ", part * 100);
        if (part > 0 && part < 1) line += format("%.0f s left  ", spent * (1 - part) / part);
    }
    line +=
        bytes_text(static_cast<double>(bytes)) + "  " + counted(messages, "message") + "  " + bytes_text(rate) + "/s";
    line.resize(std::min(line.size(), terminal_width() - 1));
    std::fprintf(stderr, "\r%s\033[K", line.c_str());
    shown_ = true;
}

void Progress::clear() {
    if (shown_) std::fputs("\r\033[K", stderr);
    shown_ = false;
}

}  // namespace tool

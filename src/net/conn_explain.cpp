// SPDX-License-Identifier: MIT
// What a connection says of itself in words.
#include <cinttypes>
#include <cstdio>

#include "net/conn.h"
#include "net/loop.h"

using zcnet::Status;

namespace {

// Text that is cut where its memory ends.
class Text {
  public:
    Text(char *text, size_t capacity) noexcept : place_(text), left_(capacity) {}

    [[nodiscard]] char *place() const noexcept { return place_; }
    [[nodiscard]] size_t left() const noexcept { return left_; }
    [[nodiscard]] bool cut() const noexcept { return cut_; }
    // snprintf() at place() says that it wrote so much.
    void wrote(int size) noexcept {
        const auto wanted = static_cast<size_t>(size > 0 ? size : 0);
        cut_ = cut_ || wanted >= left_;
        const size_t done = cut_ ? left_ - 1 : wanted;
        place_ += done;
        left_ -= done;
    }

  private:
    char *place_;
    size_t left_;
    bool cut_ = false;
};

}  // namespace

Status zcn_conn::explain(char *buffer, size_t capacity) const noexcept {
    if (!in_process()) return ZCN_EFORKED;
    zcn_stats stats{};
    read_stats(&stats);
    Text text(buffer, capacity);
    text.wrote(std::snprintf(text.place(), text.left(),
                             "writes: %" PRIu64 " system calls, %" PRIu64 " pieces, %" PRIu64 " bytes\n",
                             stats.write_calls, stats.iovecs_out, stats.bytes_out));
    static const zcnet::send::ZeroCopy untried;
    const zcnet::send::ZeroCopy &zero_copy = rare_ != nullptr ? rare_->zero_copy : untried;
    text.wrote(zero_copy.explain(text.place(), text.left(), settings().limits.zero_copy_from, stream_.queue().awaited(),
                                 loop()->now()));
    if (rare_ != nullptr && rare_->transfer != nullptr) {
        text.wrote(std::snprintf(text.place(), text.left(),
                                 "files over %s: %" PRIu64 " bytes by sendfile, %" PRIu64 " from mappings, %" PRIu64
                                 " through a pipe, %" PRIu64 " past the page cache\n",
                                 is_tcp_ ? "TCP" : "a local socket", stats.file_sendfile, stats.file_mmap,
                                 stats.file_splice, stats.file_direct));
    }
    if (stats.pages_lent != 0)
        text.wrote(std::snprintf(text.place(), text.left(), "constant pages: %" PRIu64 " bytes handed over\n",
                                 stats.pages_lent));
    return text.cut() ? ZCN_ENOBUFS : ZCN_OK;
}

// SPDX-License-Identifier: MIT
// What a connection sends of files and constant pages: read into memory before it gathers, or sent by the kernel in a
// step of its own.
#include <algorithm>
#include <new>

#include "io/file_send.h"
#include "net/conn.h"
#include "net/loop.h"
#include "os/os.h"

using zcnet::Status;
using zcnet::io::DirectReader;
using zcnet::io::Transfer;
using zcnet::net::FileLetter;
using zcnet::send::SourceStep;

namespace {

// On the helper's thread.
void read_for(zcnet::os::Task *task) noexcept {
    auto *letter = static_cast<FileLetter *>(task);
    letter->read();
    letter->conn->loop()->put(letter);
}

}  // namespace

Transfer *zcn_conn::transfer() noexcept {
    if (rare() == nullptr) return nullptr;
    if (rare_->transfer == nullptr) rare_->transfer.reset(new (std::nothrow) Transfer());
    return rare_->transfer.get();
}

uint32_t zcn_conn::file_method(const SourceStep &step) noexcept {
    const auto &file = static_cast<const zcn_file &>(*step.source);
    if (rare_->transfer->refused(file)) return ZCN_FILE_COPY;
    return zcnet::io::choose_method(file, settings().limits.file_method, !is_tcp_, step.whole);
}

// Has the chunk that the reader wants read; by this thread where there is no helper.
void zcn_conn::start_reading() noexcept {
    FileLetter &reader = *rare_->direct;
    if (loop()->has_helper()) {
        reader.run = read_for;
        reader.started();
        retain();  // the letter's
        if (zcnet::os::start_task(zcnet::os::HelperFor::files, &reader) == 0) return;
        references_.fetch_sub(1, std::memory_order_relaxed);  // the caller has one
    }
    reader.read();
    reader.completed();
}

// A part of load_source(). -EOPNOTSUPP: not for this file.
int zcn_conn::load_direct(const SourceStep &step) noexcept {
    if (rare_->direct == nullptr) {
        rare_->direct.reset(new (std::nothrow) FileLetter(this));
        if (rare_->direct == nullptr) return -ENOMEM;
    }
    FileLetter &reader = *rare_->direct;
    auto *file = static_cast<zcn_file *>(step.source);
    for (;;) {
        DirectReader::Chunk chunk;
        int number = 0;
        const DirectReader::Step result = reader.take(loop()->pool(), file, step.offset, step.size, &chunk, &number);
        const bool wanted = reader.wanted();
        if (wanted) start_reading();
        switch (result) {
            case DirectReader::Step::ready:
                stream_.queue().lend(chunk.block, chunk.data, chunk.size);
                rare_->file_bytes[ZCN_FILE_DIRECT] += chunk.size;
                return 0;
            case DirectReader::Step::waiting:
                // What this thread has read itself is there now.
                if (wanted && reader.is_done()) continue;
                return -EINPROGRESS;
            case DirectReader::Step::ended:
                return 1;
            case DirectReader::Step::failed:
                return number;
        }
    }
}

void zcn_conn::on_file() noexcept {
    rare_->direct->completed();
    if (!awaits_file_) return;
    awaits_file_ = false;
    // Who has not arrived yet on the loop that it was moved to writes there when it does.
    if (fd_ < 0 || write_failed_ || arriving_) return;
    writable_ = true;
    loop()->become_dirty(this);
}

void zcn_conn::drop_transfer() noexcept {
    if (rare_ == nullptr) return;
    if (rare_->transfer != nullptr) rare_->transfer->drop();
    if (rare_->direct != nullptr) rare_->direct->drop();
}

// A file that is sent from memory is read here, so that its bytes leave in one call with what is before and behind
// them. -errno as a send would say it, -EINPROGRESS while it is being read; 0: go on; 1: the file has become shorter.
int zcn_conn::load_source() noexcept {
    zcnet::send::Queue &queue = stream_.queue();
    SourceStep step;
    if (transfer() == nullptr) return -ENOMEM;
    if (!queue.source_step(&step)) return 0;
    auto &file = static_cast<zcn_file &>(*step.source);
    uint32_t method = file_method(step);
    if (method == ZCN_FILE_DIRECT) {
        if (queue.is_source_loaded()) return 0;
        const int result = load_direct(step);
        if (result != -EOPNOTSUPP) return result;
        rare_->transfer->refuse(file);
        method = ZCN_FILE_COPY;
    }
    if (method != ZCN_FILE_COPY) return 0;
    uint64_t bytes = 0;
    int number = 0;
    const Status status = stream_.load_source(loop()->pool(), &bytes, &number);
    if (status == ZCN_ESYS) return number == EAGAIN ? -EIO : -number;
    if (status != ZCN_OK) return -ENOBUFS;
    return bytes == 0 ? 1 : 0;
}

// Nothing is before the source any more: the kernel sends of it. As os::send(); 0: the file has become shorter.
ssize_t zcn_conn::send_source(uint64_t most, zcnet::os::PipeSignal &signal) noexcept {
    SourceStep step;
    if (!stream_.queue().source_step(&step)) return -EIO;
    auto &file = static_cast<zcn_file &>(*step.source);
    const uint32_t method = file_method(step);
    const ssize_t sent = rare_->transfer->send(fd_, file, step.offset, std::min(step.size, most), method, signal);
    if (sent == -EOPNOTSUPP) {
        // Another way goes without the kernel's help: the next step reads.
        rare_->transfer->refuse(file);
        return -EINTR;
    }
    if (sent > 0) rare_->file_bytes[method] += static_cast<uint64_t>(sent);
    return sent;
}

// How large constant pages must be to be handed over. Over TCP that saves nothing.
uint64_t zcn_conn::lend_from() noexcept {
    const bool refused = rare_ != nullptr && rare_->transfer != nullptr && rare_->transfer->refuses_pages();
    return is_tcp_ || refused ? zcnet::send::Queue::copy_all : zcnet::io::least_pages;
}

// As send_source(), for constant pages.
ssize_t zcn_conn::send_pages(const iovec &pages, uint64_t most, zcnet::os::PipeSignal &signal) noexcept {
    if (transfer() == nullptr) return -ENOMEM;
    const ssize_t sent = rare_->transfer->send_pages(fd_, pages, most, signal);
    if (sent == -EOPNOTSUPP) return -EINTR;  // the next step copies
    if (sent > 0) rare_->page_bytes += static_cast<uint64_t>(sent);
    return sent;
}

// SPDX-License-Identifier: MIT
// What a connection sends: the ways into its queue, and from there to the socket.
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>

#include "base/probe.h"
#include "net/conn.h"
#include "net/conn_requests.h"
#include "net/loop.h"
#include "os/os.h"

using zcnet::Status;
using zcnet::net::Settings;
using zcnet::net::State;

namespace {

constexpr int most_pieces = 64;
// The most that one call writes: enough to pay for the call, little enough to stay in the processor's cache.
constexpr uint64_t most_written = 256 * 1024;
// Of files, which may be of any size, before others have their turn.
constexpr uint64_t most_of_files = 4 * 1024 * 1024;
// What the kernel hands down in one piece, less the room for its headers.
constexpr uint64_t most_packet = 65536 - 321;

}  // namespace

void zcn_conn::mute() noexcept { requests_.fetch_or(zcnet::net::request_mute, std::memory_order_acq_rel); }

// Something was queued: it leaves at the next poll, or now if it is much.
inline void zcn_conn::queued() noexcept {
    if (!zcnet::List<zcn_conn, zcnet::net::DirtyTag>::contains(this)) loop()->become_dirty(this);
    const uint64_t bytes = stream_.queued_bytes();
    if (bytes >= settings().flush_at && writable_ && state_ == State::open) write_ahead(bytes);
}

// More is being sent while this much is queued: only whole packets leave, and the rest of the bytes with the next ones.
// A packet a few bytes long behind each full one would cost as much as that.
void zcn_conn::write_ahead(uint64_t queued) noexcept {
    if (stream_.queue().has_sources()) return write(most_of_files);
    const uint64_t packet = packet_size();
    write(queued < packet ? queued : queued - queued % packet);
}

// What the kernel hands down in one piece: as many whole segments as fit into 64 KiB with their headers.
uint64_t zcn_conn::packet_size() noexcept {
    if (!is_tcp_) return 1;
    if (segment_size_ == 0) {
        int size = 0;
        socklen_t length = sizeof size;
        const bool known = zcnet::os::get_option(fd_, IPPROTO_TCP, TCP_MAXSEG, &size, &length) >= 0;
        segment_size_ = static_cast<uint16_t>(known ? std::clamp(size, 1, UINT16_MAX) : 1);
    }
    return std::max<uint64_t>(most_packet / segment_size_, 1) * segment_size_;
}

Status zcn_conn::send(zcn_unit *unit) noexcept {
    if (const Status status = send_status(); status != ZCN_OK) return status;
    const Status status = stream_.send(unit, settings().limits);
    if (status == ZCN_OK) queued();
    if (status == ZCN_AGAIN && drops()) return unit_lagging(unit);
    return status;
}

Status zcn_conn::send_batch(zcn_unit *const *units, size_t count, size_t *sent) noexcept {
    if (const Status status = send_status(); status != ZCN_OK) return status;
    size_t done = 0;
    Status status = ZCN_OK;
    while (done < count && status == ZCN_OK) {
        const Settings &options = settings();
        // A run becomes one piece, of which no message can be dropped by itself.
        const size_t run = drops() ? 0 : stream_.send_run(units + done, count - done, options.limits, options.flush_at);
        if (run != 0) {
            done += run;
            queued();
            continue;
        }
        status = units[done] == nullptr ? ZCN_EINVAL : send(units[done]);
        done += status == ZCN_OK;
    }
    *sent = done;
    return status;
}

Status zcn_conn::send_message(const zcn_msg *msg) noexcept {
    if (const Status status = send_status(); status != ZCN_OK) return status;
    const Status status = stream_.send_message(msg, settings().limits);
    if (status == ZCN_OK) queued();
    if (status == ZCN_AGAIN && drops()) return message_lagging(msg);
    return status;
}

Status zcn_conn::forward(const zcn_msg *msg) noexcept {
    if (const Status status = send_status(); status != ZCN_OK) return status;
    if (!zcnet::receive::is_borrowed(msg)) return ZCN_EINVAL;
    zcnet::net::Located found;
    if (const Status status = zcnet::net::locate(msg, &found); status != ZCN_OK) return status;
    if (found.batch != &loop()->batch()) return ZCN_EINVAL;
    if (drops()) return send_message(msg);
    if (const Status status = stream_.push_message(found); status != ZCN_OK) return status;
    // One array brings no more than a read or so: it leaves in one piece with the next poll.
    loop()->become_dirty(this);
    if (stream_.queued_bytes() >= settings().limits.high_water) {
        // One that was moved away since is another loop's to read.
        zcn_conn *source = found.event->conn;
        if (source->loop() == loop()) {
            (void)stream_.starve();
            holds_up_ = true;
            source->held_up_ = true;
        }
    }
    return ZCN_OK;
}

// Below low water again: those that were held up are read again.
void zcn_conn::let_go() noexcept {
    holds_up_ = false;
    loop()->relieve_held_up();
}

Status zcn_conn::send_copy(const void *data, uint64_t size) noexcept {
    if (const Status status = send_status(); status != ZCN_OK) return status;
    const Status status = stream_.send_copy(loop()->pool(), data, size, settings().limits);
    if (status == ZCN_OK) queued();
    if (status == ZCN_AGAIN && drops()) return copy_lagging(data, size);
    return status;
}

Status zcn_conn::reserve(void **out_data, uint64_t *out_room, uint64_t size) noexcept {
    if (const Status status = send_status(); status != ZCN_OK) return status;
    return stream_.reserve(loop()->pool(), size, settings().limits, out_data, out_room);
}

Status zcn_conn::commit(uint64_t size, void **out_data, uint64_t *out_room) noexcept {
    if (const Status status = send_status(); status != ZCN_OK) return status;
    const Status status = stream_.commit_reserved(size, out_data, out_room);
    if (status == ZCN_OK) queued();
    return status;
}

// Writing is over: what the peer sent before it went is read first; the read finds the end.
void zcn_conn::fail_writing(Status why, int number) noexcept {
    write_failed_ = true;
    mute();
    hung_up_ = readable_ = true;
    set_error(why, number, "the connection failed while it was written: %s", zcnet::net::why(why, number));
    if (number != EPIPE && number != ECONNRESET) {
        // The fault is on this side, as with memory or a file that cannot be read: the peer will not end it.
        broken_ = true;
        reason_ = why;
    }
    // Its queue will not empty any more: nobody waits for that.
    if (holds_up_) let_go();
    become_ready();
}

// A call wrote nothing: -errno.
void zcn_conn::write_refused(ssize_t sent) noexcept {
    stream_.count_write(0, 0);
    if (sent == -EAGAIN || sent == -EWOULDBLOCK) {
        wait_for_room();
    } else if (sent == -ENOBUFS || sent == -ENOMEM) {
        // The kernel, or the pool for a file's bytes, is short of memory: the same bytes again a little later.
        writable_ = false;
        retry_write_ = true;
    } else {
        const int number = static_cast<int>(-sent);
        fail_writing(zcnet::net::status_of_errno(number), number);
    }
}

void zcn_conn::write(uint64_t most) noexcept {
    if (flushing_ || !writable_ || fd_ < 0 || write_failed_) return;
    // A release function that runs in here may send; what it queues leaves in this loop.
    flushing_ = true;
    zcnet::send::Queue &queue = stream_.queue();
    zcnet::os::PipeSignal own_signal;
    zcnet::os::PipeSignal &signal = loop()->pipe_signal_or(own_signal);
    stream_.sync();
    while (!queue.empty() && most != 0) {
        // Whichever way bytes leave in this step, what ends with them may have to be kept.
        if (queue.has_ledger() && queue.reserve_kept() != ZCN_OK) {
            write_refused(-ENOMEM);
            break;
        }
        if (queue.has_sources()) {
            const int result = load_source();
            awaits_file_ = result == -EINPROGRESS;
            if (result != 0 && !awaits_file_) {
                if (result < 0) {
                    write_refused(result);
                } else {
                    fail_writing(ZCN_ETRUNCATED, 0);
                }
                break;
            }
        }
        iovec pieces[most_pieces];
        zcnet::send::Gathered found =
            queue.gather(pieces, most_pieces, std::min(most, most_written), pin_from(), lend_from());
        const int count = found.count;
        if (count == 0 && !found.source_next && !found.pages_next) {
            queue.advance(0);
            continue;
        }
        uint64_t total = 0;
        ssize_t sent = 0;
        if (count == 0 && awaits_file_) {
            writable_ = false;
            break;
        }
        if (count == 0 && found.pages_next) {
            sent = send_pages(found.pages, most, signal);
            if (sent == -EINTR) continue;
        } else if (count == 0) {
            sent = send_source(most, signal);
            if (sent == -EINTR) continue;
            if (sent == 0) {
                fail_writing(ZCN_ETRUNCATED, 0);
                break;
            }
        } else {
            for (int i = 0; i < count; i++) total += pieces[i].iov_len;
            sent = send_pieces(pieces, &found);
        }
        ZCNET_PROBE(conn__write, this, sent, count);
        if (sent < 0) {
            write_refused(sent);
            break;
        }
        const auto size = static_cast<uint64_t>(sent);
        stream_.count_write(size, static_cast<uint64_t>(count));
        active_at_ = loop()->now();
        if (found.pin) {
            queue.advance_pinned(size);
        } else {
            queue.advance(size);
        }
        most -= std::min(most, size);
        if (size < total) {
            wait_for_room();
            break;
        }
    }
    flushing_ = false;
    if (queue.empty()) {
        zcnet::memory::ThreadMemory *mine = zcnet::memory::thread_memory;
        if (mine != nullptr) mine->pool[0].arena.rewind();
        if (rare_ != nullptr && rare_->transfer != nullptr) drop_transfer();
    }
    if (retry_write_) arm_timer();
    if (queue.has_ended() || stream_.starved()) become_ready();
}

void zcn_conn::flush() noexcept {
    if (state_ != State::open && state_ != State::draining && state_ != State::lingering) return;
    // What is queued now, and some of what release functions queue meanwhile; then others have their turn.
    const uint64_t most = stream_.queued_bytes() + 4 * most_written;
    write(stream_.queue().has_sources() ? std::min(most, most_of_files) : most);
    if (!stream_.idle() && !write_failed_) {
        if (writable_ && !flushing_) loop()->become_dirty(this);
        return;
    }
    // The reservation ends with the poll; what was not written of it is the arena's again.
    stream_.drop_reserved();
    stream_.queue().shrink();
    if (state_ != State::open) {
        become_ready();
        return;
    }
    // relaxed: a post that this thread must know of happened before, and others are under way at their own risk.
    const bool awaited = posted_.load(std::memory_order_relaxed) != 0;
    if (shutdown_wanted_ && !shutdown_done_ && !write_failed_ && !awaited) {
        shutdown_done_ = true;
        (void)zcnet::os::shutdown(fd_, SHUT_WR);
        if (input_over_ && !tell_peer_closed_) begin_close(end_of_input());
    }
}

Status zcn_conn::flush_now() noexcept {
    if (!in_process()) return ZCN_EFORKED;
    if (state_ == State::ended || state_ == State::closed) return ZCN_ECLOSED;
    if (state_ == State::open || state_ == State::draining) write();
    return stream_.idle() ? ZCN_OK : ZCN_AGAIN;
}

Status zcn_conn::shutdown() noexcept {
    if (const Status status = send_status(); status != ZCN_OK) return shutdown_wanted_ ? ZCN_OK : status;
    shutdown_wanted_ = true;
    mute();
    loop()->become_dirty(this);
    return ZCN_OK;
}

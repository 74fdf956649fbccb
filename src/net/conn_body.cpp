// SPDX-License-Identifier: MIT
// Bodies that go from a connection's socket into files.
#include <algorithm>
#include <new>

#include "net/body.h"
#include "net/conn.h"
#include "net/loop.h"
#include "os/os.h"

using zcnet::Status;
using zcnet::io::FileReceive;
using zcnet::net::Bodies;
using zcnet::net::Body;
using zcnet::net::State;

namespace {

// On the helper's thread.
void flush_for(zcnet::os::Task *task) noexcept {
    auto *body = static_cast<Body *>(task);
    body->flushed = zcnet::os::uninterrupted([&] { return zcnet::os::flush_file(body->fd); });
    body->conn->loop()->put(body);
}

void file_failed(Body *body, int number, const char *what) noexcept {
    const Status status = zcnet::io::status_of_write(number);
    body->error.set(status, number, "the file %s: %s (errno %d)", what, zcn_status_text(status), number);
}

// A write of nothing tells whether a descriptor can be written to at a place; whether there is room is told later.
Status check_file(int fd) noexcept {
    const ssize_t answer = zcnet::os::uninterrupted([&] { return zcnet::os::write_at(fd, "", 0, 0); });
    if (answer == -EBADF) return ZCN_EINVAL;
    return answer == -ESPIPE || answer == -EINVAL ? ZCN_EUNSUPPORTED : ZCN_OK;
}

}  // namespace

bool zcn_conn::receives_body() const noexcept {
    if (rare_ == nullptr || rare_->bodies == nullptr) return false;
    const Bodies &bodies = *rare_->bodies;
    return bodies.present != nullptr || bodies.receive.missing() != 0;
}

Status zcn_conn::receive_file(const zcn_msg *after, int fd, uint64_t size,
                              const zcn_receive_file_options &options) noexcept {
    if (!in_process()) return ZCN_EFORKED;
    if (arriving_) arrive(loop());
    if (state_ != State::open || input_over_ || drops_input_) return ZCN_ECLOSED;
    if (receives_body()) return ZCN_EBUSY;
    const zcn_event *event = nullptr;
    if (const Status status = find_shown(after, &event); status != ZCN_OK) return status;
    const bool behind_header = stream_.holds_body_up() && event != nullptr && event->token != 0;
    if (behind_header && size != event->token) return ZCN_EINVAL;
    if (fd >= 0)
        if (const Status status = check_file(fd); status != ZCN_OK) return status;
    if (rare() == nullptr) return ZCN_ENOMEM;
    if (rare_->bodies == nullptr) rare_->bodies.reset(new (std::nothrow) Bodies());
    std::unique_ptr<Body> body(new (std::nothrow) Body(this, options));
    if (rare_->bodies == nullptr || body == nullptr) return ZCN_ENOMEM;
    const Status status = stream_.take_back(loop()->intake(), loop()->batch(), event);
    if (status != ZCN_OK) return status;
    if (event != nullptr) take_answers_back(static_cast<uint32_t>(event - loop()->batch().events()) + 1);
    body->fd = fd;
    rare_->bodies->receive.start(fd, options.offset, size);
    rare_->bodies->present = body.release();
    input_error_ = ZCN_OK;
    active_at_ = message_at_ = loop()->read_clock();
    become_ready();
    return ZCN_OK;
}

// The next bytes are of a body. False: this poll takes no more of the connection.
bool zcn_conn::receive_body(uint64_t *budget) noexcept {
    Bodies &bodies = *rare_->bodies;
    FileReceive &receive = bodies.receive;
    zcnet::os::PipeSignal own_signal;
    zcnet::os::PipeSignal &signal = loop()->pipe_signal_or(own_signal);
    take_pending(&receive, signal);
    if (finisher_) end_finisher();
    if (bodies.present != nullptr && (receive.missing() == 0 || receive.failure() != 0)) {
        end_body(ZCN_OK);
        if (tell_pending()) return true;
        become_ready();
        return false;
    }
    if (receive.missing() == 0) return true;
    if (!may_ask(*budget)) return false;
    uint64_t got = 0;
    int number = 0;
    const FileReceive::Step step = receive.take(fd_, loop()->pipes(), signal, *budget, hung_up_, &got, &number);
    stream_.count_body(got);
    *budget -= std::min(*budget, got);
    switch (step) {
        case FileReceive::Step::moved:
            active_at_ = loop()->now();
            message_at_ = active_at_;
            return true;
        case FileReceive::Step::blocked:
            readable_ = false;
            return false;
        case FileReceive::Step::ended:
            input_ended_ = true;
            input_ended();
            return false;
        case FileReceive::Step::failed:
            readable_ = false;
            input_failed(number);
            return false;
    }
    return false;
}

// What was received before it was known to be a body's.
void zcn_conn::take_pending(FileReceive *receive, zcnet::os::PipeSignal &signal) noexcept {
    zcnet::receive::Window &window = stream_.window();
    while (window.pending() != 0 && receive->missing() != 0) {
        iovec pieces[3];
        zcnet::memory::Block *blocks[3];
        (void)window.pending_pieces(pieces, blocks);
        const uint64_t part = std::min<uint64_t>(pieces[0].iov_len, receive->missing());
        receive->put(static_cast<const uint8_t *>(pieces[0].iov_base), part, signal);
        window.drop_front(loop()->intake(), part);
    }
}

// All of it is there, or the file takes no more (then `reason` does not count), or the connection has a reason to end
// before.
void zcn_conn::end_body(Status reason) noexcept {
    Bodies &bodies = *rare_->bodies;
    Body *body = std::exchange(bodies.present, nullptr);
    body->size = bodies.receive.written();
    const int number = bodies.receive.failure();
    bodies.receive.let_go();
    if (number != 0) {
        file_failed(body, number, "could not be written");
    } else if (reason != ZCN_OK) {
        body->error.set(reason, 0, "the body ended after %llu bytes: %s", static_cast<unsigned long long>(body->size),
                        zcn_status_text(reason));
    } else if (body->fd >= 0 && body->flush != ZCN_FLUSH_NONE && flush_body(body)) {
        return;
    }
    body->close();
    bodies.ended.push_back(body);
}

// True: the helper does it, and the end is told when it is done.
bool zcn_conn::flush_body(Body *body) noexcept {
    if (body->flush == ZCN_FLUSH_ASYNC && loop()->has_helper()) {
        body->run = flush_for;
        retain();  // the letter's
        if (zcnet::os::start_task(zcnet::os::HelperFor::files, body) == 0) {
            rare_->bodies->flushing++;
            return true;
        }
        references_.fetch_sub(1, std::memory_order_relaxed);  // the caller has one
    }
    body->flushed = zcnet::os::uninterrupted([&] { return zcnet::os::flush_file(body->fd); });
    note_flushed(body);
    return false;
}

// A device has nothing to flush, and says EINVAL.
void zcn_conn::note_flushed(Body *body) noexcept {
    if (body->flushed < 0 && body->flushed != -EINVAL && body->flushed != -EROFS)
        file_failed(body, -body->flushed, "could not be flushed to its disk");
}

void zcn_conn::on_flushed(Body *body) noexcept {
    rare_->bodies->flushing--;
    note_flushed(body);
    body->close();
    rare_->bodies->ended.push_back(body);
    // Who has not arrived yet on the loop that it was moved to becomes ready there when it does.
    if (state_ != State::closed && !arriving_) become_ready();
}

// The connection ends: nothing of a body comes any more.
void zcn_conn::drop_body(Status reason) noexcept {
    if (!receives_body()) return;
    FileReceive &receive = rare_->bodies->receive;
    receive.stop(std::min(stream_.window().pending(), receive.missing()));
    if (rare_->bodies->present != nullptr) end_body(reason);
}

bool zcn_conn::tell_bodies() noexcept {
    if (rare_ == nullptr || rare_->bodies == nullptr) return true;
    Bodies &bodies = *rare_->bodies;
    while (Body *body = bodies.ended.front()) {
        if (loop()->batch().full()) return false;
        zcn_event *event = loop()->batch().push(ZCN_EVENT_FILE_RECEIVED, body->error.status, this, user_);
        event->token = body->token;
        event->size = body->size;
        bodies.last = body->error;
        bodies.ended.remove(body);
        delete body;
    }
    return true;
}

bool zcn_conn::flushes_bodies() const noexcept {
    return rare_ != nullptr && rare_->bodies != nullptr && rare_->bodies->flushing != 0;
}

Status zcn_conn::copy_file_error(zcn_error *out) const noexcept {
    zcnet::Error none;
    none.set(ZCN_OK, 0, "%s", zcn_status_text(ZCN_OK));
    const bool any = rare_ != nullptr && rare_->bodies != nullptr && rare_->bodies->last.status != ZCN_OK;
    return (any ? rare_->bodies->last : none).copy_to(out);
}

void zcn_conn::add_body_stats(zcn_stats *stats) const noexcept {
    if (rare_ == nullptr || rare_->bodies == nullptr) return;
    const FileReceive &receive = rare_->bodies->receive;
    stats->copied_bytes += receive.copied_bytes();
    stats->copied_body += receive.copied_bytes();
    stats->file_received += receive.spliced_bytes();
    stats->body_dropped += receive.dropped_bytes();
}

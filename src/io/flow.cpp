// SPDX-License-Identifier: MIT
#include "io/flow.h"

#include <algorithm>
#include <cstring>

#include "base/probe.h"
#include "memory/thread_memory.h"
#include "os/os.h"

namespace zcnet::io {

namespace {

// Reads at least as large speak for splice, which saves the copies and costs two calls more; and a body must have so
// many bytes to come.
constexpr uint64_t large_read = 32 * 1024;
constexpr uint64_t small_read = 16 * 1024;
constexpr uint32_t reads_to_splice = 2;
constexpr uint32_t reads_to_copy = 8;

bool would_block(ssize_t answer) noexcept { return answer == -EAGAIN || answer == -EWOULDBLOCK; }

// The kernel has no memory at this moment.
bool is_short(ssize_t answer) noexcept { return answer == -ENOBUFS || answer == -ENOMEM; }

// Whether splice cannot do it with this descriptor, whatever the bytes.
bool refuses(ssize_t answer) noexcept {
    return answer == -EINVAL || answer == -ENOSYS || answer == -EOPNOTSUPP || answer == -EPERM;
}

}  // namespace

Flow::~Flow() { delete tap_; }

void Flow::set_method(uint32_t method) noexcept {
    method_ = method;
    large_ = method == ZCN_RELAY_SPLICE;
}

void Flow::start(FlowOf whose, int from, int to, bool from_tcp, memory::Block *rest) noexcept {
    whose_ = whose;
    from_ = from;
    to_ = to;
    from_tcp_ = from_tcp;
    if (rest == nullptr) return;
    block_ = rest;
    end_ = rest->size;
    figures_.bytes_in = figures_.copied_bytes = end_;
}

Flow::Step Flow::move(const Means &means, uint64_t budget) noexcept {
    const uint64_t before = figures_.bytes_in;
    if (ready_ < end_) parse();
    Step step = Step::more;
    while (step == Step::more) {
        step = put_out(means);
        if (step != Step::more) break;
        if (frame_status_ != ZCN_OK) {
            step = Step::frame_wrong;
        } else if (input_over_) {
            // The start of a frame that will never be whole passes as it is.
            if (stash_size_ != 0) {
                step = take_block(means);
            } else if (ready_ == end_) {
                step = Step::ended;
            }
            ready_ = end_;
        } else if (!readable_) {
            step = Step::blocked;
        } else if (figures_.bytes_in - before >= budget) {
            return Step::more;
        } else {
            step = take_in(means);
        }
    }
    let_go(means);
    return step;
}

// --- out ---

Flow::Step Flow::put_out(const Means &means) noexcept {
    waits_for_tap_ = false;
    if (tap_ != nullptr) tap_->write(means.signal, means.pipes);
    while (!nothing_ready()) {
        if (!writable_) return Step::blocked;
        if (tap_ != nullptr && tapped_ == 0 && !offer_to_tap(means)) return Step::blocked;
        const uint64_t most = tap_ != nullptr ? tapped_ : UINT64_MAX;
        if (begin_ == ready_ && no_splice_out_) {
            if (const Step step = unpipe(means); step != Step::more) return step;
        }
        const ssize_t put = begin_ != ready_ ? put_memory(most) : put_pipe(means, most);
        if (put > 0) {
            figures_.bytes_out += static_cast<uint64_t>(put);
            if (tap_ != nullptr) tapped_ -= static_cast<uint64_t>(put);
        } else if (would_block(put)) {
            writable_ = false;
        } else if (is_short(put)) {
            return Step::no_memory;
        } else if (put == -EINVAL && begin_ == ready_ && !no_splice_out_) {
            no_splice_out_ = true;
        } else {
            return failed(Step::write_failed, put);
        }
    }
    if (tap_ != nullptr) tap_->write(means.signal, means.pipes);
    return Step::more;
}

// False: the pair waits for the tap.
bool Flow::offer_to_tap(const Means &means) noexcept {
    const uint64_t part = begin_ != ready_ ? ready_ - begin_ : in_pipe_;
    if (!tap_->active()) {
        tap_->miss(part);
        tapped_ = part;
    } else {
        tapped_ = begin_ != ready_ ? tap_->offer(block_->base + begin_, part, means.signal, means.pipes)
                                   : tap_->offer(pipe_->read_end, part, means.signal, means.pipes);
    }
    waits_for_tap_ = tapped_ == 0;
    return !waits_for_tap_;
}

ssize_t Flow::put_memory(uint64_t most) noexcept {
    const iovec piece{block_->base + begin_, static_cast<size_t>(std::min(ready_ - begin_, most))};
    figures_.write_calls++;
    const ssize_t put = os::uninterrupted([&] { return os::send(to_, &piece, 1); });
    ZCNET_PROBE(relay__write, whose_.relay, whose_.direction, put, 0);
    if (put > 0) begin_ += static_cast<uint64_t>(put);
    return put != 0 ? put : ssize_t{-EIO};
}

ssize_t Flow::put_pipe(const Means &means, uint64_t most) noexcept {
    means.signal.block();
    figures_.write_calls++;
    const auto size = static_cast<size_t>(std::min(in_pipe_, most));
    const ssize_t put = os::uninterrupted([&] { return os::splice(pipe_->read_end, to_, size); });
    ZCNET_PROBE(relay__write, whose_.relay, whose_.direction, put, 1);
    if (put > 0) in_pipe_ -= static_cast<uint64_t>(put);
    if (put == -EPIPE) means.signal.raised();
    return put != 0 ? put : ssize_t{-EIO};
}

// Out of the pipe into memory, for a descriptor that takes nothing from a pipe.
Flow::Step Flow::unpipe(const Means &means) noexcept {
    // Nothing is in the block: the start of a frame is never followed by what lies in the pipe.
    if (const Step step = take_block(means); step != Step::more) return step;
    const auto size = static_cast<size_t>(std::min(in_pipe_, block_->size));
    const ssize_t got = os::uninterrupted([&] { return os::read(pipe_->read_end, block_->base, size); });
    if (would_block(got)) return Step::no_memory;
    if (got <= 0) return failed(Step::write_failed, got != 0 ? got : ssize_t{-EIO});
    in_pipe_ -= static_cast<uint64_t>(got);
    begin_ = 0;
    ready_ = end_ = static_cast<uint64_t>(got);
    return Step::more;
}

// --- in ---

bool Flow::may_splice() const noexcept {
    if (method_ == ZCN_RELAY_COPY || no_splice_in_ || no_splice_out_) return false;
    return !frames_.active() || frames_.missing() != 0;
}

bool Flow::has_pipe(const Means &means) noexcept {
    if (pipe_ == nullptr) pipe_ = means.pipes.take();
    return pipe_ != nullptr;
}

Flow::Step Flow::take_in(const Means &means) noexcept {
    const bool pays = frames_.active() ? frames_.missing() >= large_read : large_;
    if (pays && may_splice() && has_pipe(means)) return take_in_pipe(means);
    const Step step = take_block(means);
    if (step == Step::more) return take_in_memory();
    // Without memory the kernel's own will do.
    return step == Step::no_memory && may_splice() && has_pipe(means) ? take_in_pipe(means) : step;
}

Flow::Step Flow::take_in_pipe(const Means &means) noexcept {
    const uint64_t most = frames_.active() ? std::min<uint64_t>(frames_.missing(), pipe_->size) : pipe_->size;
    figures_.read_calls++;
    const ssize_t got =
        os::uninterrupted([&] { return os::splice(from_, pipe_->write_end, static_cast<size_t>(most)); });
    ZCNET_PROBE(relay__read, whose_.relay, whose_.direction, got, 1);
    if (got > 0) {
        const auto size = static_cast<uint64_t>(got);
        in_pipe_ = size;
        figures_.bytes_in += size;
        figures_.spliced_bytes += size;
        if (frames_.active()) frames_.pass(size);
        judge_read(size);
        return Step::more;
    }
    if (got == 0 || (would_block(got) && hung_up_)) {
        // In front of an urgent byte of TCP splice finds nothing, or the end where the peer has ended behind it. A read
        // steps over it, and finds what is true.
        const Step step = take_block(means);
        return step == Step::more ? take_in_memory() : step;
    }
    if (would_block(got)) {
        readable_ = false;  // the pipe is empty, so it is the input that has nothing
    } else if (is_short(got)) {
        return Step::no_memory;
    } else if (refuses(got)) {
        no_splice_in_ = true;
    } else {
        return failed(Step::read_failed, got);
    }
    return Step::more;
}

Flow::Step Flow::take_in_memory() noexcept {
    const iovec piece{block_->base + end_, static_cast<size_t>(block_->size - end_)};
    figures_.read_calls++;
    const ssize_t got = os::uninterrupted([&] { return os::receive(from_, &piece, 1); });
    ZCNET_PROBE(relay__read, whose_.relay, whose_.direction, got, 0);
    if (got > 0) {
        const auto size = static_cast<uint64_t>(got);
        end_ += size;
        figures_.bytes_in += size;
        figures_.copied_bytes += size;
        // TCP that gives less than it was asked for is empty, and new bytes give a new edge.
        if (size < piece.iov_len && from_tcp_ && !hung_up_) readable_ = false;
        judge_read(size);
        parse();
        return Step::more;
    }
    if (got == 0) {
        input_over_ = true;
    } else if (would_block(got)) {
        readable_ = false;
    } else if (is_short(got)) {
        return Step::no_memory;
    } else {
        return failed(Step::read_failed, got);
    }
    return Step::more;
}

// A block with room behind the start of a frame, which it begins with.
Flow::Step Flow::take_block(const Means &means) noexcept {
    const uint64_t size = stash_size_ + (end_ - ready_);
    if (block_ != nullptr && block_->kind == memory::BlockKind::block && stash_size_ == 0) {
        if (size != 0 && begin_ != 0) std::memmove(block_->base, block_->base + ready_, size);
    } else {
        Status why = ZCN_OK;
        memory::ThreadPool *mine = memory::thread_pool(means.pool);
        memory::Block *fresh = mine != nullptr ? mine->cache.take(means.pool, memory::Purpose::ordinary, &why)
                                               : means.pool->take_block(memory::Purpose::ordinary, &why);
        if (fresh == nullptr) return Step::no_memory;
        // relaxed: nobody else knows of it.
        fresh->count.store(1, std::memory_order_relaxed);
        if (size > fresh->size) {
            memory::block_release(fresh);
            frame_status_ = ZCN_EFRAME_TOO_LARGE;
            return Step::frame_wrong;
        }
        if (size != 0) std::memcpy(fresh->base, stash_size_ != 0 ? stash_ : block_->base + ready_, size);
        if (block_ != nullptr) memory::block_release(block_);
        block_ = fresh;
        stash_size_ = 0;
    }
    begin_ = ready_ = 0;
    end_ = size;
    if (end_ < block_->size) return Step::more;
    // A header that does not fit into a block.
    frame_status_ = ZCN_EFRAME_TOO_LARGE;
    return Step::frame_wrong;
}

// Which of the bytes in the block may leave.
void Flow::parse() noexcept {
    uint64_t passed = end_ - ready_;
    if (frames_.active() && !input_over_) frame_status_ = frames_.parse(block_->base + ready_, end_ - ready_, &passed);
    ready_ += passed;
}

// Follows what the sizes of reads say, so that a single one that is different changes nothing.
void Flow::judge_read(uint64_t size) noexcept {
    if (method_ != ZCN_RELAY_AUTO || frames_.active()) return;
    const bool other = large_ ? size < small_read : size >= large_read;
    run_ = other ? run_ + 1 : 0;
    if (run_ < (large_ ? reads_to_copy : reads_to_splice)) return;
    large_ = !large_;
    run_ = 0;
}

// --- ends ---

Flow::Step Flow::failed(Step step, ssize_t answer) noexcept {
    failure_ = static_cast<int>(-answer);
    return step;
}

void Flow::let_go(const Means &means) noexcept {
    if (pipe_ != nullptr && in_pipe_ == 0) {
        means.pipes.give(pipe_);
        pipe_ = nullptr;
    }
    const uint64_t size = end_ - begin_;
    if (block_ == nullptr || (size != 0 && (begin_ != ready_ || size > stash_room))) return;
    if (size != 0) std::memcpy(stash_, block_->base + begin_, size);
    stash_size_ = static_cast<uint32_t>(size);
    memory::block_release(block_);
    block_ = nullptr;
    begin_ = ready_ = end_ = 0;
}

void Flow::drop(PipePool &pipes) noexcept {
    figures_.lost_bytes = held();
    if (pipe_ != nullptr) {
        if (in_pipe_ != 0) {
            pipes.drop(pipe_);
        } else {
            pipes.give(pipe_);
        }
    }
    if (block_ != nullptr) memory::block_release(block_);
    pipe_ = nullptr;
    block_ = nullptr;
    in_pipe_ = begin_ = ready_ = end_ = tapped_ = 0;
    stash_size_ = 0;
}

void Flow::end_tap(Status why, PipePool &pipes) noexcept {
    if (tap_ == nullptr) return;
    tap_->end(why, pipes);
    waits_for_tap_ = false;
}

void Flow::read_figures(zcn_relay_flow *out) const noexcept {
    *out = figures_;
    out->held_bytes = held();
    out->messages = frames_.count();
    if (tap_ == nullptr) return;
    out->tapped_bytes = tap_->written();
    out->tap_missed_bytes = tap_->missed();
    out->tap_status = tap_->status();
}

}  // namespace zcnet::io

// SPDX-License-Identifier: MIT
#include "prometheus.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "text.h"

namespace tool {
namespace {

struct Known {
    std::string_view page;    // its name there
    std::string_view metric;  // without zcnet_ in front and _total behind
    uint64_t parts;           // how many of the page's unit are one of the metric's
    std::string_view help;
};

// What the headers say (stats.h, pool.h), in words of somebody who watches the program. Ordered by their first names.
constexpr Known known[] = {
    {"loop_accept_limited", "loop_accept_limited", 1,
     "Times that accepting paused: descriptors or connections ran out."},
    {"loop_accepted", "loop_accepted", 1, "Connections accepted."},
    {"loop_closed", "loop_closed", 1, "Connections closed."},
    {"loop_connections", "loop_connections", 1, "Connections that are open."},
    {"loop_copied_detached", "loop_copied_detached_bytes", 1, "Bytes of borrowed messages that were copied out."},
    {"loop_events", "loop_events", 1, "Events handed out."},
    {"loop_paused", "loop_paused", 1, "Connections that wait for memory."},
    {"loop_pinned_bytes", "loop_pinned_bytes", 1, "Blocks that unfinished messages hold."},
    {"loop_polls", "loop_polls", 1, "Polls of the loop."},
    {"loop_pool_pauses", "loop_pool_pauses", 1, "Times that reading paused for want of memory."},
    {"loop_waits", "loop_waits", 1, "System calls that waited or asked for readiness."},
    {"loop_wakes", "loop_wakes", 1, "Wake-ups by other threads."},
    {"pool_amplification", "pool_amplification_ratio", 1000,
     "Pinned bytes over viewed bytes of messages that are held."},
    {"pool_arena_bytes", "pool_arena_bytes", 1, "Of the bytes in use: blocks that the memory of units is cut from."},
    {"pool_block_size", "pool_block_size_bytes", 1, "Size of a block."},
    {"pool_block_takes", "pool_block_takes", 1, "Blocks handed out."},
    {"pool_cached_bytes", "pool_cached_bytes", 1, "Free memory where every thread finds it."},
    {"pool_copied_bytes", "pool_copied_bytes", 1, "Bytes copied to detach, settle or change messages."},
    {"pool_failures", "pool_failures", 1, "Requests refused at the limit or for want of memory."},
    {"pool_huge_bytes", "pool_huge_bytes", 1, "Slabs that the system agreed to back with huge pages."},
    {"pool_huge_refused_bytes", "pool_huge_refused_bytes", 1, "Slabs that the system refused to back with huge pages."},
    {"pool_in_use_bytes", "pool_in_use_bytes", 1, "Blocks and regions that are out."},
    {"pool_limit_bytes", "pool_limit_bytes", 1, "The limit of the pool; 0: none."},
    {"pool_object_bytes", "pool_object_bytes", 1, "Memory of handles, of all pools of the process."},
    {"pool_oldest_view_ns", "pool_oldest_view_seconds", 1'000'000'000, "Age of the message that is held longest."},
    {"pool_peak_bytes", "pool_peak_bytes", 1, "The most bytes that were ever in use."},
    {"pool_pinned_bytes", "pool_pinned_bytes", 1, "Of the bytes in use: what messages that are held keep."},
    {"pool_region_bytes", "pool_region_bytes", 1, "Of the bytes in use: memory of single large messages."},
    {"pool_region_takes", "pool_region_takes", 1, "Regions handed out."},
    {"pool_reserve_bytes", "pool_reserve_bytes", 1, "Of the limit: for unfinished messages alone."},
    {"pool_reserved_bytes", "pool_reserved_bytes", 1, "Memory taken from the system."},
    {"pool_reserved_peak_bytes", "pool_reserved_peak_bytes", 1, "The most memory that was ever taken from the system."},
    {"pool_slabs", "pool_slabs", 1, "Slabs mapped."},
    {"pool_thread_cached_bytes", "pool_thread_cached_bytes", 1, "Of the bytes in use: free blocks that threads keep."},
    {"pool_viewed_bytes", "pool_viewed_bytes", 1, "Sizes of the messages that are held, added up."},
    {"pool_views", "pool_views", 1, "Handles of messages that are held."},
    {"pool_waits", "pool_waits", 1, "Times that a loop waited because the pool was full."},
    {"relay_backward_bytes", "relay_backward_bytes", 1, "Bytes that relays wrote to first sides."},
    {"relay_copied_bytes", "relay_copied_bytes", 1, "Bytes that relays read through memory."},
    {"relay_ended", "relay_ended", 1, "Relays that have ended."},
    {"relay_failed", "relay_failed", 1, "Relays that ended with an error."},
    {"relay_forward_bytes", "relay_forward_bytes", 1, "Bytes that relays wrote to second sides."},
    {"relay_held_bytes", "relay_held_bytes", 1, "Bytes that relays have read and not written yet."},
    {"relay_lost_bytes", "relay_lost_bytes", 1, "Bytes that relays read and never wrote."},
    {"relay_messages", "relay_messages", 1, "Messages whose headers relays with a framing saw."},
    {"relay_open", "relay_open", 1, "Relays that are open."},
    {"relay_read_calls", "relay_read_calls", 1, "System calls of relays that read."},
    {"relay_spliced_bytes", "relay_spliced_bytes", 1, "Bytes that relays read by splice."},
    {"relay_stalled", "relay_stalled", 1, "Open relays that hold bytes of which none moved for a second."},
    {"relay_tap_missed_bytes", "relay_tap_missed_bytes", 1, "Bytes that taps of relays did not get."},
    {"relay_tapped_bytes", "relay_tapped_bytes", 1, "Bytes written to taps of relays."},
    {"relay_write_calls", "relay_write_calls", 1, "System calls of relays that wrote."},
    {"total_answers", "answers", 1, "Requests that were answered."},
    {"total_body_dropped", "body_dropped_bytes", 1, "Bytes of bodies that no file took."},
    {"total_bytes_dropped", "bytes_dropped", 1, "Bytes of frames dropped for receivers that lag behind."},
    {"total_bytes_in", "bytes_in", 1, "Bytes received, headers included."},
    {"total_bytes_out", "bytes_out", 1, "Bytes written, headers included."},
    {"total_copied_aligned", "copied_aligned_bytes", 1, "Bytes of bodies moved for their alignment."},
    {"total_copied_body", "copied_body_bytes", 1, "Bytes of bodies written to files from memory."},
    {"total_copied_bytes", "copied_bytes", 1, "Payload bytes that the library copied, in all."},
    {"total_copied_fed", "copied_fed_bytes", 1, "Bytes copied as they were fed to streams."},
    {"total_copied_moved", "copied_moved_bytes", 1, "Bytes of starts of messages moved for want of room."},
    {"total_copied_out", "copied_out_bytes", 1, "Bytes copied to be sent."},
    {"total_copied_own", "copied_own_bytes", 1, "Bytes of messages moved into memory of their own."},
    {"total_copied_stash", "copied_stash_bytes", 1, "Bytes of starts of messages carried to the next read."},
    {"total_file_direct", "file_direct_bytes", 1, "Bytes of files sent that were read past the page cache."},
    {"total_file_mmap", "file_mmap_bytes", 1, "Bytes of files sent from mappings."},
    {"total_file_received", "file_received_bytes", 1, "Bytes of bodies that went into files by splice."},
    {"total_file_sendfile", "file_sendfile_bytes", 1, "Bytes of files sent by sendfile."},
    {"total_file_splice", "file_splice_bytes", 1, "Bytes of files sent through a pipe."},
    {"total_iovecs_out", "iovecs_out", 1, "Pieces that system calls wrote."},
    {"total_messages_dropped", "messages_dropped", 1, "Messages dropped for receivers that lag behind."},
    {"total_messages_in", "messages_in", 1, "Messages delivered."},
    {"total_messages_out", "messages_out", 1, "Messages accepted for sending."},
    {"total_pages_lent", "pages_lent_bytes", 1, "Bytes of constant pages handed to the kernel as they are."},
    {"total_queued_bytes", "queued_bytes", 1, "Bytes accepted for sending and not written yet."},
    {"total_read_calls", "read_calls", 1, "System calls of connections that read."},
    {"total_requests", "requests", 1, "Requests begun."},
    {"total_requests_waiting", "requests_waiting", 1, "Requests that wait for their answers."},
    {"total_trailing_bytes", "trailing_bytes", 1, "Bytes of frames that never finished."},
    {"total_unanswered", "unanswered", 1, "Requests that ended without an answer."},
    {"total_unfinished_bytes", "unfinished_bytes", 1, "Received bytes of messages that are not complete."},
    {"total_write_calls", "write_calls", 1, "System calls of connections that wrote."},
    {"total_zero_copy_awaited", "zero_copy_awaited", 1, "Writes without a copy that the kernel is not done with."},
    {"total_zero_copy_bytes", "zero_copy_bytes", 1, "Bytes of writes without a copy in the kernel."},
    {"total_zero_copy_copied", "zero_copy_copied", 1, "Writes without a copy that the kernel copied all the same."},
    {"total_zero_copy_refused", "zero_copy_refused", 1, "Writes without a copy that the kernel refused."},
    {"total_zero_copy_writes", "zero_copy_writes", 1, "Writes without a copy in the kernel."},
};
static_assert(std::ranges::is_sorted(known, {}, &Known::page));

// What the tool does not know comes from a library that is newer than it.
Known look_up(const std::string &name) {
    const auto *found = std::ranges::lower_bound(known, std::string_view(name), {}, &Known::page);
    if (found != std::end(known) && found->page == name) return *found;
    return {name, name, 1, "Not known to this version of the tool."};
}

std::string decimal(uint64_t value, uint64_t parts) {
    if (parts == 1) return std::to_string(value);
    const int digits = static_cast<int>(std::to_string(parts).size()) - 1;
    return format("%llu.%0*llu", static_cast<unsigned long long>(value / parts), digits,
                  static_cast<unsigned long long>(value % parts));
}

bool is_label_name(std::string_view name) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    return !name.empty() && letter(name[0]) && !name.starts_with("__") &&
           std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

std::string quoted(std::string_view value) {
    std::string text = "\"";
    for (const char c : value) {
        if (c == '\\' || c == '"') text += '\\';
        if (c == '\n')
            text += "\\n";
        else
            text += c;
    }
    return text + '"';
}

}  // namespace

void add_label(Labels *labels, std::string_view text) {
    const size_t equals = text.find('=');
    const std::string name(text.substr(0, equals));
    if (equals == std::string_view::npos || !is_label_name(name))
        throw UsageError("stat: --label takes NAME=VALUE, the name of letters, digits and _, not '" +
                         std::string(text) + "'");
    if (std::ranges::find(*labels, name, &Labels::value_type::first) != labels->end())
        throw UsageError("stat: the label " + name + " is given twice");
    const std::string_view value = text.substr(equals + 1);
    if (!is_utf8(value)) throw UsageError("stat: the value of the label " + name + " is not UTF-8");
    labels->emplace_back(name, value);
}

std::string prometheus(const StatPage &page, const Labels &labels) {
    std::string suffix;
    for (const auto &[name, value] : labels) suffix += (suffix.empty() ? "{" : ",") + name + "=" + quoted(value);
    if (!suffix.empty()) suffix += '}';

    std::string text;
    std::set<std::string> names;
    for (const Metric &metric : page.metrics) {
        const Known about = look_up(metric.name);
        const std::string name = "zcnet_" + std::string(about.metric) + (metric.gauge ? "" : "_total");
        if (!names.insert(name).second) throw Failure("the counters have " + name + " twice");
        text += "# HELP " + name + " " + std::string(about.help) + "\n";
        text += "# TYPE " + name + (metric.gauge ? " gauge\n" : " counter\n");
        text += name + suffix + " " + decimal(metric.value, about.parts) + "\n";
    }
    return text;
}

}  // namespace tool

// SPDX-License-Identifier: MIT
#include "net/settings.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <new>

#include "base/checked.h"
#include "framing/field.h"
#include "net/exchange.h"
#include "os/os.h"

namespace zcnet::net {

namespace {

// What is queued and what is read in one go stay in the second-level cache of a core together.
constexpr uint64_t default_high_water = 256 * 1024;
constexpr uint64_t default_flush = 64 * 1024;
constexpr uint64_t default_budget = 256 * 1024;
constexpr int64_t millisecond = 1000000;

int64_t or_default(uint32_t milliseconds, uint32_t otherwise) noexcept {
    return int64_t{milliseconds != 0 ? milliseconds : otherwise} * millisecond;
}

bool is_alignment(uint32_t align) noexcept {
    return align == 0 || (is_power_of_two(align) && align >= 8 && align <= 4096);
}

int set_int(int fd, int level, int name, uint64_t value) noexcept {
    const auto number = static_cast<int>(value < INT32_MAX ? value : INT32_MAX);
    return os::set_option(fd, level, name, &number, sizeof number);
}

struct SocketOption {
    uint32_t option;
    bool tcp;
    int level;
    int name;
    bool inverted;
};

constexpr SocketOption socket_options[] = {
    {ZCN_OPTION_DELAY, true, IPPROTO_TCP, TCP_NODELAY, true},
    {ZCN_OPTION_KEEPALIVE_S, true, IPPROTO_TCP, TCP_KEEPIDLE, false},
    {ZCN_OPTION_KEEPALIVE_INTERVAL_S, true, IPPROTO_TCP, TCP_KEEPINTVL, false},
    {ZCN_OPTION_KEEPALIVE_COUNT, true, IPPROTO_TCP, TCP_KEEPCNT, false},
    {ZCN_OPTION_USER_TIMEOUT_MS, true, IPPROTO_TCP, TCP_USER_TIMEOUT, false},
    {ZCN_OPTION_SEND_BUFFER, false, SOL_SOCKET, SO_SNDBUF, false},
    {ZCN_OPTION_RECEIVE_BUFFER, false, SOL_SOCKET, SO_RCVBUF, false},
    {ZCN_OPTION_QUICK_ACK, true, IPPROTO_TCP, TCP_QUICKACK, false},
};

const SocketOption *find_option(uint32_t option) noexcept {
    for (const SocketOption &candidate : socket_options)
        if (candidate.option == option) return &candidate;
    return nullptr;
}

}  // namespace

namespace {

// Which rule the options break, as the rest of a sentence; nullptr: none.
const char *broken_rule(const zcn_conn_options &options) noexcept {
    const struct {
        bool broken;
        const char *rule;
    } rules[] = {
        {options.low_water > (options.high_water != 0 ? options.high_water : default_high_water),
         "low_water is at most high_water"},
        {!is_alignment(options.align), "align is 0 or a power of two from 8 to 4096"},
        {options.align == 0 && options.align_from != 0, "align_from does not go without align"},
        {options.half_open > 2, "half_open is 0, 1 or 2"},
        {options.delay > 1, "delay is 0 or 1"},
        {options.start_paused > 1, "start_paused is 0 or 1"},
        {options.keepalive_s > 32767, "keepalive_s is at most 32767"},
        {options.keepalive_interval_s > 32767, "keepalive_interval_s is at most 32767"},
        {options.keepalive_count > 127, "keepalive_count is at most 127"},
        {options.user_timeout_ms > INT32_MAX, "user_timeout_ms is at most 2147483647"},
        {options.lag > ZCN_LAG_DISCONNECT, "lag is one of ZCN_LAG_*"},
        {options.file_method > io::last_method, "file_method is one of ZCN_FILE_*"},
        {!is_zero_copy_size(options.zero_copy_from), "zero_copy_from is 0 or at least 4096"},
        {options.id_width != 0 && !Exchange::is_width(options.id_width), "id_width is 0, 2, 4 or 8"},
        {options.id_little_endian > 1, "id_little_endian is 0 or 1"},
        // The token of a message is either the one or the other.
        {options.id_width != 0 && options.header_from != 0, "header_from does not go with id_width"},
        {options.reserved != 0, "reserved is 0"},
    };
    for (const auto &[broken, rule] : rules)
        if (broken) return rule;
    return nullptr;
}

}  // namespace

uint64_t IdPlace::load(const void *message) const noexcept {
    return framing::load_field(static_cast<const uint8_t *>(message) + in, width, little);
}

void IdPlace::store(uint64_t id, void *body) const noexcept {
    framing::store_field(id, width, little, static_cast<uint8_t *>(body) + out);
}

void Settings::release() noexcept {
    // acq_rel: every use of the settings happens before they go.
    if (references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (send_framing != nullptr) send_framing->release();
    delete this;
}

zcn_conn_options default_conn_options() noexcept {
    zcn_conn_options options{};
    options.struct_size = sizeof options;
    return options;
}

Status make_limits(StreamLimits *out, uint64_t high_water, uint64_t low_water, uint64_t copy_below, uint32_t align,
                   uint32_t align_from, uint32_t messages_per_poll) noexcept {
    if (high_water == 0) high_water = default_high_water;
    if (low_water == 0) low_water = high_water / 4;
    if (low_water > high_water) return ZCN_EINVAL;
    if (!is_alignment(align)) return ZCN_EINVAL;
    if (align == 0 && align_from != 0) return ZCN_EINVAL;
    out->high_water = high_water;
    out->low_water = low_water;
    out->copy_below = copy_below;
    out->alignment = {align, align_from};
    out->messages_per_poll = messages_per_poll;
    return ZCN_OK;
}

Status make_settings(Settings **out, const zcn_conn_options *given, Error *error) noexcept {
    zcn_conn_options options{};
    if (!has_size(given))
        return error->set(ZCN_EINVAL, 0, "struct_size is wrong: zcn_conn_options_init() sets it, and the defaults");
    if (const Status status = read_options(&options, given, default_conn_options()); status != ZCN_OK)
        return error->set(status, 0, "an option of the connections is not known to this version of the library");
    if (const char *rule = broken_rule(options)) return error->set(ZCN_EINVAL, 0, "the option %s", rule);
    StreamLimits limits;
    if (const Status status = make_limits(&limits, options.high_water, options.low_water, options.copy_below,
                                          options.align, options.align_from, options.messages_per_poll);
        status != ZCN_OK)
        return status;
    limits.file_method = options.file_method;
    limits.zero_copy_from = options.zero_copy_from;
    limits.header_from = options.header_from;
    auto *settings = new (std::nothrow) Settings();
    if (settings == nullptr) return error->set(ZCN_ENOMEM, 0, "no memory");
    settings->limits = limits;
    settings->limits.lag = static_cast<send::Lag>(options.lag);
    settings->send_framing = options.send_framing;
    if (options.send_framing != nullptr) options.send_framing->retain();
    settings->flush_at = options.flush_at != 0 ? options.flush_at : default_flush;
    settings->read_budget = options.read_budget != 0 ? options.read_budget : default_budget;
    settings->connect_timeout = or_default(options.connect_timeout_ms, 30000);
    settings->message_timeout = or_default(options.message_timeout_ms, 60000);
    settings->idle_timeout = or_default(options.idle_timeout_ms, 0);
    settings->drain_timeout = or_default(options.drain_timeout_ms, 5000);
    settings->keepalive_s = options.keepalive_s;
    settings->keepalive_interval_s = options.keepalive_interval_s;
    settings->keepalive_count = options.keepalive_count;
    settings->user_timeout_ms = options.user_timeout_ms;
    settings->send_buffer = options.send_buffer;
    settings->receive_buffer = options.receive_buffer;
    settings->delay = options.delay != 0;
    settings->half_open = options.half_open != 0;
    settings->answers_wrong_input = options.half_open == 2;
    settings->start_paused = options.start_paused != 0;
    settings->id = {options.id_width, options.id_offset, options.send_id_offset, options.id_little_endian != 0};
    settings->max_requests = options.max_requests;
    settings->user = options.user;
    *out = settings;
    return ZCN_OK;
}

Settings *copy_settings(const Settings &from) noexcept {
    auto *copy = new (std::nothrow) Settings();
    if (copy == nullptr) return nullptr;
    static_cast<SettingsValues &>(*copy) = from;
    if (copy->send_framing != nullptr) copy->send_framing->retain();
    return copy;
}

int apply_before_connect(int fd, const Settings &settings) noexcept {
    // Buffer sizes decide the window that the handshake announces, so they come first.
    if (settings.send_buffer != 0)
        if (const int result = set_int(fd, SOL_SOCKET, SO_SNDBUF, settings.send_buffer); result < 0) return result;
    if (settings.receive_buffer != 0)
        if (const int result = set_int(fd, SOL_SOCKET, SO_RCVBUF, settings.receive_buffer); result < 0) return result;
    return 0;
}

int apply_socket_options(int fd, bool is_tcp, const Settings &settings) noexcept {
    if (!is_tcp) return 0;
    int result = settings.delay ? 0 : set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (result >= 0 && settings.keepalive_s != 0) {
        result = set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        if (result >= 0) result = set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, settings.keepalive_s);
        if (result >= 0 && settings.keepalive_interval_s != 0)
            result = set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, settings.keepalive_interval_s);
        if (result >= 0 && settings.keepalive_count != 0)
            result = set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, settings.keepalive_count);
    }
    if (result >= 0 && settings.user_timeout_ms != 0)
        result = set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, settings.user_timeout_ms);
    return result;
}

Status set_socket_option(int fd, bool is_tcp, uint32_t option, uint64_t value, int *number) noexcept {
    const SocketOption *known = find_option(option);
    if (known == nullptr) return ZCN_EOPTION;
    if (known->tcp && !is_tcp) return ZCN_EUNSUPPORTED;
    if (value > INT32_MAX || (known->inverted && value > 1)) return ZCN_EINVAL;
    int result = 0;
    if (option == ZCN_OPTION_KEEPALIVE_S) {
        // The time first: when it is refused, nothing has changed.
        if (value != 0) result = set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, value);
        if (result >= 0) result = set_int(fd, SOL_SOCKET, SO_KEEPALIVE, value != 0);
        *number = result < 0 ? -result : 0;
        return result >= 0 ? ZCN_OK : result == -EINVAL ? ZCN_EINVAL : ZCN_ESYS;
    }
    result = set_int(fd, known->level, known->name, known->inverted ? 1 - value : value);
    if (result >= 0) return ZCN_OK;
    *number = -result;
    return result == -EINVAL ? ZCN_EINVAL : ZCN_ESYS;
}

Status get_socket_option(int fd, bool is_tcp, uint32_t option, uint64_t *value, int *number) noexcept {
    const SocketOption *known = find_option(option);
    if (known == nullptr || option == ZCN_OPTION_QUICK_ACK) return ZCN_EOPTION;
    if (known->tcp && !is_tcp) return ZCN_EUNSUPPORTED;
    int answer = 0;
    socklen_t size = sizeof answer;
    int result = 0;
    if (option == ZCN_OPTION_KEEPALIVE_S) {
        result = os::get_option(fd, SOL_SOCKET, SO_KEEPALIVE, &answer, &size);
        if (result >= 0 && answer == 0) {
            *value = 0;
            return ZCN_OK;
        }
    }
    if (result >= 0) result = os::get_option(fd, known->level, known->name, &answer, &size);
    if (result < 0) {
        *number = -result;
        return ZCN_ESYS;
    }
    *value = static_cast<uint64_t>(known->inverted ? answer == 0 : answer);
    return ZCN_OK;
}

}  // namespace zcnet::net

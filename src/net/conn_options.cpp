// SPDX-License-Identifier: MIT
// Options, addresses and the state of a connection, as the program asks for them.
#include "net/conn.h"
#include "net/conn_requests.h"
#include "net/loop.h"
#include "os/os.h"

using zcnet::Status;
using zcnet::net::Settings;
using zcnet::net::State;

// Settings that this connection alone uses: a copy, once.
Settings *zcn_conn::own_settings() noexcept {
    Settings &present = mutable_settings();
    if (present.before != nullptr) return &present;
    Settings *own = zcnet::net::copy_settings(present);
    if (own == nullptr) return nullptr;
    own->before = &present;
    // release: a thread that posts sees the copy complete. What it replaces stays until the connection goes.
    settings_.store(own, std::memory_order_release);
    return own;
}

Status zcn_conn::set_option(uint32_t option, uint64_t value) noexcept {
    if (!in_process()) return ZCN_EFORKED;
    if (state_ == State::ended || state_ == State::closed) return ZCN_ECLOSED;
    constexpr uint64_t most_ms = UINT32_MAX;
    switch (option) {
        case ZCN_OPTION_HIGH_WATER:
        case ZCN_OPTION_LOW_WATER:
        case ZCN_OPTION_IDLE_TIMEOUT_MS:
        case ZCN_OPTION_MESSAGE_TIMEOUT_MS:
        case ZCN_OPTION_DRAIN_TIMEOUT_MS:
        case ZCN_OPTION_MESSAGES_PER_POLL:
        case ZCN_OPTION_FILE_METHOD:
        case ZCN_OPTION_ZERO_COPY_FROM:
            break;
        default: {
            if (fd_ < 0) return ZCN_EUNSUPPORTED;
            int number = 0;
            const Status status = zcnet::net::set_socket_option(fd_, is_tcp_, option, value, &number);
            if (status == ZCN_ESYS) set_error(status, number, "the socket option could not be set");
            return status;
        }
    }
    const zcnet::net::StreamLimits &limits = settings().limits;
    bool valid = value <= most_ms && value != 0;
    switch (option) {
        case ZCN_OPTION_HIGH_WATER:
            valid = value != 0 && value >= limits.low_water;
            break;
        case ZCN_OPTION_LOW_WATER:
            valid = value != 0 && value <= limits.high_water;
            break;
        case ZCN_OPTION_ZERO_COPY_FROM:
            valid = zcnet::net::is_zero_copy_size(value);
            break;
        case ZCN_OPTION_FILE_METHOD:
            valid = value <= zcnet::io::last_method;
            break;
        case ZCN_OPTION_MESSAGES_PER_POLL:
        case ZCN_OPTION_IDLE_TIMEOUT_MS:
            valid = value <= UINT32_MAX;
            break;
        default:
            break;
    }
    if (!valid) return ZCN_EINVAL;
    Settings *own = own_settings();
    if (own == nullptr) return ZCN_ENOMEM;
    const int64_t ns = value <= most_ms ? static_cast<int64_t>(value) * 1000000 : 0;
    switch (option) {
        case ZCN_OPTION_HIGH_WATER:
            own->set_high_water(value);
            break;
        case ZCN_OPTION_FILE_METHOD:
            own->limits.file_method = static_cast<uint32_t>(value);
            break;
        case ZCN_OPTION_ZERO_COPY_FROM:
            own->limits.zero_copy_from = value;
            break;
        case ZCN_OPTION_LOW_WATER:
            own->limits.low_water = value;
            break;
        case ZCN_OPTION_MESSAGES_PER_POLL:
            own->limits.messages_per_poll = static_cast<uint32_t>(value);
            break;
        case ZCN_OPTION_IDLE_TIMEOUT_MS:
            own->idle_timeout = ns;
            break;
        case ZCN_OPTION_MESSAGE_TIMEOUT_MS:
            own->message_timeout = ns;
            break;
        default:
            own->drain_timeout = ns;
            break;
    }
    if (option == ZCN_OPTION_IDLE_TIMEOUT_MS) active_at_ = loop()->read_clock();
    arm_timer();
    return ZCN_OK;
}

Status zcn_conn::get_option(uint32_t option, uint64_t *value) const noexcept {
    if (!in_process()) return ZCN_EFORKED;
    if (state_ == State::ended || state_ == State::closed) return ZCN_ECLOSED;
    const Settings &options = settings();
    const auto ms = [](int64_t ns) { return static_cast<uint64_t>(ns / 1000000); };
    switch (option) {
        case ZCN_OPTION_HIGH_WATER:
            *value = options.limits.high_water;
            return ZCN_OK;
        case ZCN_OPTION_LOW_WATER:
            *value = options.limits.low_water;
            return ZCN_OK;
        case ZCN_OPTION_FILE_METHOD:
            *value = options.limits.file_method;
            return ZCN_OK;
        case ZCN_OPTION_ZERO_COPY_FROM:
            *value = options.limits.zero_copy_from;
            return ZCN_OK;
        case ZCN_OPTION_MESSAGES_PER_POLL:
            *value = options.limits.messages_per_poll;
            return ZCN_OK;
        case ZCN_OPTION_IDLE_TIMEOUT_MS:
            *value = ms(options.idle_timeout);
            return ZCN_OK;
        case ZCN_OPTION_MESSAGE_TIMEOUT_MS:
            *value = ms(options.message_timeout);
            return ZCN_OK;
        case ZCN_OPTION_DRAIN_TIMEOUT_MS:
            *value = ms(options.drain_timeout);
            return ZCN_OK;
        default:
            break;
    }
    if (fd_ < 0) return ZCN_EUNSUPPORTED;
    int number = 0;
    return zcnet::net::get_socket_option(fd_, is_tcp_, option, value, &number);
}

Status zcn_conn::address(bool peer, char *buffer, size_t capacity) const noexcept {
    if (!in_process()) return ZCN_EFORKED;
    if (fd_ < 0) return ZCN_ECLOSED;
    return zcnet::net::socket_address(fd_, peer, buffer, capacity);
}

uint32_t zcn_conn::public_state() const noexcept {
    switch (state_) {
        case State::connecting:
            return ZCN_STATE_CONNECTING;
        case State::open: {
            const uint32_t requests = requests_.load(std::memory_order_acquire);
            return (requests & zcnet::net::request_end) != 0 ? ZCN_STATE_DRAINING : ZCN_STATE_OPEN;
        }
        case State::draining:
        case State::lingering:
            return ZCN_STATE_DRAINING;
        default:
            return ZCN_STATE_CLOSED;
    }
}

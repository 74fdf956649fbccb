/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_ERROR_HPP
#define ZCNET_ERROR_HPP
/*
 * Errors: what the C functions return is thrown as zcnet::Error, a std::system_error whose code is the zcn_status and
 * which compares with std::errc. Functions whose name begins with try_ throw nothing: they return the zcn_status.
 */
#include <zcnet/status.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>

namespace zcnet {

namespace detail {

class Category final : public std::error_category {
  public:
    const char *name() const noexcept override { return "zcnet"; }
    std::string message(int status) const override { return zcn_status_text(status); }
    std::error_condition default_error_condition(int status) const noexcept override {
        switch (status) {
            case ZCN_OK:
                return {};
            case ZCN_AGAIN:
                return std::errc::resource_unavailable_try_again;
            case ZCN_EINVAL:
            case ZCN_EADDRESS:
                return std::errc::invalid_argument;
            case ZCN_ENOMEM:
                return std::errc::not_enough_memory;
            case ZCN_ENOBUFS:
                return std::errc::no_buffer_space;
            case ZCN_EBUSY:
                return std::errc::device_or_resource_busy;
            case ZCN_ESTALE:
                return std::errc::bad_file_descriptor;
            case ZCN_EUNSUPPORTED:
                return std::errc::operation_not_supported;
            case ZCN_EFRAME_TOO_LARGE:
                return std::errc::message_size;
            case ZCN_ECLOSED:
                return std::errc::broken_pipe;
            case ZCN_ETIMEDOUT:
                return std::errc::timed_out;
            case ZCN_ERESET:
                return std::errc::connection_reset;
            case ZCN_EREFUSED:
                return std::errc::connection_refused;
            case ZCN_EUNREACHABLE:
                return std::errc::host_unreachable;
            case ZCN_EINUSE:
                return std::errc::address_in_use;
            case ZCN_EACCESS:
                return std::errc::permission_denied;
            case ZCN_ENOTFOUND:
                return std::errc::no_such_file_or_directory;
            case ZCN_ENOSPACE:
                return std::errc::no_space_on_device;
            case ZCN_EABORTED:
                return std::errc::connection_aborted;
            default:
                return {status, *this};
        }
    }
};

}  // namespace detail

/** The category of codes that are a zcn_status. */
inline const std::error_category &category() noexcept {
    static const detail::Category instance;
    return instance;
}

inline std::error_code make_error_code(zcn_status status) noexcept { return {status, category()}; }

/** A failed call: its status, errno of the system call behind it, and a sentence. */
class Error : public std::system_error {
  public:
    explicit Error(zcn_status status) : Error(status, 0, zcn_status_text(status)) {}
    Error(zcn_status status, int sys_errno, const char *text)
        : std::system_error(make_error_code(status)), text_(text), sys_errno_(sys_errno) {}
    explicit Error(const zcn_error &error)
        : Error(error.status, error.sys_errno, error.text[0] != 0 ? error.text : zcn_status_text(error.status)) {}

    /** ZCN_*. */
    zcn_status status() const noexcept { return code().value(); }
    /** ZCN_* as a text. */
    const char *name() const noexcept { return zcn_status_name(status()); }
    /** errno of the system call behind it, or 0. */
    int sys_errno() const noexcept { return sys_errno_; }
    const char *what() const noexcept override { return text_.what(); }

  private:
    std::runtime_error text_;  // rather than a string: exceptions are copied, which must not throw
    int sys_errno_;
};

namespace detail {

/** Throws what is not ZCN_OK. */
inline void check(zcn_status status) {
    if (status != ZCN_OK) throw Error(status);
}

/** True for ZCN_OK and false for ZCN_AGAIN; throws the others. */
inline bool taken(zcn_status status) {
    if (status == ZCN_OK) return true;
    if (status == ZCN_AGAIN) return false;
    throw Error(status);
}

/** Throws what is not ZCN_OK, with the sentence that the call left where it left one. */
inline void explain(zcn_status status, const zcn_error &error) {
    if (status != ZCN_OK && error.status == status) throw Error(error);
    check(status);
}

/** For out-structures that the caller gives a size. */
template <typename T>
T sized() noexcept {
    T value = {};
    value.struct_size = sizeof(T);
    return value;
}

/**
 * A counted handle: copies are further references of the same object, moves leave an empty handle. Calls on an empty
 * handle fail with ZCN_EINVAL, as the C functions do for NULL.
 */
template <typename T, T *(*retain)(T *), void (*release)(T *)>
class Handle {
  public:
    Handle() noexcept = default;
    Handle(const Handle &other) noexcept : handle_(retain(other.handle_)) {}
    Handle(Handle &&other) noexcept : handle_(other.detach()) {}
    Handle &operator=(Handle other) noexcept {
        T *const kept = handle_;
        handle_ = other.handle_;
        other.handle_ = kept;
        return *this;
    }
    ~Handle() { release(handle_); }

    /** The handle of C, borrowed; NULL when empty. */
    T *get() const noexcept { return handle_; }
    explicit operator bool() const noexcept { return handle_ != nullptr; }
    /** Gives the reference to the caller, who releases it. */
    T *detach() noexcept {
        T *const handle = handle_;
        handle_ = nullptr;
        return handle;
    }
    /** Ends the reference now. */
    void reset() noexcept { release(detach()); }

    friend bool operator==(const Handle &a, const Handle &b) noexcept { return a.handle_ == b.handle_; }
    friend bool operator!=(const Handle &a, const Handle &b) noexcept { return a.handle_ != b.handle_; }

  protected:
    /** Takes a reference over. */
    explicit Handle(T *handle) noexcept : handle_(handle) {}
    T **out() noexcept { return &handle_; }

  private:
    T *handle_ = nullptr;
};

}  // namespace detail
}  // namespace zcnet

#endif

// SPDX-License-Identifier: MIT
// An open regular file, as what a unit's segment refers to.
#pragma once

#include "base/error.h"
#include "os/os.h"
#include "send/source.h"
#include "zcnet/file.h"

namespace zcnet::io {

constexpr uint32_t last_method = ZCN_FILE_DIRECT;

zcn_file_options default_file_options() noexcept;
// Checks what a caller gave.
Status read_file_options(zcn_file_options *out, const zcn_file_options *given) noexcept;

// The status of what opening or looking at a path answered; fills the error.
Status file_failure(int number, const char *path, Error *error) noexcept;
// The status that a failed write to a file stands for.
Status status_of_write(int number) noexcept;

}  // namespace zcnet::io

// The one kind of source that there is: whoever has a source of a unit may take it for this.
struct zcn_file final : zcnet::send::Source {
  public:
    using Status = zcnet::Status;

    static Status open(zcn_file **out, const char *path, const zcn_file_options &options, zcnet::Error *error) noexcept;
    // Takes the descriptor over on ZCN_OK.
    static Status adopt(zcn_file **out, int fd, uint32_t method, zcnet::Error *error) noexcept;

    ssize_t read(void *data, uint64_t size, uint64_t offset) noexcept override;

    [[nodiscard]] int fd() const noexcept { return fd_; }
    // The same file past the page cache; -1: it cannot be read so. Any thread.
    int direct_fd() noexcept;
    [[nodiscard]] uint32_t method() const noexcept { return method_; }
    [[nodiscard]] const zcnet::os::FileStatus &status() const noexcept { return status_; }

  private:
    zcn_file(int fd, uint32_t method, const zcnet::os::FileStatus &status) noexcept
        : fd_(fd), method_(method), status_(status) {}
    ~zcn_file() = default;
    void end() noexcept override;

    static constexpr int unknown = -2;

    int fd_;
    std::atomic<int> direct_fd_{unknown};
    uint32_t method_;
    zcnet::os::FileStatus status_;
};

namespace zcnet::io {

// A file that something was begun with: while it is held, no other one can be taken for it.
class HeldFile {
  public:
    HeldFile() noexcept = default;
    ~HeldFile() { let_go(); }
    HeldFile(const HeldFile &) = delete;
    HeldFile &operator=(const HeldFile &) = delete;

    void hold(zcn_file &file) noexcept {
        file.retain();
        let_go();
        file_ = &file;
    }
    void let_go() noexcept {
        if (file_ != nullptr) file_->release();
        file_ = nullptr;
    }
    [[nodiscard]] zcn_file *get() const noexcept { return file_; }
    [[nodiscard]] bool is(const zcn_file &file) const noexcept { return file_ == &file; }

  private:
    zcn_file *file_ = nullptr;
};

}  // namespace zcnet::io

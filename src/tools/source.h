// SPDX-License-Identifier: MIT
// What zcnet send sends: files, lines and standard input as units that refer to the bytes where they lie.
#pragma once

#include <zcnet/zcnet.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "descriptor.h"
#include "handles.h"
#include "line_cutter.h"
#include "walk.h"

namespace tool {

class Source {
  public:
    enum class Step { unit, wait, end };

    struct Options {
        bool lines = false;             // a line is a message, not a file
        bool pieces = false;            // what a read of a pipe gives is a message
        bool read_files = false;        // never map: somebody will look at the bytes
        uint64_t rounds = 1;            // how often everything is sent
        uint64_t largest = UINT64_MAX;  // bytes of the longest body that can be sent
    };

    // names: files, directories, "-".
    Source(const std::vector<std::string> &names, const Options &options, zcn_pool *pool);

    // unit: *out is the next message. wait: nothing is there yet; wait_descriptor() becomes readable. Throws Failure.
    Step next(Owned<zcn_unit> *out);

    int wait_descriptor() const { return file_.get(); }

    // Where the unit of the last step came from, for error messages.
    const std::string &name() const { return name_; }

    // 0 when they cannot be known beforehand.
    uint64_t total_bytes() const { return total_bytes_; }
    uint64_t total_messages() const { return total_messages_; }

  private:
    bool open_next();
    Owned<zcn_unit> map();
    Step read_whole(Owned<zcn_unit> *out);
    Step read_line(Owned<zcn_unit> *out);
    bool readable() const;
    size_t read_some(void *room, size_t size);

    std::vector<File> files_;
    Options options_;
    zcn_pool *const pool_;
    uint64_t total_bytes_ = 0;
    uint64_t total_messages_ = 0;

    size_t next_file_ = 0;
    std::string name_;
    Descriptor file_;        // open while it is being read
    bool regular_ = false;   // never has to be waited for
    uint64_t size_ = 0;      // of a regular file, when it was opened
    Owned<zcn_unit> whole_;  // what was read of a file that cannot be mapped
    void *room_ = nullptr;   // the free end of the last segment of whole_
    size_t room_size_ = 0;
    uint64_t whole_size_ = 0;
    LineCutter cutter_;
};

}  // namespace tool

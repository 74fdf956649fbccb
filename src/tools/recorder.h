// SPDX-License-Identifier: MIT
// Writes what was received: whole frames one after the other, and their sizes.
#pragma once

#include <zcnet/zcnet.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

namespace tool {

class Recorder {
  public:
    // An empty path: not wanted. Throws Failure when a file cannot be opened.
    Recorder(const std::string &frames_path, const std::string &sizes_path);

    void record(const zcn_msg *msg, uint64_t frame_size);
    void flush();

  private:
    struct Close {
        void operator()(FILE *file) const { std::fclose(file); }
    };
    struct Output {
        explicit Output(std::string file_path);
        void write(const void *data, size_t size);

        std::string path;
        std::unique_ptr<FILE, Close> file;
    };

    Output frames_;
    Output sizes_;
};

}  // namespace tool

// SPDX-License-Identifier: MIT
#include "recorder.h"

#include <charconv>

#include "text.h"

namespace tool {

Recorder::Output::Output(std::string file_path) : path(std::move(file_path)) {
    if (path.empty()) return;
    file.reset(std::fopen(path.c_str(), "wbe"));
    if (!file) throw Failure(system_error(path));
    std::setvbuf(file.get(), nullptr, _IOFBF, 256 * 1024);
}

void Recorder::Output::write(const void *data, size_t size) {
    if (size != 0 && std::fwrite(data, 1, size, file.get()) != size) throw Failure(system_error(path));
}

Recorder::Recorder(const std::string &frames_path, const std::string &sizes_path)
    : frames_(frames_path), sizes_(sizes_path) {}

void Recorder::record(const zcn_msg *msg, uint64_t frame_size) {
    if (frames_.file) {
        const void *data = nullptr;
        uint64_t size = 0;
        const zcn_status status = zcn_msg_frame(msg, &data, &size);
        if (status != ZCN_OK) throw Failure("a frame cannot be read: " + status_line(status));
        frames_.write(data, size);
    }
    if (sizes_.file) {
        char line[24];
        char *end = std::to_chars(line, line + sizeof line - 1, frame_size).ptr;
        *end++ = '\n';
        sizes_.write(line, static_cast<size_t>(end - line));
    }
}

void Recorder::flush() {
    for (const Output *output : {&frames_, &sizes_})
        if (output->file && std::fflush(output->file.get()) != 0) throw Failure(system_error(output->path));
}

}  // namespace tool

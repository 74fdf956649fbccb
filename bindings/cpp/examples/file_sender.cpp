/* SPDX-License-Identifier: MIT */
/* Sends files, each as one message, and the answer to each is its number of bytes and their CRC-32. The kernel sends
   the bytes from where the file stands. Usage: file_sender serve ADDRESS           receives file_sender send ADDRESS
   FILE…      sends */
#include <unistd.h>

#include <array>
#include <iostream>
#include <string>
#include <vector>
#include <zcnet/zcnet.hpp>

namespace {

class Crc32 {
  public:
    Crc32() {
        for (std::uint32_t i = 0; i < steps_.size(); i++) {
            steps_[i] = i;
            for (int bit = 0; bit < 8; bit++) steps_[i] = steps_[i] >> 1 ^ ((steps_[i] & 1) != 0 ? 0xEDB88320 : 0);
        }
    }
    void add(zcnet::Bytes bytes) {
        for (const std::byte byte : bytes) {
            value_ = value_ >> 8 ^ steps_[(value_ ^ std::to_integer<std::uint32_t>(byte)) & 0xFF];
        }
    }
    std::uint32_t value() const { return ~value_; }

  private:
    std::array<std::uint32_t, 256> steps_;
    std::uint32_t value_ = ~std::uint32_t{0};
};

/* Eight bytes of size and four of CRC-32, big end first. */
std::string description(std::uint64_t size, const Crc32 &crc) {
    std::string text;
    for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(size >> shift);
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(crc.value() >> shift);
    return text;
}

int serve(zcnet::Loop &loop, const char *address, const zcnet::Framing &framing) {
    const zcnet::Listener listener = loop.listen(address, framing);
    std::cout << listener.address() << std::endl;
    for (zcnet::Events events; loop.poll(events);) {
        for (const zcnet::Event event : events) {
            if (event.type() != zcnet::EventType::message) continue;
            Crc32 crc;
            crc.add(event.bytes());
            if (event.conn().try_send_copy(description(event.bytes().size(), crc)) != ZCN_OK) event.conn().abort();
        }
    }
    return 1;
}

/* Queues a file, and says what its answer has to be. */
std::string send_file(zcnet::ConnRef conn, const std::string &path) {
    const zcnet::File file = zcnet::File::open(path);
    Crc32 crc;
    std::vector<char> block(1 << 16);
    ssize_t got;
    for (off_t at = 0; (got = pread(file.fd(), block.data(), block.size(), at)) > 0; at += got) {
        crc.add({block.data(), static_cast<std::size_t>(got)});
    }
    zcnet::Unit unit = zcnet::Unit::create();
    unit.append_file(file);
    if (!conn.send(std::move(unit))) throw zcnet::Error(ZCN_AGAIN);  // not with one at a time
    return description(file.size(), crc);
}

int send(zcnet::Loop &loop, const char *address, const zcnet::Framing &framing, std::vector<std::string> paths) {
    const zcnet::Conn conn = loop.connect(address, framing).retain();
    std::string expected;
    std::size_t done = 0;
    for (zcnet::Events events; loop.poll(events);) {
        for (const zcnet::Event event : events) {
            if (event.type() == zcnet::EventType::closed) {
                if (done != paths.size()) throw zcnet::Error(event.status());
                return 0;
            }
            if (event.type() == zcnet::EventType::message) {
                const std::string &path = paths[done];
                if (event.text() != expected) throw std::runtime_error(path + " was damaged on its way");
                std::uint64_t size = 0;
                for (int i = 0; i < 8; i++)
                    size = size << 8 | static_cast<unsigned char>(expected[static_cast<std::size_t>(i)]);
                std::cout << path.substr(path.rfind('/') + 1) << ": " << size << " bytes\n";
                done++;
            } else if (event.type() != zcnet::EventType::connected) {
                continue;
            }
            if (done < paths.size()) {
                expected = send_file(conn, paths[done]);
            } else {
                conn.close();
            }
        }
    }
    return 1;
}

}  // namespace

int main(int argc, char **argv) try {
    const std::string verb = argc > 1 ? argv[1] : "";
    const zcnet::Framing framing("length,width=8,strip=8,max=4G");
    zcnet::Loop loop;
    if (verb == "serve" && argc == 3) return serve(loop, argv[2], framing);
    if (verb == "send" && argc > 3) return send(loop, argv[2], framing, {argv + 3, argv + argc});
    std::cerr << "usage: file_sender serve ADDRESS | send ADDRESS FILE...\n";
    return 2;
} catch (const std::exception &error) {
    std::cerr << "file_sender: " << error.what() << "\n";
    return 1;
}

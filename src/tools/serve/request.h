// SPDX-License-Identifier: MIT
// Requests, read by the http-parser library from the lines that a connection delivers.
#pragma once

#include <http_parser.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tool {

enum class Method : uint8_t { get, head, other };

// Fields that change the answer.
enum class Field : uint8_t { if_match, if_none_match, if_modified_since, if_unmodified_since, if_range, range, count };

struct Request {
    Method method = Method::other;
    const char *method_name = "";  // as it stood in the request
    uint16_t major = 0;
    uint16_t minor = 0;
    bool keep_alive = false;
    bool has_body = false;  // which is not read
    uint32_t hosts = 0;     // how many Host fields there were
    std::string target;
    std::array<std::string, static_cast<size_t>(Field::count)> fields;
    uint32_t given = 0;  // a bit for each of `fields`

    bool has(Field field) const { return (given >> static_cast<unsigned>(field) & 1U) != 0; }
    const std::string &value(Field field) const { return fields[static_cast<size_t>(field)]; }
    // "GET /path HTTP/1.1"
    std::string line() const;
};

class RequestReader {
  public:
    enum class Outcome : uint8_t { more, request, wrong };

    // Bytes of one request's head, and of its target: more is answered with 431 and 414.
    static constexpr uint32_t most_head = 32 * 1024;
    static constexpr size_t most_target = 8000;

    RequestReader();
    RequestReader(const RequestReader &) = delete;
    RequestReader &operator=(const RequestReader &) = delete;

    // Reads from *at on and moves it. request: request() is complete, and valid until the next call. wrong: there is
    // nothing more to be read, and status() is the answer. more: everything was read.
    Outcome read(const char **at, const char *end);

    const Request &request() const { return request_; }
    unsigned status() const { return status_; }
    // Whether a request has begun and is not complete.
    bool inside() const { return inside_; }

  private:
    static int on_begin(http_parser *parser);
    static int on_target(http_parser *parser, const char *at, size_t size);
    static int on_name(http_parser *parser, const char *at, size_t size);
    static int on_value(http_parser *parser, const char *at, size_t size);
    static int on_head(http_parser *parser);
    static int on_end(http_parser *parser);
    static const http_parser_settings &settings();
    static RequestReader &of(http_parser *parser) { return *static_cast<RequestReader *>(parser->data); }
    void begin_value();

    http_parser parser_;
    Request request_;
    std::string name_;              // of the field that is being read
    std::string *value_ = nullptr;  // where its value goes; nullptr: it does not matter
    bool in_value_ = false;
    bool coded_ = false;  // a transfer coding was named
    bool inside_ = false;
    bool complete_ = false;
    unsigned status_ = 0;
};

}  // namespace tool

// SPDX-License-Identifier: MIT
#include "tools/serve/request.h"

#include <strings.h>

#include <iterator>

#include "tools/text.h"

namespace tool {
namespace {

// The longest name that matters is shorter.
constexpr size_t most_name = 32;

struct Name {
    std::string_view text;
    Field field;
};

constexpr Name names[] = {
    {"range", Field::range},
    {"if-none-match", Field::if_none_match},
    {"if-modified-since", Field::if_modified_since},
    {"if-range", Field::if_range},
    {"if-match", Field::if_match},
    {"if-unmodified-since", Field::if_unmodified_since},
};

bool equals(std::string_view a, std::string_view b) {
    return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

unsigned status_of(http_errno error) {
    switch (error) {
        case HPE_HEADER_OVERFLOW:
            return 431;
        case HPE_CB_url:
            return 414;
        default:
            return 400;
    }
}

}  // namespace

std::string Request::line() const {
    return std::string(method_name) + " " + target + format(" HTTP/%u.%u", major, minor);
}

RequestReader::RequestReader() {
    http_parser_init(&parser_, HTTP_REQUEST);
    parser_.data = this;
}

const http_parser_settings &RequestReader::settings() {
    static const http_parser_settings made = [] {
        // One value for the process, which no other part of it parses HTTP in.
        http_parser_set_max_header_size(most_head);
        http_parser_settings all;
        http_parser_settings_init(&all);
        all.on_message_begin = on_begin;
        all.on_url = on_target;
        all.on_header_field = on_name;
        all.on_header_value = on_value;
        all.on_headers_complete = on_head;
        all.on_message_complete = on_end;
        return all;
    }();
    return made;
}

RequestReader::Outcome RequestReader::read(const char **at, const char *end) {
    complete_ = false;
    *at += http_parser_execute(&parser_, &settings(), *at, static_cast<size_t>(end - *at));
    if (complete_) {
        http_parser_pause(&parser_, 0);
        return Outcome::request;
    }
    const http_errno error = HTTP_PARSER_ERRNO(&parser_);
    if (error == HPE_OK) return Outcome::more;
    status_ = status_of(error);
    return Outcome::wrong;
}

int RequestReader::on_begin(http_parser *parser) {
    RequestReader &reader = of(parser);
    Request &request = reader.request_;
    request.target.clear();
    request.hosts = 0;
    request.given = 0;
    reader.name_.clear();
    reader.in_value_ = reader.coded_ = false;
    reader.inside_ = true;
    return 0;
}

int RequestReader::on_target(http_parser *parser, const char *at, size_t size) {
    std::string &target = of(parser).request_.target;
    if (size > most_target - target.size()) return 1;
    target.append(at, size);
    return 0;
}

int RequestReader::on_name(http_parser *parser, const char *at, size_t size) {
    RequestReader &reader = of(parser);
    if (reader.in_value_) {
        reader.in_value_ = false;
        reader.name_.clear();
    }
    // What is longer is none of those that matter, and may not become one by being cut off.
    reader.name_.append(at, std::min(size, most_name - std::min(most_name, reader.name_.size())));
    return 0;
}

int RequestReader::on_value(http_parser *parser, const char *at, size_t size) {
    RequestReader &reader = of(parser);
    if (!reader.in_value_) {
        reader.in_value_ = true;
        reader.begin_value();
    }
    if (reader.value_ != nullptr) reader.value_->append(at, size);
    return 0;
}

// A field that comes again goes on with the same list.
void RequestReader::begin_value() {
    value_ = nullptr;
    if (equals(name_, "host")) {
        request_.hosts++;
        return;
    }
    coded_ = coded_ || equals(name_, "transfer-encoding");
    for (const Name &name : names) {
        if (!equals(name_, name.text)) continue;
        const auto number = static_cast<size_t>(name.field);
        value_ = &request_.fields[number];
        if (request_.has(name.field)) {
            value_->append(", ");
        } else {
            value_->clear();
        }
        request_.given |= 1U << number;
        return;
    }
}

// 1: no body follows, whatever the fields say. What there is of one is not read. -1: nobody knows where the body ends.
int RequestReader::on_head(http_parser *parser) {
    const bool chunked = (parser->flags & F_CHUNKED) != 0;
    if (of(parser).coded_ && !chunked) return -1;
    Request &request = of(parser).request_;
    request.method = parser->method == HTTP_GET    ? Method::get
                     : parser->method == HTTP_HEAD ? Method::head
                                                   : Method::other;
    request.method_name = http_method_str(static_cast<http_method>(parser->method));
    request.major = parser->http_major;
    request.minor = parser->http_minor;
    request.keep_alive = http_should_keep_alive(parser) != 0;
    const bool sized = parser->content_length != 0 && parser->content_length != UINT64_MAX;
    request.has_body = sized || chunked;
    // Another protocol was offered, not demanded.
    parser->upgrade = 0;
    return 1;
}

int RequestReader::on_end(http_parser *parser) {
    RequestReader &reader = of(parser);
    reader.inside_ = false;
    reader.complete_ = true;
    http_parser_pause(parser, 1);
    return 0;
}

}  // namespace tool

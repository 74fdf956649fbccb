// SPDX-License-Identifier: MIT
#include "tools/serve/answer.h"

#include <cstring>

#include "tools/serve/http_date.h"
#include "tools/text.h"

namespace tool {

const char *reason_phrase(unsigned status) {
    switch (status) {
        case 200:
            return "OK";
        case 206:
            return "Partial Content";
        case 301:
            return "Moved Permanently";
        case 304:
            return "Not Modified";
        case 400:
            return "Bad Request";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 412:
            return "Precondition Failed";
        case 414:
            return "URI Too Long";
        case 416:
            return "Range Not Satisfiable";
        case 431:
            return "Request Header Fields Too Large";
        case 503:
            return "Service Unavailable";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "Internal Server Error";
    }
}

void Answers::set_time(std::time_t now) {
    if (now == now_) return;
    now_ = now;
    common_ = "Server: zcnet\r\nDate: " + http_date(now) + "\r\n";
}

void Answers::begin(unsigned status, Persistence persistence) {
    head_ = format("HTTP/1.1 %u %s\r\n", status, reason_phrase(status));
    head_ += common_;
    if (persistence == Persistence::stated) head_ += "Connection: keep-alive\r\n";
    if (persistence == Persistence::ended) head_ += "Connection: close\r\n";
}

// The head, and a short body right behind it.
Owned<zcn_unit> Answers::finish(std::string_view body) {
    head_ += "\r\n";
    zcn_unit *unit = nullptr;
    if (zcn_unit_create(&unit, pool_) != ZCN_OK) return nullptr;
    Owned<zcn_unit> out(unit);
    void *room = nullptr;
    if (zcn_unit_append_alloc(unit, &room, head_.size() + body.size()) != ZCN_OK) return nullptr;
    std::memcpy(room, head_.data(), head_.size());
    if (!body.empty()) std::memcpy(static_cast<char *>(room) + head_.size(), body.data(), body.size());
    return out;
}

// The same for everybody within one second.
Answer Answers::usual(Document &document) {
    if (document.answer_second != now_) {
        document.answer.reset();
        begin(200, Persistence::implied);
        head_ += document.fields;
        head_ += format("Content-Length: %llu\r\n", static_cast<unsigned long long>(document.validators.size));
        Owned<zcn_unit> unit = finish({});
        if (!unit) return {};
        if (Documents::append(unit.get(), document, 0, document.validators.size) != ZCN_OK) return {};
        if (zcn_unit_seal(unit.get(), raw_) != ZCN_OK) return {};
        document.answer = std::move(unit);
        document.answer_second = now_;
    }
    return {Owned<zcn_unit>(zcn_unit_retain(document.answer.get())), 200, document.validators.size};
}

Answer Answers::document(Document &document, const Selection &selection, bool head_only, Persistence persistence) {
    const Validators &validators = document.validators;
    if (selection.status == 200 && !head_only && persistence == Persistence::implied) return usual(document);
    const auto total = static_cast<unsigned long long>(validators.size);
    begin(selection.status, persistence);
    if (selection.status >= 400) {
        if (selection.status == 416) head_ += format("Content-Range: bytes */%llu\r\n", total);
        head_ += "Content-Length: 0\r\n";
        return {finish({}), selection.status, 0};
    }
    head_ += document.fields;
    if (selection.status == 304) return {finish({}), 304, 0};
    if (selection.status == 206) {
        head_ += format("Content-Range: bytes %llu-%llu/%llu\r\n", static_cast<unsigned long long>(selection.offset),
                        static_cast<unsigned long long>(selection.offset + selection.size - 1), total);
    }
    head_ += format("Content-Length: %llu\r\n", static_cast<unsigned long long>(selection.size));
    Answer answer{finish({}), selection.status, head_only ? 0 : selection.size};
    if (answer.unit && !head_only &&
        Documents::append(answer.unit.get(), document, selection.offset, selection.size) != ZCN_OK)
        answer.unit.reset();
    return answer;
}

Answer Answers::status(unsigned status, bool head_only, Persistence persistence, std::string_view location) {
    begin(status, persistence);
    if (status == 405) head_ += "Allow: GET, HEAD\r\n";
    if (!location.empty()) head_ += "Location: " + std::string(location) + "\r\n";
    const std::string body = format("%u %s\n", status, reason_phrase(status));
    head_ += format("Content-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n", body.size());
    return {finish(head_only ? std::string_view() : body), status, head_only ? 0 : body.size()};
}

Answer Answers::page(std::string_view html, bool head_only, Persistence persistence) {
    begin(200, persistence);
    head_ += format("Content-Type: text/html; charset=utf-8\r\nContent-Length: %zu\r\n", html.size());
    return {finish(head_only ? std::string_view() : html), 200, head_only ? 0 : html.size()};
}

}  // namespace tool

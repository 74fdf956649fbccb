// SPDX-License-Identifier: MIT
#include "tools/serve/target.h"

#include <strings.h>

#include "tools/text.h"

namespace tool {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Takes scheme and host away. False: it is neither form.
bool cut_origin(std::string_view *text) {
    if (text->starts_with('/')) return true;
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (text->size() <= scheme.size() || strncasecmp(text->data(), scheme.data(), scheme.size()) != 0) continue;
        text->remove_prefix(scheme.size());
        const size_t host = text->find_first_of("/?");
        if (host == 0) return false;
        text->remove_prefix(std::min(host, text->size()));
        return true;
    }
    return false;
}

// A segment is complete: what it means for the path. False: it leads out of the root.
bool end_segment(std::string *path, size_t start, bool *folder) {
    const std::string_view segment = std::string_view(*path).substr(start);
    *folder = segment.empty() || segment == "." || segment == "..";
    if (!*folder) return true;
    const bool up = segment == "..";
    path->resize(start);
    if (!up) return true;
    if (path->empty()) return false;
    path->pop_back();  // the slash behind the segment before
    const size_t slash = path->rfind('/');
    path->resize(slash == std::string::npos ? 0 : slash + 1);
    return true;
}

}  // namespace

bool parse_target(std::string_view text, Target *out) {
    std::string &path = out->path;
    path.clear();
    if (text.find('#') != std::string_view::npos || !cut_origin(&text)) return false;
    const size_t question = std::min(text.find('?'), text.size());
    out->query = text.substr(question);
    text = text.substr(0, question);
    size_t start = 0;  // of the segment that is being read, in path
    out->folder = true;
    for (size_t i = text.empty() ? 0 : 1; i < text.size(); i++) {
        char c = text[i];
        if (c == '%') {
            if (text.size() - i < 3) return false;
            const int high = hex_digit(text[i + 1]);
            const int low = hex_digit(text[i + 2]);
            if (high < 0 || low < 0) return false;
            c = static_cast<char>(high * 16 + low);
            i += 2;
        }
        if (c == '\0') return false;
        if (c != '/') {
            path.push_back(c);
            continue;
        }
        if (!end_segment(&path, start, &out->folder)) return false;
        if (!out->folder) path.push_back('/');
        start = path.size();
    }
    if (!end_segment(&path, start, &out->folder)) return false;
    if (path.ends_with('/')) path.pop_back();
    return true;
}

std::string percent_encoded(std::string_view path) {
    std::string out;
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                           (byte >= '0' && byte <= '9') || std::string_view("/-._~").find(c) != std::string_view::npos;
        if (plain)
            out += c;
        else
            out += format("%%%02X", byte);
    }
    return out;
}

}  // namespace tool

// SPDX-License-Identifier: MIT
// The files that a server sends, looked up by path below the root, with what is told about them made once.
#pragma once

#include <zcnet/zcnet.h>

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tools/handles.h"
#include "tools/serve/conditions.h"

namespace tool {

// The whole of a small file in memory, shared by the answers that are on their way.
class Body;

struct Document {
    Document() = default;
    ~Document();
    Document(const Document &) = delete;
    Document &operator=(const Document &) = delete;

    std::string path;
    zcn_file *file = nullptr;  // a reference
    Validators validators;
    std::string fields;      // of the head, which are always the same
    Body *body = nullptr;    // a reference; nullptr: too large, sent from the file
    Owned<zcn_unit> answer;  // the usual answer, sealed, good for one second
    int64_t answer_second = -1;
    int64_t looked_at_ns = 0;
};

class Documents {
  public:
    struct Options {
        int root = -1;  // descriptor of the directory, borrowed
        uint32_t file_flags = 0;
        uint32_t method = 0;
        uint32_t capacity = 0;
        int64_t valid_ns = 0;  // so long what was seen last is taken to be true
    };

    explicit Documents(const Options &options);
    Documents(const Documents &) = delete;
    Documents &operator=(const Documents &) = delete;

    // Borrowed until the next call. nullptr: *status says why, as zcn_file_open().
    Document *find(const std::string &path, int64_t now_ns, zcn_status *status);

    // Looks again at some that nobody has asked for in a while, so that what was deleted is not kept open.
    void refresh(int64_t now_ns);

    // Appends a part of the document to an answer.
    static zcn_status append(zcn_unit *unit, const Document &document, uint64_t offset, uint64_t size);

  private:
    struct CacheRelease {
        void operator()(zcn_file_cache *cache) const { zcn_file_cache_release(cache); }
    };

    zcn_status open(const std::string &path, zcn_file **out);
    void forget_all();
    static void describe(Document &document);

    Options options_;
    std::unique_ptr<zcn_file_cache, CacheRelease> files_;
    std::list<Document> by_use_;  // the last used first
    std::unordered_map<std::string_view, std::list<Document>::iterator> by_path_;
};

}  // namespace tool

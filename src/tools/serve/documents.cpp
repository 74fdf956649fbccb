// SPDX-License-Identifier: MIT
#include "tools/serve/documents.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <new>

#include "tools/serve/http_date.h"
#include "tools/serve/mime.h"
#include "tools/text.h"

namespace tool {

class Body {
  public:
    // The file's first bytes. nullptr: it has become shorter, or cannot be read.
    static Body *read(int fd, uint64_t size) {
        void *memory = std::malloc(sizeof(Body) + size);
        if (memory == nullptr) return nullptr;
        auto *body = new (memory) Body();
        for (uint64_t done = 0; done < size;) {
            const ssize_t got = pread(fd, body->bytes() + done, size - done, static_cast<off_t>(done));
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) {
                body->release();
                return nullptr;
            }
            done += static_cast<uint64_t>(got);
        }
        return body;
    }

    // relaxed: who takes a reference holds one.
    void retain() { references_.fetch_add(1, std::memory_order_relaxed); }

    // acq_rel: what every holder did happens before the memory goes.
    void release() {
        if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        this->~Body();
        std::free(this);
    }

    char *bytes() { return reinterpret_cast<char *>(this + 1); }

  private:
    Body() = default;
    std::atomic<uint32_t> references_{1};
};

namespace {

// Up to here a copy in memory is sent: one call sends head and body, and the file is not asked. From 12 KiB up sendfile
// costs a twentieth less, and clients on this machine read pages that are in the cache already.
constexpr uint64_t most_in_memory = 8 * 1024;

// Of those that nobody asks for: how old a look may become, and how many are looked at in one go.
constexpr int64_t refresh_ns = 5'000'000'000;
constexpr int most_refreshed = 16;

// No file has a longer path.
constexpr size_t most_path = 4095;

void release_body(void *context, const void *, uint64_t) { static_cast<Body *>(context)->release(); }

}  // namespace

Document::~Document() {
    zcn_file_release(file);
    if (body != nullptr) body->release();
}

Documents::Documents(const Options &options) : options_(options) {
    zcn_file_options how;
    zcn_file_options_init(&how, sizeof how);
    how.directory = options.root;
    how.flags = options.file_flags;
    how.method = options.method;
    zcn_file_cache *files = nullptr;
    const zcn_status status = zcn_file_cache_create(&files, options.capacity, 0, &how);
    if (status != ZCN_OK) throw Failure("files cannot be kept open: " + status_line(status));
    files_.reset(files);
}

zcn_status Documents::open(const std::string &path, zcn_file **out) {
    *out = nullptr;
    if (path.size() > most_path) return ZCN_ENOTFOUND;
    zcn_error error{};
    error.struct_size = sizeof error;
    const zcn_status status = zcn_file_cache_open(files_.get(), out, path.c_str(), &error);
    if (status == ZCN_ESYS && error.sys_errno == ENAMETOOLONG) return ZCN_ENOTFOUND;
    if (status != ZCN_ENOBUFS || by_use_.empty()) return status;
    // Descriptors are short: the documents give theirs back.
    forget_all();
    return zcn_file_cache_open(files_.get(), out, path.c_str(), nullptr);
}

void Documents::forget_all() {
    by_path_.clear();
    by_use_.clear();
}

Document *Documents::find(const std::string &path, int64_t now_ns, zcn_status *status) {
    auto found = by_path_.find(path);
    if (found != by_path_.end()) {
        by_use_.splice(by_use_.begin(), by_use_, found->second);
        Document &document = *found->second;
        if (now_ns - document.looked_at_ns < options_.valid_ns) return &document;
    }
    zcn_file *file = nullptr;
    *status = open(path, &file);
    found = by_path_.find(path);
    if (found != by_path_.end()) {
        Document &document = *found->second;
        if (*status == ZCN_OK && document.file == file) {
            zcn_file_release(file);
            document.looked_at_ns = now_ns;
            return &document;
        }
        const auto place = found->second;
        by_path_.erase(found);
        by_use_.erase(place);
    }
    if (*status != ZCN_OK) return nullptr;
    Document &document = by_use_.emplace_front();
    document.file = file;
    document.path = path;
    document.looked_at_ns = now_ns;
    by_path_.emplace(document.path, by_use_.begin());
    describe(document);
    if (by_use_.size() > options_.capacity) {
        by_path_.erase(by_use_.back().path);
        by_use_.pop_back();
    }
    return &document;
}

void Documents::refresh(int64_t now_ns) {
    for (int i = 0; i < most_refreshed && !by_use_.empty(); i++) {
        if (now_ns - by_use_.back().looked_at_ns < std::max(refresh_ns, options_.valid_ns)) return;
        const std::string path = by_use_.back().path;
        zcn_status status = ZCN_OK;
        (void)find(path, now_ns, &status);
    }
}

void Documents::describe(Document &document) {
    const int64_t mtime = zcn_file_mtime(document.file);
    Validators &validators = document.validators;
    validators.size = zcn_file_size(document.file);
    // Dates before 1970 round down too.
    validators.modified = static_cast<std::time_t>(mtime / 1'000'000'000 - (mtime % 1'000'000'000 < 0 ? 1 : 0));
    validators.etag = format("\"%llx-%llx\"", static_cast<unsigned long long>(mtime),
                             static_cast<unsigned long long>(validators.size));
    document.fields = "Last-Modified: " + http_date(validators.modified) + "\r\nETag: " + validators.etag +
                      "\r\nAccept-Ranges: bytes\r\nContent-Type: " + content_type(document.path) + "\r\n";
    if (validators.size <= most_in_memory) document.body = Body::read(zcn_file_fd(document.file), validators.size);
}

zcn_status Documents::append(zcn_unit *unit, const Document &document, uint64_t offset, uint64_t size) {
    if (document.body == nullptr) return zcn_unit_append_file(unit, document.file, offset, size);
    document.body->retain();
    const zcn_status status =
        zcn_unit_append_ref(unit, document.body->bytes() + offset, size, release_body, document.body);
    if (status != ZCN_OK) document.body->release();
    return status;
}

}  // namespace tool

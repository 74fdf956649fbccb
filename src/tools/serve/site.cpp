// SPDX-License-Identifier: MIT
#include "tools/serve/site.h"

#include <algorithm>
#include <optional>

#include "tools/serve/conditions.h"

namespace tool {
namespace {

Documents::Options document_options(const ServeOptions &options, int root) {
    Documents::Options out;
    out.root = root;
    out.file_flags = options.file_flags;
    out.method = options.method;
    out.capacity = static_cast<uint32_t>(std::max<uint64_t>(1, options.open_files / options.threads));
    out.valid_ns = static_cast<int64_t>(options.valid_ms) * 1'000'000;
    return out;
}

unsigned status_of(zcn_status status) {
    switch (status) {
        case ZCN_ENOTFOUND:
            return 404;
        case ZCN_EACCESS:
        case ZCN_EUNSUPPORTED:
            return 403;
        case ZCN_ENOBUFS:
        case ZCN_ENOMEM:
            return 503;
        default:
            return 500;
    }
}

}  // namespace

Site::Site(const ServeOptions &options, int root, zcn_pool *pool, const zcn_framing *raw)
    : list_(options.list),
      documents_(document_options(options, root)),
      folders_(root, options.file_flags),
      answers_(pool, raw) {}

Answer Site::answer(const Request &request, Persistence persistence, int64_t now_ns) {
    const bool head_only = request.method == Method::head;
    const auto error = [&](unsigned status) { return answers_.status(status, head_only, persistence); };
    if (request.major != 1) return error(505);
    if (request.minor != 0 && request.hosts != 1) return error(400);
    if (request.method == Method::other) return error(405);
    if (!parse_target(request.target, &target_)) return error(400);
    path_ = target_.path;
    if (target_.folder) path_ += path_.empty() ? "index.html" : "/index.html";
    zcn_status status = ZCN_OK;
    Document *document = documents_.find(path_, now_ns, &status);
    if (document != nullptr)
        return answers_.document(*document, select(request, document->validators), head_only, persistence);
    if (target_.folder ? status == ZCN_ENOTFOUND : status == ZCN_EUNSUPPORTED) {
        const bool there = folders_.is_folder(target_.path);
        if (there && target_.folder) return folder_answer(head_only, persistence);
        if (there) {
            const std::string location = "/" + percent_encoded(target_.path) + "/" + std::string(target_.query);
            return answers_.status(301, head_only, persistence, location);
        }
    }
    return error(status_of(status));
}

Answer Site::folder_answer(bool head_only, Persistence persistence) {
    std::optional<std::string> page;
    if (list_) page = folders_.page(target_.path);
    if (page) return answers_.page(*page, head_only, persistence);
    return answers_.status(403, head_only, persistence);
}

}  // namespace tool

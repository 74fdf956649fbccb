// SPDX-License-Identifier: MIT
// What a directory answers to requests.
#pragma once

#include <zcnet/zcnet.h>

#include <cstdint>
#include <ctime>
#include <string>

#include "tools/serve/answer.h"
#include "tools/serve/documents.h"
#include "tools/serve/folders.h"
#include "tools/serve/options.h"
#include "tools/serve/request.h"
#include "tools/serve/target.h"

namespace tool {

class Site {
  public:
    // root: descriptor of the directory, borrowed. pool and raw outlive this.
    Site(const ServeOptions &options, int root, zcn_pool *pool, const zcn_framing *raw);

    void set_time(std::time_t now) { answers_.set_time(now); }
    Answer answer(const Request &request, Persistence persistence, int64_t now_ns);

    // Every now and then: what was deleted is let go.
    void refresh(int64_t now_ns) { documents_.refresh(now_ns); }

    // To what is no request, behind which nothing more can be read.
    Answer error(unsigned status) { return answers_.status(status, false, Persistence::ended); }

  private:
    Answer folder_answer(bool head_only, Persistence persistence);

    bool list_;
    Documents documents_;
    Folders folders_;
    Answers answers_;
    Target target_;  // of the request at hand
    std::string path_;
};

}  // namespace tool

// SPDX-License-Identifier: MIT
// Answers: heads and bodies as units.
#pragma once

#include <zcnet/zcnet.h>

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

#include "tools/handles.h"
#include "tools/serve/documents.h"

namespace tool {

// What the connection is told about itself.
enum class Persistence : uint8_t {
    implied,  // it stays, as in HTTP/1.1
    stated,   // it stays, and HTTP/1.0 has to be told so
    ended
};

struct Answer {
    Owned<zcn_unit> unit;  // empty: there was no memory
    unsigned status = 0;
    uint64_t body_size = 0;  // without head, as it is sent
};

class Answers {
  public:
    // Both outlive this.
    Answers(zcn_pool *pool, const zcn_framing *raw) : pool_(pool), raw_(raw) {}

    // The second that answers are dated with.
    void set_time(std::time_t now);

    // A selected part of a document, or what stands in the way of it (304, 412, 416).
    Answer document(Document &document, const Selection &selection, bool head_only, Persistence persistence);

    // An error, or a redirection to `location`, with a sentence for people.
    Answer status(unsigned status, bool head_only, Persistence persistence, std::string_view location = {});

    // Something that was made for this request.
    Answer page(std::string_view html, bool head_only, Persistence persistence);

  private:
    void begin(unsigned status, Persistence persistence);
    Owned<zcn_unit> finish(std::string_view body);
    Answer usual(Document &document);

    zcn_pool *pool_;
    const zcn_framing *raw_;
    std::time_t now_ = -1;
    std::string common_;  // fields of every answer
    std::string head_;    // of the one that is being made
};

const char *reason_phrase(unsigned status);

}  // namespace tool

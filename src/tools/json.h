// SPDX-License-Identifier: MIT
// A JSON object, written member by member on one line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tool {

class Json {
  public:
    Json &text(std::string_view key, std::string_view value);
    Json &number(std::string_view key, uint64_t value);
    Json &decimal(std::string_view key, double value);
    Json &objects(std::string_view key, const std::vector<Json> &values);

    // The finished object.
    std::string line() const { return out_ + "}"; }

  private:
    void key(std::string_view name);
    void string(std::string_view value);

    std::string out_ = "{";
};

}  // namespace tool

// SPDX-License-Identifier: MIT
// Seeded faults: the memory order of one operation of the explored code is weakened, to see whether the scenarios find
// it. tests/model/mutate.py names the operations; the environment brings them here.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "machine.h"

namespace model {

class Mutation {
  public:
    // From ZCNET_MODEL_WEAKEN, "success|failure:ORDER:ADDRESS,ADDRESS…", and ZCNET_MODEL_SITES, a file to which each
    // operation that was met is added when an exploration ends: "ADDRESS KIND ORDER FAILURE". Addresses are hexadecimal
    // and count from where the program was loaded.
    Mutation();
    Operation apply(const Operation &operation) {
        return weakened_.empty() && sites_ == nullptr ? operation : apply_slowly(operation);
    }
    void end() const;

  private:
    Operation apply_slowly(Operation operation);

    uintptr_t base_ = 0;
    std::vector<uintptr_t> weakened_;
    bool on_failure_ = false;
    Order order_ = Order::relaxed;
    const char *sites_ = nullptr;
    std::map<uintptr_t, Operation> met_;
};

}  // namespace model

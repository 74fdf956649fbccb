// SPDX-License-Identifier: MIT
#include "mutation.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace model {

namespace {

const char *const order_names[] = {"relaxed", "acquire", "release", "acq_rel", "seq_cst"};

uintptr_t load_address() {
    Dl_info info{};
    if (dladdr(reinterpret_cast<const void *>(&load_address), &info) == 0) return 0;
    return reinterpret_cast<uintptr_t>(info.dli_fbase);
}

[[noreturn]] void refuse(const char *text) {
    std::fprintf(stderr, "model: ZCNET_MODEL_WEAKEN is not understood: %s\n", text);
    std::abort();
}

}  // namespace

Mutation::Mutation() : base_(load_address()), sites_(std::getenv("ZCNET_MODEL_SITES")) {
    const char *text = std::getenv("ZCNET_MODEL_WEAKEN");
    if (text == nullptr) return;
    const char *at = std::strchr(text, ':');
    if (at == nullptr) refuse(text);
    on_failure_ = std::strncmp(text, "failure:", 8) == 0;
    const char *order = at + 1;
    at = std::strchr(order, ':');
    if (at == nullptr) refuse(text);
    bool known = false;
    for (unsigned i = 0; i < 5; i++) {
        if (std::strncmp(order, order_names[i], std::strlen(order_names[i])) != 0) continue;
        order_ = static_cast<Order>(i);
        known = true;
    }
    if (!known) refuse(text);
    while (at != nullptr) {
        char *end = nullptr;
        weakened_.push_back(std::strtoul(at + 1, &end, 16));
        at = *end == ',' ? end : nullptr;
    }
}

Operation Mutation::apply_slowly(Operation operation) {
    const uintptr_t place = reinterpret_cast<uintptr_t>(operation.place) - base_;
    if (sites_ != nullptr) met_.emplace(place, operation);
    for (const uintptr_t weak : weakened_)
        if (weak == place) (on_failure_ ? operation.failure : operation.order) = order_;
    return operation;
}

void Mutation::end() const {
    if (sites_ == nullptr) return;
    FILE *file = std::fopen(sites_, "a");
    if (file == nullptr) return;
    static const char *const kinds[] = {"load", "store", "exchange", "add",  "sub",
                                        "and",  "or",    "xor",      "nand", "compare"};
    for (const auto &[place, operation] : met_)
        std::fprintf(file, "%lx %s %s %s\n", static_cast<unsigned long>(place),
                     kinds[static_cast<unsigned>(operation.kind)], order_names[static_cast<unsigned>(operation.order)],
                     order_names[static_cast<unsigned>(operation.failure)]);
    std::fclose(file);
}

}  // namespace model

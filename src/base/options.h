// SPDX-License-Identifier: MIT
// Versioned option and answer structs: the caller's size decides how much is read or written.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/guard.h"

namespace zcnet {

constexpr uint64_t largest_struct = 4096;

// Whether an *_options_init() has been there.
template <class Options>
[[nodiscard]] bool has_size(const Options *given) noexcept {
    return given == nullptr || (given->struct_size >= sizeof(uint64_t) && given->struct_size <= largest_struct);
}

// The caller's options over the library's defaults. An older caller gives fewer bytes; of a newer one the bytes
// beyond ours must be zero, so that a feature which is asked for is never silently ignored.
template <class Options>
[[nodiscard]] Status read_options(Options *out, const Options *given, const Options &defaults) noexcept {
    *out = defaults;
    if (given == nullptr) return ZCN_OK;
    if (!has_size(given)) return ZCN_EINVAL;
    const uint64_t size = given->struct_size;
    const auto *bytes = reinterpret_cast<const unsigned char *>(given);
    for (uint64_t i = sizeof(Options); i < size; i++)
        if (bytes[i] != 0) return ZCN_EOPTION;
    std::memcpy(static_cast<void *>(out), bytes, std::min<uint64_t>(size, sizeof(Options)));
    out->struct_size = sizeof(Options);
    return ZCN_OK;
}

// Options all of whose defaults are zero.
template <class Options>
[[nodiscard]] Options blank_options() noexcept {
    Options options{};
    options.struct_size = sizeof options;
    return options;
}

// What an *_options_init() does: defaults in the part that the caller knows, zero in the rest of it.
template <class Options>
void init_options(Options *options, size_t struct_size, const Options &defaults) noexcept {
    if (options == nullptr || struct_size < sizeof(uint64_t) || struct_size > largest_struct) return;
    std::memset(static_cast<void *>(options), 0, struct_size);
    std::memcpy(static_cast<void *>(options), &defaults, std::min(struct_size, sizeof(Options)));
    options->struct_size = struct_size;
}

// An answer struct, cut to what the caller knows. Keeps the caller's struct_size.
template <class Answer>
[[nodiscard]] Status write_answer(Answer *out, const Answer &answer) noexcept {
    if (out == nullptr) return ZCN_EINVAL;
    const uint64_t size = out->struct_size;
    if (size < sizeof(uint64_t) || size > largest_struct) return ZCN_EINVAL;
    auto *bytes = reinterpret_cast<unsigned char *>(out);
    std::memcpy(bytes, &answer, std::min<uint64_t>(size, sizeof(Answer)));
    if (size > sizeof(Answer)) std::memset(bytes + sizeof(Answer), 0, size - sizeof(Answer));
    out->struct_size = size;
    return ZCN_OK;
}

}  // namespace zcnet

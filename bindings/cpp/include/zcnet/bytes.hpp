/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_BYTES_HPP
#define ZCNET_BYTES_HPP
/* Views of bytes: what std::span is, for C++17 too. From C++20 on they convert to a span and back. */
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <type_traits>
#include <utility>
#if __cplusplus >= 202002L
#include <span>
#endif

namespace zcnet {

/** Bytes that may be read. Like a string_view it owns nothing: it is valid as long as what it was taken from. */
class Bytes {
  public:
    using value_type = std::byte;

    constexpr Bytes() noexcept = default;
    constexpr Bytes(const void *data, std::size_t size) noexcept : data_(data), size_(size) {}

    /** Of whatever holds elements without pointers next to each other: strings, vectors, arrays, spans. */
    template <
        typename Range, typename Element = std::remove_pointer_t<decltype(std::data(std::declval<const Range &>()))>,
        typename =
            std::enable_if_t<std::is_trivially_copyable_v<Element> && !std::is_base_of_v<Bytes, std::decay_t<Range>> &&
                             !std::is_array_v<std::remove_reference_t<Range>>>>
    constexpr Bytes(const Range &range) noexcept : data_(std::data(range)), size_(std::size(range) * sizeof(Element)) {}

    template <typename Element, std::size_t count,
              typename = std::enable_if_t<std::is_trivially_copyable_v<Element> && !std::is_same_v<Element, char>>>
    constexpr Bytes(const Element (&array)[count]) noexcept : data_(array), size_(sizeof(array)) {}

    /** Of a text literal, without its terminator. */
    Bytes(const char *text) noexcept : Bytes(std::string_view(text)) {}

    const std::byte *data() const noexcept { return static_cast<const std::byte *>(data_); }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    const std::byte *begin() const noexcept { return data(); }
    const std::byte *end() const noexcept { return data() + size_; }
    const std::byte &operator[](std::size_t at) const noexcept { return data()[at]; }

    /** The same bytes as text. */
    std::string_view text() const noexcept { return {static_cast<const char *>(data_), size_}; }
#if __cplusplus >= 202002L
    std::span<const std::byte> span() const noexcept { return {data(), size_}; }
#endif

  private:
    const void *data_ = nullptr;
    std::size_t size_ = 0;
};

/** Bytes that may be written: the same rules. */
class MutableBytes {
  public:
    using value_type = std::byte;

    constexpr MutableBytes() noexcept = default;
    constexpr MutableBytes(void *data, std::size_t size) noexcept : data_(data), size_(size) {}

    std::byte *data() const noexcept { return static_cast<std::byte *>(data_); }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    std::byte *begin() const noexcept { return data(); }
    std::byte *end() const noexcept { return data() + size_; }
    std::byte &operator[](std::size_t at) const noexcept { return data()[at]; }

    /** The first byte as whatever takes bytes: fread(), snprintf(), read(). */
    template <typename T = char>
    T *as() const noexcept {
        static_assert(sizeof(T) == 1, "bytes are given as bytes");
        return static_cast<T *>(data_);
    }
#if __cplusplus >= 202002L
    std::span<std::byte> span() const noexcept { return {data(), size_}; }
#endif

  private:
    void *data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace zcnet

#endif

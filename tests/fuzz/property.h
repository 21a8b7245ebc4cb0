#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

// What the fuzz targets have in common. Each target is one file with the function that libFuzzer
// calls with every input; what must hold for all inputs is said with require(). One thread.
namespace regent::fuzz {

// Ends the process, which libFuzzer takes for a finding and keeps the input of. `what` names the
// property, `detail` the text it failed on.
inline void require(bool holds, std::string_view what, std::string_view detail = {}) {
  if (holds) [[likely]] {
    return;
  }
  std::fprintf(stderr, "property violated: %.*s\n", static_cast<int>(what.size()), what.data());
  for (const char c : detail) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == '\n' || (byte >= 0x20 && byte < 0x7f && byte != '\\')) {
      std::fputc(c, stderr);
    } else {
      std::fprintf(stderr, "\\x%02x", static_cast<unsigned>(byte));
    }
  }
  if (!detail.empty()) std::fputc('\n', stderr);
  std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Numbers out of an input, for targets that build something from it; zeros once it is used up.
class Choices {
 public:
  explicit Choices(std::string_view input) : left_(input) {}

  bool empty() const { return left_.empty(); }
  std::uint8_t byte() {
    if (left_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(left_.front());
    left_.remove_prefix(1);
    return value;
  }
  // 0..count-1; count at most 65536.
  std::size_t below(std::size_t count) {
    const std::size_t high = count > 256 ? byte() : 0U;
    return (high << 8 | byte()) % count;
  }
  // Small numbers and ones near the ends of the range come up often.
  std::uint64_t number() {
    const std::uint8_t shape = byte();
    if (shape < 128) return shape;
    std::uint64_t value = 0;
    for (unsigned i = 0; i <= shape % 8U; ++i) value = value << 8 | byte();
    return shape < 192 ? value : ~value;
  }
  // At most `limit` bytes.
  std::string_view text(std::size_t limit) {
    const std::string_view taken = left_.substr(0, below(limit + 1));
    left_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest() const { return left_; }

 private:
  std::string_view left_;
};

// Cuts `input` into pieces whose sizes depend on its bytes, and hands out each; stops when
// `piece` returns false.
template <typename Piece>
void in_pieces(std::string_view input, const Piece& piece) {
  std::uint32_t state = 2166136261U;
  for (const char c : input) state = (state ^ static_cast<unsigned char>(c)) * 16777619U;
  while (!input.empty()) {
    state = state * 1664525U + 1013904223U;
    const std::size_t size = (state >> 28) < 8 ? 1 + (state >> 24) % 3 : 1 + (state >> 20) % 64;
    if (!piece(input.substr(0, size))) return;
    input.remove_prefix(size < input.size() ? size : input.size());
  }
}

}  // namespace regent::fuzz

#include "region/packed_hash.h"

namespace regent {
namespace {

constexpr std::string_view kHashPrefix = "sha256:";
constexpr std::size_t kHashBytes = 32;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::string pack_hash(std::string_view text) {
  if (text.size() != kHashPrefix.size() + 2 * kHashBytes || !text.starts_with(kHashPrefix)) {
    return std::string(text.substr(0, kMaxHashText));
  }
  std::string packed;
  for (std::size_t i = kHashPrefix.size(); i < text.size(); i += 2) {
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return std::string(text);
    packed += static_cast<char>(high * 16 + low);
  }
  return packed;
}

Result<std::string> unpack_hash(const std::string& packed) {
  if (packed.size() > kMaxHashText) {
    return Error{ErrorCode::invalid, "hash: too long"};
  }
  if (packed.size() != kHashBytes) return packed;
  std::string text(kHashPrefix);
  for (const char c : packed) {
    const auto byte = static_cast<unsigned char>(c);
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

}  // namespace regent

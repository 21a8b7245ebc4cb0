#pragma once

#include <string>
#include <string_view>

#include "quorum/result.h"

// A hash of the topology on the wire: "sha256:" and 64 digits travel as 32 bytes, any other text as
// it is, cut off at kMaxHashText.
namespace regent {

inline constexpr std::size_t kMaxHashText = 128;

std::string pack_hash(std::string_view text);

// ErrorCode::invalid: longer than kMaxHashText.
Result<std::string> unpack_hash(const std::string& packed);

}  // namespace regent

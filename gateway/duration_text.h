#pragma once

#include <string>
#include <string_view>

#include "quorum/result.h"
#include "quorum/types.h"

namespace regent {

// "500ms", "30s", "2m": a positive whole number with its unit, up to an hour, as people give it on
// the command line and to the admin API.
Result<Duration> parse_duration(std::string_view text);

// The other way: "500ms" or "30s". Rounded up to milliseconds.
std::string duration_text(Duration span);

}  // namespace regent

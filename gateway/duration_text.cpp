#include "gateway/duration_text.h"

#include <charconv>

namespace regent {

Result<Duration> parse_duration(std::string_view text) {
  const Error error{ErrorCode::invalid, "'" + std::string(text) +
                                            "' is not a duration: write a number above 0 with ms, "
                                            "s or m after it, such as 30s, of at most an hour"};
  std::uint32_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || number == 0) return error;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  Duration duration{};
  if (unit == "ms") {
    duration = std::chrono::milliseconds(number);
  } else if (unit == "s") {
    duration = std::chrono::seconds(number);
  } else if (unit == "m") {
    duration = std::chrono::minutes(number);
  } else {
    return error;
  }
  if (duration > std::chrono::hours(1)) return error;
  return duration;
}

std::string duration_text(Duration span) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(span).count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms";
}

}  // namespace regent

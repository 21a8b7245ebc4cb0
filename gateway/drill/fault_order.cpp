#include "gateway/drill/fault_order.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Parser.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "gateway/duration_text.h"

namespace regent {
namespace {

using Poco::Dynamic::Var;

constexpr std::array<const char*, 7> kDays = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr std::uint32_t kDayMinutes = 24 * 60;

Error invalid(const std::string& text) {
  return {ErrorCode::invalid,
          text + R"(; send {"drop_to":["REGION"],"drop_from":["REGION"],"for":"10s"}, with )"
                 R"("drop_nodes", "delay_to" and "delay", "drop_redis", "stop", "pause", "drill", )"
                 R"("continues", "min_margin", "no_primary_for", "failed_writes" if you like)"};
}

Result<std::vector<std::string>> names(const std::string& key, const Var& value) {
  const Error error = invalid("'" + key + "' must be a list of names");
  if (value.type() != typeid(Poco::JSON::Array::Ptr)) return error;
  std::vector<std::string> list;
  for (const Var& item : *value.extract<Poco::JSON::Array::Ptr>()) {
    if (!item.isString()) return error;
    list.push_back(item.extract<std::string>());
  }
  return list;
}

Status read_duration(const std::string& key, const Var& value, Duration longest, Duration& out) {
  if (!value.isString()) return invalid("'" + key + "' must be a duration such as \"10s\"");
  const auto parsed = parse_duration(value.extract<std::string>());
  if (!parsed.ok()) return invalid("'" + key + "': " + parsed.error().message);
  if (*parsed > longest) {
    const auto limit = std::chrono::duration_cast<std::chrono::seconds>(longest).count();
    return invalid("'" + key + "' is at most " + std::to_string(limit) + "s");
  }
  out = *parsed;
  return Done{};
}

Status read_drill(const Var& value, std::string& out) {
  const std::string text = value.isString() ? value.extract<std::string>() : "";
  const bool printable =
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > ' ' && c < 0x7f; });
  if (text.empty() || text.size() > kMaxDrillName || !printable) {
    return invalid("'drill' must be a word of up to 64 ASCII characters");
  }
  out = text;
  return Done{};
}

Status read_count(const std::string& key, const Var& value, std::optional<std::uint64_t>& out) {
  if (!value.isInteger() || value.convert<std::int64_t>() < 0) {
    return invalid("'" + key + "' must be a whole number, 0 or more");
  }
  out = value.convert<std::uint64_t>();
  return Done{};
}

Status read_bool(const std::string& key, const Var& value, bool& out) {
  if (!value.isBoolean()) return invalid("'" + key + "' must be true or false");
  out = value.extract<bool>();
  return Done{};
}

Status read(const std::string& key, const Var& value, FaultOrder& order) {
  for (const auto& [name, target] :
       {std::pair("drop_to", &order.drop_to), std::pair("drop_from", &order.drop_from),
        std::pair("delay_to", &order.delay_to), std::pair("drop_nodes", &order.drop_nodes),
        std::pair("stop", &order.stop), std::pair("pause", &order.pause)}) {
    if (key != name) continue;
    auto list = names(key, value);
    if (!list.ok()) return list.error();
    *target = *std::move(list);
    return Done{};
  }
  if (key == "for") return read_duration(key, value, Duration::max(), order.length);
  if (key == "no_primary_for") {
    return read_duration(key, value, kLongestFaults, order.abort.no_primary_for.emplace());
  }
  if (key == "delay") return read_duration(key, value, kLongestDelay, order.delay);
  if (key == "drill") return read_drill(value, order.drill);
  if (key == "drop_redis") return read_bool(key, value, order.drop_redis);
  if (key == "continues") return read_bool(key, value, order.continues);
  if (key == "min_margin") return read_count(key, value, order.min_margin);
  if (key == "failed_writes") return read_count(key, value, order.abort.failed_writes);
  return invalid("unknown key '" + key + "'");
}

// "09:30", or 24:00 where `end` may be.
std::optional<std::uint32_t> minute_of_day(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto digits = [&](std::size_t at) -> std::optional<std::uint32_t> {
    std::uint32_t number = 0;
    const char* end = text.data() + at + 2;
    const auto [last, problem] = std::from_chars(text.data() + at, end, number);
    if (problem != std::errc() || last != end) return std::nullopt;
    return number;
  };
  const auto hour = digits(0);
  const auto minute = digits(3);
  if (!hour || !minute || *minute > 59 || *hour * 60 + *minute > kDayMinutes) return std::nullopt;
  return *hour * 60 + *minute;
}

std::optional<std::uint8_t> day_of(std::string_view text) {
  const auto found = std::find(kDays.begin(), kDays.end(), text);
  if (found == kDays.end()) return std::nullopt;
  return static_cast<std::uint8_t>(found - kDays.begin());
}

std::string minute_text(std::uint32_t minute) {
  const auto two = [](std::uint32_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  return two(minute / 60) + ":" + two(minute % 60);
}

bool parse_days(std::string_view text, FaultWindow& window) {
  const std::size_t dash = text.find('-');
  const auto first = day_of(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : day_of(text.substr(dash + 1));
  if (!first || !last) return false;
  window.first_day = *first;
  window.last_day = *last;
  return true;
}

}  // namespace

std::string failed_text(std::uint64_t failed, std::uint64_t limit) {
  return std::to_string(failed) + (failed == 1 ? " write has" : " writes have") +
         " failed, more than " + std::to_string(limit);
}

Result<FaultOrder> parse_fault_order(const std::string& body) {
  FaultOrder order;
  try {
    Poco::JSON::Parser parser;
    parser.setDepth(4);
    const auto object = parser.parse(body).extract<Poco::JSON::Object::Ptr>();
    for (const auto& [key, value] : *object) {
      if (const Status done = read(key, value, order); !done.ok()) return done.error();
    }
  } catch (const std::exception&) {  // Poco::Exception is one
    return invalid("the body is not a JSON object");
  }
  if (order.length == Duration::zero()) return invalid("'for' is missing");
  if (order.delay_to.empty() != (order.delay == Duration::zero())) {
    return invalid("'delay_to' and 'delay' belong together");
  }
  if (!order.breaks_anything() && order.drill == kNoDrill) {
    return invalid("there is nothing to break");
  }
  return order;
}

bool FaultWindow::open_at(std::chrono::system_clock::time_point when) const {
  const std::time_t time = std::chrono::system_clock::to_time_t(when);
  std::tm utc{};
  gmtime_r(&time, &utc);
  const auto minute = static_cast<std::uint32_t>(utc.tm_hour * 60 + utc.tm_min);
  const auto on = [this](int day) {
    return first_day <= last_day ? first_day <= day && day <= last_day
                                 : day >= first_day || day <= last_day;
  };
  if (from_minute < until_minute) {
    return on(utc.tm_wday) && from_minute <= minute && minute < until_minute;
  }
  const int yesterday = (utc.tm_wday + 6) % 7;
  return (on(utc.tm_wday) && minute >= from_minute) || (on(yesterday) && minute < until_minute);
}

std::string FaultWindow::text() const {
  const std::string days = first_day == 0 && last_day == 6
                               ? ""
                               : std::string(kDays.at(first_day)) + "-" + kDays.at(last_day) + " ";
  return days + minute_text(from_minute) + "-" + minute_text(until_minute) + " UTC";
}

Result<FaultWindow> parse_fault_window(const std::string& text) {
  FaultWindow window;
  const std::size_t space = text.find(' ');
  const std::string times = space == std::string::npos ? text : text.substr(space + 1);
  const bool days = space == std::string::npos || parse_days(text.substr(0, space), window);
  const std::size_t dash = times.find('-');
  const auto from = minute_of_day(std::string_view(times).substr(0, dash));
  const auto until = dash == std::string::npos
                         ? std::nullopt
                         : minute_of_day(std::string_view(times).substr(dash + 1));
  if (!days || !from || !until || *from == kDayMinutes) {
    return Error{ErrorCode::invalid, "'" + text +
                                         "' is no window: write 09:00-17:00 or "
                                         "'mon-fri 09:00-17:00', in UTC"};
  }
  window.from_minute = *from;
  window.until_minute = *until;
  return window;
}

}  // namespace regent

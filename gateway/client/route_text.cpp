#include "gateway/client/route_text.h"

#include <Poco/JSON/Parser.h>

#include <algorithm>
#include <charconv>
#include <functional>

namespace regent::client {
namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;

constexpr std::size_t kMaxPrimaryBytes = 63;
constexpr int kJsonDepth = 4;
constexpr std::string_view kFurtherPrefix = "gateways:";

Error invalid(const std::string& what) {
  return {ErrorCode::invalid, what};
}

// As a value in a message: short, without control characters.
std::string quoted(std::string_view text) {
  std::string shown(text.substr(0, 40));
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < ' ') c = '?';
  }
  return "'" + shown + (text.size() > 40 ? "…" : "") + "'";
}

Result<Epoch> checked_epoch(std::uint64_t value) {
  if (value == 0 || Epoch{value} > kMaxEpoch) {
    return invalid("epoch is " + std::to_string(value) + ", which no primary can have reached");
  }
  return Epoch{value};
}

Result<Epoch> epoch_from_text(const std::string& text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    return invalid("epoch is " + quoted(text) + ", which is not a number");
  }
  return checked_epoch(value);
}

Result<std::vector<Endpoint>> endpoints(const std::string& field,
                                        const std::vector<std::string>& texts) {
  std::vector<Endpoint> found;
  if (texts.empty() || texts.size() > kMaxGateways) {
    return invalid(field + " has " + std::to_string(texts.size()) + " addresses");
  }
  for (const std::string& text : texts) {
    auto endpoint = parse_endpoint(text);
    if (!endpoint.ok()) return invalid(field + ": " + endpoint.error().message);
    found.push_back(std::move(*endpoint));
  }
  return found;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; parts.size() <= kMaxGateways;) {
    const std::size_t comma = text.find(',', from);
    parts.push_back(text.substr(from, comma - from));
    if (comma == std::string::npos) break;
    from = comma + 1;
  }
  return parts;
}

Status check_primary(const std::string& primary) {
  if (primary.empty() || primary.size() > kMaxPrimaryBytes) {
    return invalid("primary is " + quoted(primary) + ", which is no region's name");
  }
  return Done{};
}

Result<Duration> checked_left(std::int64_t ms, const std::string& what) {
  if (ms < 0 || std::chrono::milliseconds(ms) > kLongestLease) {
    return invalid(what + " is " + std::to_string(ms) + " ms, which is no lease");
  }
  return Duration(std::chrono::milliseconds(ms));
}

// `read` on the object in the text; what POCO throws ends here.
template <typename T>
Result<T> with_object(const std::string& json,
                      const std::function<Result<T>(const Object&)>& read) {
  try {
    Poco::JSON::Parser parser(new Poco::JSON::ParseHandler(true));  // keeps the order of keys
    parser.setDepth(kJsonDepth);
    return read(*parser.parse(json).extract<Object::Ptr>());
  } catch (const std::exception&) {  // Poco::Exception is one
    return invalid("is not a JSON object of a route: " + quoted(json));
  }
}

// Throws when it is absent or not an integer of the type's range.
std::int64_t integer_of(const Object& object, const std::string& key) {
  const Poco::Dynamic::Var value = object.get(key);
  if (!value.isInteger() || value.isBoolean()) throw Poco::BadCastException(key);
  return value.convert<std::int64_t>();
}

Result<Epoch> epoch_of(const Object& object) {
  const std::int64_t value = integer_of(object, "epoch");
  return checked_epoch(value < 0 ? 0 : static_cast<std::uint64_t>(value));
}

std::vector<std::string> texts_of(const Array& array) {
  std::vector<std::string> texts;
  for (const auto& text : array) texts.push_back(text.extract<std::string>());
  return texts;
}

Result<Shown> shown_by_object(const Object& object) {
  Shown shown;
  const auto epoch = epoch_of(object);
  if (!epoch.ok()) return epoch.error();
  shown.route.epoch = *epoch;
  shown.route.primary = object.getValue<std::string>("primary");
  if (const Status good = check_primary(shown.route.primary); !good.ok()) return good.error();
  auto gateways = endpoints("gateways", texts_of(*object.getArray("gateways")));
  if (!gateways.ok()) return gateways.error();
  shown.route.gateways = std::move(*gateways);
  const auto left = checked_left(integer_of(object, "expires_in_ms"), "expires_in_ms");
  if (!left.ok()) return left.error();
  shown.left = *left;
  if (!object.has("services")) return shown;
  const auto services = object.get("services").extract<Object::Ptr>();
  bool first = true;  // `gateways` again
  for (const auto& [name, addresses] : *services) {
    if (std::exchange(first, false)) continue;
    auto further = endpoints(name, texts_of(*addresses.extract<Array::Ptr>()));
    if (!further.ok()) return further.error();
    shown.route.further.emplace(name, std::move(*further));
  }
  return shown;
}

}  // namespace

Result<Shown> shown_by_hash(const std::vector<std::pair<std::string, std::string>>& fields,
                            std::int64_t pttl_ms) {
  Shown shown;
  Route& route = shown.route;
  const auto left = checked_left(pttl_ms, "the time to live");
  if (!left.ok()) return left.error();
  // Redis rounds the time left up to a whole millisecond.
  shown.left = std::max(Duration{}, *left - Duration(std::chrono::milliseconds(1)));
  for (const auto& [name, value] : fields) {
    if (name == "epoch") {
      const auto epoch = epoch_from_text(value);
      if (!epoch.ok()) return epoch.error();
      route.epoch = *epoch;
    } else if (name == "primary") {
      route.primary = value;
    } else if (name == "gateways" || name.starts_with(kFurtherPrefix)) {
      auto found = endpoints(name, split(value));
      if (!found.ok()) return found.error();
      if (name == "gateways") {
        route.gateways = std::move(*found);
      } else {
        route.further[name.substr(kFurtherPrefix.size())] = std::move(*found);
      }
    }
  }
  if (route.epoch == Epoch{}) return invalid("epoch is missing");
  if (const Status good = check_primary(route.primary); !good.ok()) return good.error();
  if (route.gateways.empty()) return invalid("gateways is missing");
  return shown;
}

Result<Shown> shown_by_gateway(const std::string& json) {
  return with_object<Shown>(json, shown_by_object);
}

Result<Announcement> parse_announcement(const std::string& json) {
  return with_object<Announcement>(json, [](const Object& object) -> Result<Announcement> {
    const auto epoch = epoch_of(object);
    if (!epoch.ok()) return epoch.error();
    if (!object.has("primary")) return invalid("primary is missing");
    return Announcement{*epoch, object.isNull("primary")};
  });
}

std::string message_of(const std::string& json) {
  const auto message = with_object<std::string>(json, [](const Object& object) {
    return Result<std::string>(object.getValue<std::string>("message").substr(0, 200));
  });
  return message.ok() ? *message : "";
}

}  // namespace regent::client

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "topology/topology.h"

namespace regent {
namespace {

constexpr std::size_t kMaxHostBytes = 253;

bool is_ipv6(const std::string& host) {
  in6_addr out{};
  return inet_pton(AF_INET6, host.c_str(), &out) == 1;
}

bool is_ipv4(const std::string& host) {
  in_addr out{};
  return inet_pton(AF_INET, host.c_str(), &out) == 1;
}

bool is_wildcard(const std::string& host) {
  in6_addr out{};
  if (inet_pton(AF_INET6, host.c_str(), &out) == 1) return IN6_IS_ADDR_UNSPECIFIED(&out);
  return host == "0.0.0.0";
}

bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > kMaxHostBytes) return false;
  while (!host.empty()) {
    const std::string_view label = host.substr(0, host.find('.'));
    const bool clean = std::all_of(label.begin(), label.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '_';
    });
    if (label.empty() || label.size() > 63 || !clean || label.front() == '-') return false;
    if (label.size() == host.size()) {
      // A last label of digits is a mistyped IP address, not a name.
      return !std::all_of(label.begin(), label.end(), [](char c) { return c >= '0' && c <= '9'; });
    }
    host.remove_prefix(label.size() + 1);
    if (host.empty()) return false;
  }
  return false;
}

Error bad(std::string_view text, const std::string& what) {
  std::string shown(text.substr(0, 80));
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return {ErrorCode::invalid, "'" + shown + "' " + what};
}

std::optional<std::uint16_t> port_value(std::string_view digits) {
  unsigned value = 0;
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || value == 0 || value > 65535) {
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(value);
}

}  // namespace

std::string Address::text() const {
  const bool literal = host.find(':') != std::string::npos;
  return (literal ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Address> parse_address(std::string_view text, std::uint16_t default_port) {
  Address out;
  std::optional<std::string_view> port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return bad(text, "lacks the closing ']'");
    out.host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (rest.starts_with(':')) {
      port = rest.substr(1);
    } else if (!rest.empty()) {
      return bad(text, "is no address: after ']' comes :PORT");
    }
    if (!is_ipv6(out.host)) return bad(text, "is no address: [] hold an IPv6 address");
  } else if (is_ipv6(std::string(text))) {
    out.host = text;
  } else {
    const std::size_t colon = text.find(':');
    out.host = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon + 1);
    if (!is_ipv4(out.host) && !is_host_name(out.host)) {
      return bad(text, "is no address: HOST, HOST:PORT or [IPV6]:PORT, where HOST is a name or IP");
    }
  }
  if (is_wildcard(out.host)) return bad(text, "is a wildcard: give an address others can reach");
  if (!port) {
    if (default_port == 0) return bad(text, "needs a port: HOST:PORT");
    out.port = default_port;
    return out;
  }
  const auto value = port_value(*port);
  if (!value) return bad(text, "has a bad port: it must be a whole number from 1 to 65535");
  out.port = *value;
  return out;
}

}  // namespace regent

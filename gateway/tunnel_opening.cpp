#include "gateway/tunnel_opening.h"

#include <array>
#include <charconv>

#include "gateway/http_head.h"
#include "region/resolver.h"
#include "topology/topology.h"

namespace regent {
namespace {

constexpr std::string_view kMethod = "CONNECT ";
constexpr std::string_view kVersion = " HTTP/1.1";
constexpr std::string_view kService = "Regent-Service";
constexpr std::string_view kClient = "Regent-Client";
constexpr std::string_view kLocal = "Regent-Local";
constexpr std::string_view kEpoch = "Regent-Epoch";

// An IP literal and a port; a name is not looked up.
std::optional<Poco::Net::SocketAddress> parse_literal(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return literal_address(std::string(host), port);
}

// Takes the first line, without its end; nullopt when there is none.
std::optional<std::string_view> take_line(std::string_view& text) {
  const std::size_t end = text.find("\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 2);
  return line;
}

}  // namespace

bool is_tunnel_opening(std::string_view input) {
  return input.starts_with(kMethod);
}

std::string opening_request(const TunnelOpening& opening) {
  const std::string target = opening.service + ":" + std::to_string(opening.local.port());
  std::string out(kMethod);
  out.append(target).append(kVersion).append("\r\nHost: ").append(target);
  const auto add = [&out](std::string_view name, std::string_view value) {
    out.append("\r\n").append(name).append(": ").append(value);
  };
  add(kService, opening.service);
  add(kClient, opening.client.toString());
  add(kLocal, opening.local.toString());
  return out.append("\r\n\r\n");
}

std::optional<TunnelOpening> parse_opening_request(std::string_view head) {
  const auto first = take_line(head);
  if (!first || !first->starts_with(kMethod) || !first->ends_with(kVersion)) return std::nullopt;
  std::array<std::string_view, 3> values;
  while (true) {
    const auto line = take_line(head);
    if (!line) return std::nullopt;
    if (line->empty()) break;
    const std::size_t colon = line->find(": ");
    if (colon == std::string_view::npos) return std::nullopt;
    const std::string_view name = line->substr(0, colon);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!equals_ignoring_case(name, std::array{kService, kClient, kLocal}[i])) continue;
      if (!values[i].empty()) return std::nullopt;
      values[i] = line->substr(colon + 2);
    }
  }
  const auto client = parse_literal(values[1]);
  const auto local = parse_literal(values[2]);
  if (values[0].empty() || !client || !local) return std::nullopt;
  return TunnelOpening{std::string(values[0]), *client, *local};
}

std::string opening_answer(Epoch epoch) {
  return "HTTP/1.1 200 OK\r\n" + std::string(kEpoch) + ": " + std::to_string(epoch.value) +
         "\r\n\r\n";
}

std::optional<Epoch> parse_opening_answer(std::string_view head) {
  ResponseHead answer;
  if (answer.parse(head) || answer.status != 200) return std::nullopt;
  for (const HeaderField& field : answer.fields) {
    if (!equals_ignoring_case(field.name, kEpoch)) continue;
    Epoch epoch;
    const char* const end = field.value.data() + field.value.size();
    const auto [stop, error] = std::from_chars(field.value.data(), end, epoch.value);
    if (error != std::errc() || stop != end || epoch > kMaxEpoch) return std::nullopt;
    return epoch;
  }
  return std::nullopt;
}

}  // namespace regent

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "quorum/result.h"
#include "quorum/types.h"

namespace regent::client {

struct Endpoint {
  std::string host;  // a name or an IP literal
  std::uint16_t port = 0;

  auto operator<=>(const Endpoint&) const = default;
  std::string text() const;  // host:port, [host]:port for IPv6
};

// HOST:PORT or [IPV6]:PORT. Errors (ErrorCode::invalid) quote the text.
Result<Endpoint> parse_endpoint(std::string_view text);

// Where writes go. Never changes once it is made.
struct Route {
  Epoch epoch;          // number of this primary's reign; a higher one replaces it for good
  std::string primary;  // the region in charge
  // Its gateways for the topology's first service (by name), in the topology's order. Never empty.
  std::vector<Endpoint> gateways;
  // Its gateways for each further service, by the service's name.
  std::map<std::string, std::vector<Endpoint>, std::less<>> further;

  bool operator==(const Route&) const = default;
};

}  // namespace regent::client

#include "gateway/client/route.h"

#include <charconv>

namespace regent::client {

std::string Endpoint::text() const {
  const bool brackets = host.find(':') != std::string::npos;
  return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  Endpoint endpoint;
  if (colon != std::string_view::npos) {
    std::string_view host = text.substr(0, colon);
    const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (brackets) host = host.substr(1, host.size() - 2);
    const bool host_ok = !host.empty() && (brackets || host.find(':') == std::string_view::npos) &&
                         host.find_first_of("[] \t\r\n,/") == std::string_view::npos;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + colon + 1, end, endpoint.port);
    if (host_ok && parsed.ec == std::errc() && parsed.ptr == end && endpoint.port != 0) {
      endpoint.host = host;
      return endpoint;
    }
  }
  return Error{ErrorCode::invalid,
               "'" + std::string(text.substr(0, 80)) + "' is not HOST:PORT or [IPV6]:PORT"};
}

}  // namespace regent::client

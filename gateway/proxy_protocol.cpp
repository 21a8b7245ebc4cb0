#include "gateway/proxy_protocol.h"

#include <cstdint>
#include <cstring>
#include <string_view>

namespace regent {
namespace {

using Poco::Net::SocketAddress;

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr char kVersion2Proxy = 0x21;
constexpr char kUnspecified = 0x00;
constexpr char kTcp4 = 0x11;
constexpr char kTcp6 = 0x21;

void append_big_endian(std::string& out, std::uint64_t value, unsigned bytes) {
  while (bytes-- > 0) out.push_back(static_cast<char>(value >> (8 * bytes)));
}

// In network order already.
void append_host(std::string& out, const SocketAddress& address, bool as_v6) {
  const Poco::Net::IPAddress host = address.host();
  if (as_v6 && host.family() == Poco::Net::IPAddress::IPv4) {
    out.append(10, '\0').append(2, '\xff');
  }
  out.append(static_cast<const char*>(host.addr()), host.length());
}

}  // namespace

std::string proxy_header(const SocketAddress& client, const SocketAddress& local, Epoch epoch) {
  std::string rest;
  char family = kUnspecified;
  if (!client.host().isWildcard() && !local.host().isWildcard()) {
    const bool v6 =
        client.family() == SocketAddress::IPv6 || local.family() == SocketAddress::IPv6;
    family = v6 ? kTcp6 : kTcp4;
    append_host(rest, client, v6);
    append_host(rest, local, v6);
    append_big_endian(rest, client.port(), 2);
    append_big_endian(rest, local.port(), 2);
  }
  rest.push_back(static_cast<char>(kEpochTlv));
  append_big_endian(rest, sizeof epoch.value, 2);
  append_big_endian(rest, epoch.value, sizeof epoch.value);

  std::string header(kSignature);
  header.push_back(kVersion2Proxy);
  header.push_back(family);
  append_big_endian(header, rest.size(), 2);
  return header + rest;
}

}  // namespace regent

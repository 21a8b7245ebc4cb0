#pragma once

#include <string>

#include <Poco/Net/SocketAddress.h>

#include "quorum/types.h"

namespace regent {

// Type of the header's TLV that carries the epoch: the first of those that the PROXY protocol
// leaves to applications. Its value is 8 bytes, big-endian.
inline constexpr unsigned char kEpochTlv = 0xE0;

// The header of the PROXY protocol, version 2 (haproxy.org, proxy-protocol.txt, section 2.2), with
// the command PROXY and a TLV of the epoch: 39 bytes over IPv4, 63 over IPv6, so one segment always
// holds it. `client` and `local`: both ends of the client's connection. Where one of them is IPv4
// and the other IPv6, the IPv4 address is written as IPv4-mapped; where one is not known (0.0.0.0
// or ::), the family is UNSPEC and the header holds the TLV alone.
std::string proxy_header(const Poco::Net::SocketAddress& client,
                         const Poco::Net::SocketAddress& local, Epoch epoch);

}  // namespace regent

#pragma once

#include <cstdint>
#include <string>

#include <Poco/Net/SocketAddress.h>

namespace regent {

// Who listens on a local TCP port, as far as /proc shows it: "process redis-server, pid 712". Empty
// when nobody does, or when the process belongs to somebody else and we may not look. Any thread.
std::string port_owner(const Poco::Net::SocketAddress& address);

}  // namespace regent

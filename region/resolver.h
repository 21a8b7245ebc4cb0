#pragma once

#include <functional>
#include <memory>

#include <Poco/Net/SocketAddress.h>

#include "quorum/result.h"
#include "region/event_loop.h"
#include "topology/topology.h"

namespace regent {

// The socket address behind an IP literal, without a lookup; nullopt for a name.
std::optional<Poco::Net::SocketAddress> literal_address(const std::string& host,
                                                        std::uint16_t port);

// The IP address and port behind a topology address; a name is looked up, which may block.
// Errors (ErrorCode::invalid): the name is not known.
Result<Poco::Net::SocketAddress> resolve(const Address& address);

// Looks names up without blocking an event loop: on a thread of its own, started with the first
// name. Used and destroyed on the loop's thread, or while the loop does not run.
class Resolver {
 public:
  using Callback = std::function<void(Result<Poco::Net::SocketAddress>)>;

  explicit Resolver(EventLoop& loop);
  ~Resolver();  // callbacks still due are dropped; does not wait for a lookup
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Calls back by a later event of the loop; for an IP literal, right here.
  void find(const Address& address, Callback callback);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace regent

#pragma once

#include <memory>
#include <string>

#include "quorum/result.h"
#include "security/credentials.h"
#include "topology/topology.h"

namespace regent {

// One gateway process: wires the control thread, the network, the data plane, the Redis mirror and
// the admin API together. Nothing else knows all of them.
class Gateway {
 public:
  // Everything listens when this returns. `topology` and `credentials` must outlive the gateway.
  // `data`: the folder for the pause switch; "": a restart forgets it, and asks the other gateways.
  // Errors: an address that cannot be listened on, and who has it; what PauseStore::open says.
  static Result<std::unique_ptr<Gateway>> start(const Topology& topology, GatewayId self,
                                                Credentials& credentials, const std::string& data);
  // Stops taking connections, finishes what is under way up to the data plane's limit, ends.
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

 private:
  Gateway();
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace regent

#pragma once

#include <memory>
#include <string>

#include "gateway/drill/fault_order.h"
#include "quorum/result.h"
#include "security/credentials.h"
#include "topology/topology.h"

namespace regent {

// One gateway process: wires the control thread, the network, the data plane, the Redis mirror and
// the admin API together. Nothing else knows all of them.
class Gateway {
 public:
  // Everything listens when this returns. `credentials` must outlive the gateway.
  // `data`: the folder for the pause switch; "": a restart forgets it, and asks the other gateways.
  // `faults`: whether drills may break this gateway's links.
  // Errors: an address that cannot be listened on, and who has it; what PauseStore::open says.
  static Result<std::unique_ptr<Gateway>> start(std::shared_ptr<const Topology> topology,
                                                GatewayId self, Credentials& credentials,
                                                const std::string& data,
                                                FaultSettings faults = {});
  // Reads the topology file again and takes over its services and limits, without dropping a
  // connection, or nothing at all: read_again(), DataPlane::reload(). What came of it is in the
  // log. Not on a thread of the gateway's own; not during stop().
  void reload(const std::string& topology_file);

  // How long handing over may take when a gateway stops.
  static constexpr Duration kHandOverLimit = std::chrono::seconds(2);
  // The end, in steps, each with a line in the log: hands over what this gateway holds; lets the
  // other gateways hear that requests are to go elsewhere; takes no new connections and finishes
  // what is under way up to the topology's stop_limit. Blocks. Once.
  void stop();
  // Without the steps of stop(): takes no new connections, finishes what is under way, ends.
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

 private:
  Gateway();
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace regent

// Only the data plane of a gateway, with a route that never changes: for measuring what a proxied
// request costs without a cluster around it (tests/bench/proxy.py, tests/bench/connections.py).
//   proxy_gateway TOPOLOGY REGION GATEWAY CERTS
// The topology's first region is the primary for ever. The certificates are those of
// `regent certs create`.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "gateway/data_plane.h"
#include "security/credentials.h"
#include "topology/load.h"

namespace {

int fail(const std::string& why) {
  std::fprintf(stderr, "proxy_gateway: %s\n", why.c_str());
  return EXIT_FAILURE;
}

regent::Route route_for_ever(const regent::Topology& topology, regent::RegionId own) {
  regent::Route route;
  route.epoch = regent::Epoch{1};
  route.primary = regent::RegionId{0};
  route.known_until = regent::kNever;
  route.quorum = true;
  if (own == route.primary) {
    route.serve_until = regent::kNever;
  } else {
    route.forward_to = topology.region(route.primary).gateways;
  }
  return route;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return fail("needs TOPOLOGY REGION GATEWAY CERTS");
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  const regent::LoadedTopology loaded = regent::load_topology(argv[1]);
  if (!loaded.errors.empty()) return fail(loaded.errors.front().message());
  const regent::Topology& topology = loaded.topology;
  const auto region = topology.find_region(argv[2]);
  if (!region) return fail(std::string("no such region: ") + argv[2]);
  const auto gateway = topology.find_gateway(*region, argv[3]);
  if (!gateway) return fail(std::string("no such gateway: ") + argv[3]);
  const regent::Identity self{topology.cluster, regent::IdentityRole::gateway, argv[2], argv[3]};
  auto credentials = regent::Credentials::load(regent::credential_files(argv[4], self), self);
  if (!credentials) return fail(credentials.error().message);

  regent::RouteCell cell;
  cell.publish(route_for_ever(topology, *region));
  regent::WritesInFlight writes;
  regent::NullRequestObserver observer;
  regent::DataPlane data_plane(topology, *gateway, cell, writes, **credentials, observer);
  if (const regent::Status status = data_plane.start(); !status) {
    return fail(status.error().message);
  }
  int signal = 0;
  sigwait(&ends, &signal);
  data_plane.stop();
  return EXIT_SUCCESS;
}

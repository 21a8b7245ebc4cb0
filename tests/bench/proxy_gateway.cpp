// Only the data plane of a gateway, with a route that never changes: for measuring what one
// proxied request costs without a cluster around it (tests/bench/proxy.py).
//   proxy_gateway HOST PORT BACKEND_HOST BACKEND_PORT FOLDER
// FOLDER gets development certificates; the forward port is PORT + 1.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "gateway/data_plane.h"
#include "security/certificate_folder.h"
#include "security/credentials.h"

namespace {

regent::Topology one_region(const std::string& host, std::uint16_t port,
                            const std::string& backend_host, std::uint16_t backend_port) {
  regent::Topology topology;
  topology.cluster = "bench";
  topology.regions.resize(1);
  topology.regions[0].name = "here";
  topology.gateways.push_back(
      {regent::RegionId{0}, "gw1", host, 0, static_cast<std::uint16_t>(port + 1), 0});
  regent::Service service;
  service.name = "bench";
  service.port = port;
  service.backends = {{{backend_host, backend_port}}};
  topology.services.push_back(service);
  return topology;
}

int fail(const std::string& why) {
  std::fprintf(stderr, "proxy_gateway: %s\n", why.c_str());
  return EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return fail("needs HOST PORT BACKEND_HOST BACKEND_PORT FOLDER");
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  const auto port = static_cast<std::uint16_t>(std::stoi(argv[2]));
  const regent::Topology topology =
      one_region(argv[1], port, argv[3], static_cast<std::uint16_t>(std::stoi(argv[4])));
  const regent::Identity self{"bench", regent::IdentityRole::gateway, "here", "gw1"};
  const auto made = regent::create_certificate_folder(argv[5], "bench", {{self, {argv[1]}}}, 1);
  if (!made) return fail(made.error().message);
  auto credentials = regent::Credentials::load(regent::credential_files(argv[5], self), self);
  if (!credentials) return fail(credentials.error().message);

  regent::RouteCell cell;
  regent::Route route;
  route.epoch = regent::Epoch{1};
  route.primary = regent::RegionId{0};
  route.serve_until = regent::kNever;
  route.known_until = regent::kNever;
  route.quorum = true;
  cell.publish(route);
  regent::WritesInFlight writes;
  regent::NullRequestObserver observer;
  regent::DataPlane data_plane(topology, regent::GatewayId{0}, cell, writes, **credentials,
                               observer);
  if (const regent::Status status = data_plane.start(); !status) {
    return fail(status.error().message);
  }
  int signal = 0;
  sigwait(&ends, &signal);
  data_plane.stop();
  return EXIT_SUCCESS;
}

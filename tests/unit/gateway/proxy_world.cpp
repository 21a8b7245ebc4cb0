#include "tests/unit/gateway/proxy_world.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include "security/certificate_folder.h"

namespace regent::test {

void Plane::publish(Route route) {
  cell.publish(std::move(route));
  data_plane->route_changed();
}

void tcp(Service& service) {
  service.protocol = Protocol::tcp;
  service.name = "ledger";
}

World::World(Adjust adjust, ProxyLimits limits) : limits_(limits) {
  east_.host = host(Host::east);
  west_.host = host(Host::west);
  topology_.cluster = "shop";
  topology_.regions.resize(2);
  topology_.regions[0].name = "east";
  topology_.regions[1].name = "west";
  for (TopologyRegion& region : topology_.regions) region.priority = 0;
  topology_.regions[0].gateways = {GatewayId{0}};
  topology_.regions[1].gateways = {GatewayId{1}};
  topology_.gateways = {{kEast, "gw1", east_.host, 0, free_port(east_.host), 0},
                        {kWest, "gw1", west_.host, 0, free_port(west_.host), 0}};
  Service service;
  service.name = "orders";
  // One port on both hosts, and none of the forward ports.
  do {
    service.port = free_port(east_.host);
  } while (service.port == topology_.gateways[0].forward_port ||
           service.port == topology_.gateways[1].forward_port);
  service.hold = std::chrono::seconds(20);
  service.health.interval = std::chrono::seconds(10);
  service.health.timeout = std::chrono::seconds(5);
  service.backends.resize(2);
  if (adjust) adjust(service);
  topology_.services.push_back(std::move(service));

  std::string folder = std::filesystem::temp_directory_path() / "regent-proxy-XXXXXX";
  EXPECT_NE(::mkdtemp(folder.data()), nullptr);
  certificates_ = folder;
  std::vector<CertificateHolder> holders;
  for (const TopologyGateway& gateway : topology_.gateways) {
    holders.push_back(
        {{"shop", IdentityRole::gateway, topology_.region_name(gateway.region), gateway.name},
         {gateway.host}});
  }
  holders.push_back({{"shop", IdentityRole::node, "east", "n1"}, {east_.host}});
  const auto made = create_certificate_folder(certificates_, "shop", holders, 1);
  EXPECT_TRUE(made.ok());
}

World::~World() {
  east_.data_plane.reset();
  west_.data_plane.reset();
  std::filesystem::remove_all(certificates_);
}

void World::add_backend(RegionId region, std::uint16_t port) {
  topology_.services[0].backends[region.value].push_back({host(Host::backends), port});
}

std::unique_ptr<Backend> World::serve(Backend::Script script, RegionId primary) {
  auto backend = std::make_unique<Backend>(host(Host::backends), std::move(script));
  add_backend(primary, backend->port());
  start();
  this->primary(primary);
  return backend;
}

void World::start() {
  start(east_, GatewayId{0});
  start(west_, GatewayId{1});
}

void World::start(Plane& plane, GatewayId self) {
  const Identity identity{"shop", IdentityRole::gateway,
                          topology_.region_name(topology_.gateway(self).region), "gw1"};
  plane.port = topology_.services[0].port;
  auto credentials = Credentials::load(credential_files(certificates_, identity), identity);
  ASSERT_TRUE(credentials.ok()) << credentials.error().message;
  plane.credentials = std::move(*credentials);
  plane.data_plane = std::make_unique<DataPlane>(topology_, self, plane.cell, plane.writes,
                                                 *plane.credentials, plane.observer, limits_);
  const Status started = plane.data_plane->start();
  ASSERT_TRUE(started.ok()) << started.error().message;
  EXPECT_TRUE(eventually([&] {
    const ServiceStatus service = plane.data_plane->backend_status().at(0);
    return service.healthy == service.backends.size();
  }));
}

void World::primary(RegionId region, Epoch epoch) {
  Route route;
  route.epoch = epoch;
  route.primary = region;
  route.known_until = kNever;
  route.quorum = true;
  Route serving = route;
  serving.serve_until = kNever;
  Route forwarding = route;
  forwarding.forward_to = {GatewayId{region.value}};
  east_.publish(region == kEast ? serving : forwarding);
  west_.publish(region == kWest ? serving : forwarding);
}

void World::no_primary() {
  Route route;
  route.epoch = Epoch{7};
  east_.publish(route);
  west_.publish(route);
}

}  // namespace regent::test

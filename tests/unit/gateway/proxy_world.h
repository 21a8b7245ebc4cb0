#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "gateway/data_plane.h"
#include "tests/unit/gateway/proxy_peers.h"

// Two regions, a gateway's data plane in each, routes as the test says. Their priority is 0, so
// that no connections between them stand ready: a test can count those it causes.
namespace regent::test {

inline constexpr RegionId kEast{0};
inline constexpr RegionId kWest{1};

// Counts what a data plane reports.
struct CountingObserver : RequestObserver {
  void request_done(std::uint32_t, RequestClass, unsigned code, double) override {
    ++done;
    last_code = code;
  }
  void held_changed(int delta) override { held += delta; }
  void write_failed() override { ++failed_writes; }
  void fenced() override { ++fences; }
  void connections_changed(int delta) override {
    if (delta > 0) opened += delta;
    connections += delta;
  }
  void backend_health(std::uint32_t, std::string_view, bool) override {}
  void tunnel_ended(std::uint32_t, TunnelEnd end) override {
    ++tunnels[static_cast<std::size_t>(end)];
  }
  void tunnel_bytes(std::uint32_t, std::uint64_t up, std::uint64_t down) override {
    to_backend += up;
    to_client += down;
  }
  int tunnels_ended(TunnelEnd end) const { return tunnels[static_cast<std::size_t>(end)]; }
  std::atomic<int> done = 0;
  std::atomic<unsigned> last_code = 0;
  std::atomic<int> held = 0;
  std::atomic<int> failed_writes = 0;
  std::atomic<int> fences = 0;
  std::atomic<int> opened = 0;       // connections, ever
  std::atomic<int> connections = 0;  // open now
  std::array<std::atomic<int>, 5> tunnels{};  // by TunnelEnd
  std::atomic<std::uint64_t> to_backend = 0;
  std::atomic<std::uint64_t> to_client = 0;
};

// One gateway's data plane with its route.
struct Plane {
  std::string host;
  std::uint16_t port = 0;
  RouteCell cell;
  WritesInFlight writes;
  CountingObserver observer;
  std::unique_ptr<Credentials> credentials;
  std::unique_ptr<DataPlane> data_plane;

  void publish(Route route);
  Client client() const { return {host, port}; }
};

// Makes it a tcp service, "ledger".
void tcp(Service& service);

class World {
 public:
  // Adjusts the service before the planes start.
  using Adjust = std::function<void(Service&)>;
  explicit World(
      Adjust adjust = [](Service&) {}, ProxyLimits limits = {});
  ~World();

  // Before start().
  void add_backend(RegionId region, std::uint16_t port);
  // Starts both data planes and waits until every backend is healthy.
  void start();
  // All of it at once: a backend of the region, which is primary. The backend goes first, and what
  // its script refers to must outlive it.
  [[nodiscard]] std::unique_ptr<Backend> serve(Backend::Script script, RegionId primary = kEast);

  Plane& east() { return east_; }
  Plane& west() { return west_; }
  Topology& topology() { return topology_; }
  const std::string& certificates() const { return certificates_; }

  // East (west) is primary and its gateway holds a lease without end.
  void primary(RegionId region, Epoch epoch = Epoch{7});
  void no_primary();

 private:
  void start(Plane& plane, GatewayId self);
  Topology topology_;
  ProxyLimits limits_;
  std::string certificates_;
  Plane east_;
  Plane west_;
};

}  // namespace regent::test

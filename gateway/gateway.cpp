#include "gateway/gateway.h"

#include <sys/random.h>

#include <algorithm>
#include <thread>

#include "gateway/admin_api.h"
#include "gateway/admin_server.h"
#include "gateway/control.h"
#include "gateway/data_plane.h"
#include "gateway/metrics.h"
#include "gateway/pause_keeper.h"
#include "gateway/reload.h"
#include "region/clock.h"
#include "region/log.h"
#include "region/network.h"
#include "security/certificate.h"

namespace regent {

namespace {

constexpr Duration kLongestNotice = std::chrono::seconds(1);

// From the operating system; never 0, which means "unknown" in an Incarnation.
Result<std::uint64_t> random_number() {
  std::uint64_t number = 0;
  while (number == 0) {
    if (getrandom(&number, sizeof number, 0) != sizeof number) {
      return Error{ErrorCode::io, "cannot get random numbers from the operating system"};
    }
  }
  return number;
}

std::vector<std::string> service_names(const Topology& topology) {
  std::vector<std::string> names;
  for (const Service& service : topology.services) names.push_back(service.name);
  return names;
}

ProxyLimits proxy_limits(const Topology& topology) {
  ProxyLimits limits;
  limits.set(topology.traffic);
  return limits;
}

}  // namespace

// Members are destroyed from the last to the first: whoever calls goes before whom it calls.
struct Gateway::Parts final : Network::Handler {
  Parts(std::shared_ptr<const Topology> model, GatewayId self, Credentials& credentials,
        Incarnation incarnation, std::uint64_t seed, std::unique_ptr<PauseStore> pause_store,
        FaultSettings faults)
      : first(std::move(model)),
        topology(*first),
        metrics(service_names(topology)),
        control(first, self, incarnation, seed, route, writes, metrics, std::move(faults)),
        network(topology, self, credentials, *this, &control.link_faults()),
        data_plane(topology, self, route, writes, credentials, metrics.requests(),
                   proxy_limits(topology)),
        api(control, [this, &credentials](const GatewayStatus& status) {
          return metrics.text(status, seconds_until_expiry(*credentials.current()), boot_now());
        }) {
    const auto& redis = topology.region(topology.gateway(self).region).redis;
    if (redis) mirror = std::make_unique<RouteCache>(*redis, topology.cluster);
    if (pause_store) {
      control.restore_pause(pause_store->stored());
      pause_keeper = std::make_unique<PauseKeeper>(std::move(pause_store));
    }
    control.connect(outputs());
  }

  ~Parts() override {
    control.abandon_switchovers();
    admin.reset();
    data_plane.stop();
    network.stop();
    control.stop();
    if (thread.joinable()) thread.join();
  }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  ControlOutputs outputs() {
    ControlOutputs out;
    out.to_node = [this](NodeId to, const PeerMessage& message) { network.send(to, message); };
    out.to_gateway = [this](GatewayId to, const PeerMessage& message) {
      network.send(to, message);
    };
    out.reply = [this](std::uint64_t connection, const PeerMessage& message) {
      network.reply(connection, message);
    };
    out.reconnect = [this](GatewayId to) { network.reconnect(to); };
    out.route_changed = [this] { data_plane.route_changed(); };
    out.backends = [this] { return data_plane.backend_status(); };
    if (mirror) {
      out.cut_redis = [this](Instant until) { mirror->cut(until); };
      out.mirror = [this](RouteRecord record) { mirror->update(std::move(record)); };
      out.mirror_state = [this] { return std::optional(mirror->state()); };
    }
    if (pause_keeper) {
      out.keep_pause = [this](const PauseRecord& record) { return pause_keeper->keep(record); };
      out.keep_pause_later = [this](const PauseRecord& record) {
        pause_keeper->keep_later(record);
      };
    }
    return out;
  }

  void on_message(const From& from, PeerMessage message, Instant) override {
    if (const auto* node = std::get_if<NodeId>(&from.peer)) {
      control.from_node(*node, std::move(message));
    } else {
      control.from_gateway(std::get<GatewayId>(from.peer), from.connection, std::move(message));
    }
  }
  void on_connection(const Endpoint&, bool, const Error*) override {}

  const std::shared_ptr<const Topology> first;
  const Topology& topology;  // *first
  RouteCell route;
  WritesInFlight writes;
  Metrics metrics;
  std::unique_ptr<RouteCache> mirror;
  std::unique_ptr<PauseKeeper> pause_keeper;
  Control control;
  Network network;
  DataPlane data_plane;
  AdminApi api;
  std::unique_ptr<AdminServer> admin;
  std::thread thread;  // runs control
};

Gateway::Gateway() = default;
Gateway::~Gateway() = default;

Result<std::unique_ptr<Gateway>> Gateway::start(std::shared_ptr<const Topology> model,
                                                GatewayId self, Credentials& credentials,
                                                const std::string& data,
                                                FaultSettings faults) {
  const Topology& topology = *model;
  std::unique_ptr<PauseStore> pause_store;
  if (!data.empty()) {
    auto opened = PauseStore::open(data, topology);
    if (!opened) return opened.error();
    pause_store = std::move(opened).value();
  }
  const auto incarnation = random_number();
  if (!incarnation) return incarnation.error();
  const auto seed = random_number();
  if (!seed) return seed.error();
  std::unique_ptr<Gateway> gateway(new Gateway);
  gateway->parts_ =
      std::make_unique<Parts>(std::move(model), self, credentials, Incarnation{*incarnation}, *seed,
                              std::move(pause_store), std::move(faults));
  Parts& parts = *gateway->parts_;
  parts.data_plane.on_backends(
      [&parts](const std::vector<std::uint32_t>&) { parts.control.backends_changed(); });
  const TopologyGateway& own = topology.gateway(self);
  auto admin = AdminServer::start(own.host, own.admin_port, credentials, parts.api);
  if (!admin) return admin.error();
  parts.admin = std::move(admin).value();
  if (const Status status = parts.data_plane.start(); !status) return status.error();
  if (const Status status = parts.network.start(); !status) return status.error();
  parts.thread = std::thread([&parts] { parts.control.run(); });
  return gateway;
}

void Gateway::reload(const std::string& topology_file) {
  Parts& parts = *parts_;
  const auto next = read_again(topology_file, parts.topology);
  if (!next) return;
  if (const Status taken = parts.data_plane.reload(next); !taken.ok()) {
    log_event(LogLevel::error, "topology not reloaded", {{"reason", taken.error().message}});
    return;
  }
  if (!parts.control.adopt(next)) return;  // it is stopping
  log_event(LogLevel::info, "topology reloaded",
            {{"version", std::to_string(next->version)},
             {"hash", next->hash},
             {"services", std::to_string(next->services.size())}});
}

void Gateway::stop() {
  Parts& parts = *parts_;
  const SwitchoverReply left = parts.control.leave(kHandOverLimit);
  const bool done = left.outcome == SwitchoverOutcome::done;
  log_event(done ? LogLevel::info : LogLevel::warning,
            done ? "gateway has handed over" : "gateway could not hand over",
            {{"outcome", left.message}});
  // What others have under way to here was sent before they heard of the end.
  std::this_thread::sleep_for(std::min(parts.topology.timing.heartbeat, kLongestNotice));
  log_event(LogLevel::info, "gateway takes no more connections");
  parts.data_plane.stop();
  log_event(LogLevel::info, "gateway has finished what was under way");
}

}  // namespace regent

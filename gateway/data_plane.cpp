#include "gateway/data_plane.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "gateway/backend_ejector.h"
#include "gateway/certificate_watch.h"
#include "gateway/health_prober.h"
#include "gateway/service_table.h"
#include "gateway/worker.h"
#include "region/clock.h"
#include "region/listener.h"
#include "region/log.h"
#include "region/resolver.h"
#include "security/certificate.h"
#include "security/server_certificates.h"

namespace regent {
namespace {

constexpr Duration kResolveInterval = std::chrono::seconds(30);

std::size_t thread_count(std::size_t wanted) {
  if (wanted == 0) wanted = std::max(std::thread::hardware_concurrency(), 1U);
  return std::min(wanted, WritesInFlight::kPlaces);
}

}  // namespace

struct DataPlane::State {
  State(const Topology& topology, GatewayId self, const RouteCell& route, WritesInFlight& writes,
        Credentials& credentials, RequestObserver& observer, ProxyLimits limits)
      : shared{topology, self, route, writes, credentials, observer, {}},
        table(first_table(topology, self, limits)) {
    const std::size_t threads = thread_count(limits.threads);
    for (std::size_t index = 0; index < threads; ++index) {
      Worker::Events events;
      events.connect_failed = [this](std::uint32_t backend) { connect_failed(backend); };
      events.eject = [this](std::uint32_t backend, const std::string& why) { eject(backend, why); };
      events.wake = [this](std::size_t thread, std::uint32_t service) {
        Worker& worker = *workers[thread];
        worker.loop().post([&worker, service] { worker.serve_waiting(service); });
      };
      events.ended = [this] { worker_ended(); };
      workers.push_back(std::make_unique<Worker>(shared, index, std::move(events)));
    }
    prober.emplace(first().loop(), first().pool(), [this](std::uint32_t backend, bool healthy) {
      health_changed(backend, healthy);
    });
    ejector.emplace(first().loop());
    resolver.emplace(first().loop());
  }

  // Sockets for a port, one a worker.
  using Sockets = std::vector<Poco::Net::StreamSocket>;
  // What a table needs beyond what is there already.
  struct Prepared {
    std::shared_ptr<ServiceTable> table;
    std::map<std::uint16_t, Sockets> fresh;  // by port
  };
  static std::shared_ptr<const ServiceTable> first_table(const Topology& topology, GatewayId self,
                                                         const ProxyLimits& limits) {
    ServiceTable start;
    start.limits = limits;
    return std::make_shared<const ServiceTable>(next_table(start, topology, self));
  }

  Result<Prepared> prepare(ServiceTable next, const std::map<std::uint16_t, std::uint32_t>& open);
  Result<Sockets> listen_on(std::uint16_t port) const;
  void set_table(const Prepared& prepared);
  void begin();
  void watch_backends();
  void resolve_names();
  void connect_failed(std::uint32_t backend);
  void eject(std::uint32_t backend, const std::string& why);
  void health_changed(std::uint32_t backend, bool healthy);
  void tell_counts();
  void worker_ended();

  // The worker that also checks the backends' health and looks names up, for all of them.
  Worker& first() { return *workers.front(); }
  std::shared_ptr<const ServiceTable> current_table() const {
    const std::scoped_lock lock(mutex);
    return table;
  }
  // On every worker's thread, soon.
  template <typename F>
  void post_to_all(F f) {
    for (const auto& worker : workers) {
      worker->loop().post([f, w = worker.get()] { f(*w); });
    }
  }
  // On every worker's thread, one after the other; returns when all have done it.
  template <typename F>
  void run_on_all(F f) {
    for (const auto& worker : workers) {
      worker->loop().run_and_wait([&f, w = worker.get()] { f(*w); });
    }
  }

  PlaneShared shared;
  std::vector<std::unique_ptr<Worker>> workers;
  std::optional<HealthProber> prober;
  std::optional<BackendEjector> ejector;
  std::optional<Resolver> resolver;
  const std::shared_ptr<TicketKeys> tickets = std::make_shared<TicketKeys>(boot_now());
  CertificateWatch certificates{[this] { return current_table(); }, tickets};
  OnBackends on_backends = [](std::vector<std::uint32_t>) {};
  bool running = false;

  mutable std::mutex mutex;  // guards the rest
  std::shared_ptr<const ServiceTable> table;
  std::condition_variable ended_changed;  // a worker has no session left while stopping
};

DataPlane::DataPlane(const Topology& topology, GatewayId self, const RouteCell& route,
                     WritesInFlight& writes, Credentials& credentials, RequestObserver& observer,
                     ProxyLimits limits)
    : state_(
          std::make_unique<State>(topology, self, route, writes, credentials, observer, limits)) {}

DataPlane::~DataPlane() {
  stop();
}

void DataPlane::on_backends(OnBackends callback) {
  state_->on_backends = std::move(callback);
}

Status DataPlane::start() {
  State& state = *state_;
  const TopologyGateway& own = state.shared.topology.gateway(state.shared.self);
  auto prepared = state.prepare(*state.table, {});
  if (!prepared) return prepared.error();
  auto forward = state.listen_on(own.forward_port);
  if (!forward) return Error{forward.error().code, "forward port: " + forward.error().message};
  state.set_table(*prepared);
  for (std::size_t index = 0; index < state.workers.size(); ++index) {
    state.workers[index]->listen_forward((*forward)[index]);
  }
  state.running = true;
  state.certificates.start();
  state.first().loop().post([&state] { state.begin(); });
  for (const auto& worker : state.workers) worker->start();
  return Done{};
}

Status DataPlane::reload(const std::shared_ptr<const Topology>& next) {
  State& state = *state_;
  CHECK(state.running);
  const std::shared_ptr<const ServiceTable> now = state.current_table();
  ServiceTable table = next_table(*now, *next, state.shared.self);
  for (const std::uint32_t number : now->order) {
    const ServiceEntry& entry = table.services[number];
    if (entry.settings && entry.settings->protocol != now->services[number].settings->protocol) {
      return Error{ErrorCode::invalid,
                   "service " + entry.name +
                       ": its protocol cannot change while it is served; use another name"};
    }
  }
  table.limits.set(next->traffic);
  auto prepared = state.prepare(std::move(table), now->ports());
  if (!prepared) return prepared.error();
  for (std::size_t number = now->services.size(); number < prepared->table->services.size();
       ++number) {
    state.shared.observer.service_added(static_cast<std::uint32_t>(number),
                                        prepared->table->services[number].name);
  }
  state.set_table(*prepared);
  state.first().loop().run_and_wait([&state] { state.tell_counts(); });
  return Done{};
}

void DataPlane::stop() {
  State& state = *state_;
  if (!std::exchange(state.running, false)) return;
  state.certificates.stop();
  state.run_on_all([](Worker& worker) { worker.wind_down(); });
  {
    std::unique_lock lock(state.mutex);
    state.ended_changed.wait_for(lock, state.table->limits.stop_limit,
                                 [&] { return state.shared.totals.connections == 0; });
  }
  state.run_on_all([](Worker& worker) { worker.cut_off(); });
  for (const auto& worker : state.workers) worker->loop().stop();
  for (const auto& worker : state.workers) worker->clear();
}

void DataPlane::route_changed() {
  state_->post_to_all([](Worker& worker) { worker.route_changed(); });
}

std::vector<ServiceStatus> DataPlane::backend_status() const {
  const std::shared_ptr<const ServiceTable> table = state_->current_table();
  std::vector<ServiceStatus> services;
  for (const std::uint32_t number : table->order) {
    const ServiceEntry& entry = table->services[number];
    ServiceStatus about;
    about.name = entry.name;
    about.queued = entry.state->waiting;
    for (const auto& backend : entry.backends) {
      about.backends.push_back(
          {backend->name, backend->healthy, backend->ejected, backend->ejections, backend->in_use});
      about.healthy += about.backends.back().healthy ? 1 : 0;
    }
    if (entry.tls) {
      for (const auto& certificate : entry.tls->current()) {
        about.certificates.push_back(
            {certificate->file, seconds_until_expiry(certificate->not_after)});
      }
    }
    services.push_back(std::move(about));
  }
  return services;
}

// Everything that can fail. What has been opened is closed again when the result is dropped.
Result<DataPlane::State::Prepared> DataPlane::State::prepare(
    ServiceTable next, const std::map<std::uint16_t, std::uint32_t>& open) {
  Prepared prepared;
  for (const std::uint32_t number : next.order) {
    ServiceEntry& entry = next.services[number];
    const Service& service = *entry.settings;
    if (!service.tls.empty()) {
      std::vector<ServerCertificateFiles> files;
      for (const TlsFiles& pair : service.tls) files.push_back({pair.cert, pair.key});
      std::vector<std::string> protocols;  // for ALPN; a tcp service's are its clients' matter
      if (service.protocol == Protocol::http) protocols = {"h2", "http/1.1"};
      auto tls = ServerCertificates::load(std::move(files),
                                          {service.name, std::move(protocols), tickets});
      if (!tls) return tls.error();
      entry.tls = std::move(*tls);
      log_invalid_certificates(entry.name, *entry.tls);
    }
  }
  for (const auto& [port, number] : next.ports()) {
    if (open.contains(port)) continue;
    auto sockets = listen_on(port);
    if (!sockets) {
      return Error{sockets.error().code,
                   "service " + next.services[number].name + ": " + sockets.error().message};
    }
    prepared.fresh.emplace(port, std::move(*sockets));
  }
  prepared.table = std::make_shared<ServiceTable>(std::move(next));
  return prepared;
}

Result<DataPlane::State::Sockets> DataPlane::State::listen_on(std::uint16_t port) const {
  auto address = resolve({shared.topology.gateway(shared.self).host, port});
  if (!address) return address.error();
  return Listener::listening(*address, workers.size());
}

void DataPlane::State::set_table(const Prepared& prepared) {
  {
    const std::scoped_lock lock(mutex);
    table = prepared.table;
  }
  std::size_t index = 0;
  run_on_all([&](Worker& worker) {
    Worker::Sockets fresh;
    for (const auto& [port, sockets] : prepared.fresh) fresh.emplace(port, sockets[index]);
    worker.set_table(prepared.table, fresh);
    // In one step: the checks look for their backends in this worker's pool.
    if (running && index == 0) watch_backends();
    ++index;
  });
}

void DataPlane::State::begin() {
  watch_backends();
  const auto again = [this](const auto& self) -> void {
    resolve_names();
    first().loop().after(kResolveInterval, [self] { self(self); });
  };
  again(again);
}

void DataPlane::State::watch_backends() {
  const std::shared_ptr<const ServiceTable> now = current_table();
  for (const ServiceEntry& entry : now->services) {
    for (const auto& backend : entry.backends) {
      shared.observer.backend_health(backend->service, backend->name, backend->healthy);
    }
  }
  resolve_names();
  ejector->set_table(now);
  prober->set_table(*now);
}

void DataPlane::State::resolve_names() {
  const auto find = [this](const DestinationState& destination) {
    const Address& target = destination.target;
    if (target.host.empty() || literal_address(target.host, target.port)) return;
    resolver->find(target, [this, id = destination.id, name = destination.name](
                               const Result<Poco::Net::SocketAddress>& found) {
      if (found) {
        post_to_all([id, address = *found](Worker& worker) { worker.set_address(id, address); });
      } else {
        log_event(LogLevel::warning, "address not found",
                  {{"address", name}, {"reason", found.error().message}});
      }
    });
  };
  const std::shared_ptr<const ServiceTable> now = current_table();
  for (const auto& gateway : now->gateways) find(*gateway);
  for (const ServiceEntry& entry : now->services) {
    for (const auto& backend : entry.backends) find(*backend);
  }
}

void DataPlane::State::connect_failed(std::uint32_t backend) {
  if (first().loop().in_loop_thread()) return prober->connect_failed(backend);
  first().loop().post([this, backend] { prober->connect_failed(backend); });
}

void DataPlane::State::eject(std::uint32_t backend, const std::string& why) {
  if (first().loop().in_loop_thread()) return ejector->eject(backend, why);
  first().loop().post([this, backend, why] { ejector->eject(backend, why); });
}

void DataPlane::State::health_changed(std::uint32_t backend, bool healthy) {
  const std::shared_ptr<const ServiceTable> now = current_table();
  for (const ServiceEntry& entry : now->services) {
    for (const auto& candidate : entry.backends) {
      if (candidate->id != backend) continue;
      shared.observer.backend_health(candidate->service, candidate->name, healthy);
    }
  }
  post_to_all([backend, healthy](Worker& worker) { worker.backend_changed(backend, healthy); });
  tell_counts();
}

void DataPlane::State::tell_counts() {
  const std::shared_ptr<const ServiceTable> now = current_table();
  std::vector<std::uint32_t> counts;
  for (const std::uint32_t number : now->order) {
    std::uint32_t count = 0;
    for (const auto& backend : now->services[number].backends) count += backend->healthy ? 1 : 0;
    counts.push_back(count);
  }
  on_backends(std::move(counts));
}

void DataPlane::State::worker_ended() {
  const std::scoped_lock lock(mutex);
  ended_changed.notify_all();
}

}  // namespace regent

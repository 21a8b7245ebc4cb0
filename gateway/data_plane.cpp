#include "gateway/data_plane.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

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
      : shared{topology, self, route, writes, credentials, observer, limits, {}},
        table(std::make_shared<const ServiceTable>(next_table({}, topology, self))) {
    const std::size_t threads = thread_count(limits.threads);
    for (std::size_t index = 0; index < threads; ++index) {
      Worker::Events events;
      events.connect_failed = [this](std::uint32_t backend) { connect_failed(backend); };
      events.ended = [this] { worker_ended(); };
      workers.push_back(std::make_unique<Worker>(shared, index, std::move(events)));
    }
    prober.emplace(first().loop(), first().pool(), [this](std::uint32_t backend, bool healthy) {
      health_changed(backend, healthy);
    });
    resolver.emplace(first().loop());
  }

  // Sockets for one port, one a worker.
  using Sockets = std::vector<Poco::Net::StreamSocket>;

  Status listen();
  Result<Sockets> listen_service(const Service& service) const;
  void begin();
  void resolve_names();
  void connect_failed(std::uint32_t backend);
  void health_changed(std::uint32_t backend, bool healthy);
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
  if (Status status = state.listen(); !status) return status;
  state.running = true;
  state.certificates.start();
  state.first().loop().post([&state] { state.begin(); });
  for (const auto& worker : state.workers) worker->start();
  return Done{};
}

void DataPlane::stop() {
  State& state = *state_;
  if (!std::exchange(state.running, false)) return;
  state.certificates.stop();
  state.run_on_all([](Worker& worker) { worker.wind_down(); });
  {
    std::unique_lock lock(state.mutex);
    state.ended_changed.wait_for(lock, kStopLimit,
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
    for (const auto& backend : entry.backends) {
      about.backends.push_back({backend->name, backend->healthy});
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

// Everything that can fail comes before the workers get anything, so that an error leaves nothing
// behind.
Status DataPlane::State::listen() {
  const TopologyGateway& own = shared.topology.gateway(shared.self);
  auto next = std::make_shared<ServiceTable>(*table);
  std::vector<std::pair<std::uint32_t, Sockets>> by_service;
  for (const std::uint32_t number : next->order) {
    ServiceEntry& entry = next->services[number];
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
    auto sockets = listen_service(service);
    if (!sockets) return sockets.error();
    by_service.emplace_back(number, std::move(*sockets));
  }
  const auto forward_address = resolve({own.host, own.forward_port});
  if (!forward_address) return forward_address.error();
  auto forward = Listener::listening(*forward_address, workers.size());
  if (!forward) return Error{forward.error().code, "forward port: " + forward.error().message};

  table = next;
  for (std::size_t index = 0; index < workers.size(); ++index) {
    workers[index]->set_table(table);
    for (auto& [number, sockets] : by_service) workers[index]->listen(number, sockets[index]);
    workers[index]->listen_forward((*forward)[index]);
  }
  return Done{};
}

Result<DataPlane::State::Sockets> DataPlane::State::listen_service(const Service& service) const {
  auto address = resolve({shared.topology.gateway(shared.self).host, service.port});
  if (!address) return address.error();
  auto sockets = Listener::listening(*address, workers.size());
  if (!sockets) {
    return Error{sockets.error().code, "service " + service.name + ": " + sockets.error().message};
  }
  return sockets;
}

void DataPlane::State::begin() {
  for (const ServiceEntry& entry : table->services) {
    for (const auto& backend : entry.backends) {
      shared.observer.backend_health(backend->service, backend->name, false);
    }
  }
  resolve_names();
  prober->set_table(*table);
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
  first().loop().after(kResolveInterval, [this] { resolve_names(); });
}

void DataPlane::State::connect_failed(std::uint32_t backend) {
  if (first().loop().in_loop_thread()) return prober->connect_failed(backend);
  first().loop().post([this, backend] { prober->connect_failed(backend); });
}

void DataPlane::State::health_changed(std::uint32_t backend, bool healthy) {
  const std::shared_ptr<const ServiceTable> now = current_table();
  std::vector<std::uint32_t> counts;
  for (const std::uint32_t number : now->order) {
    std::uint32_t count = 0;
    for (const auto& candidate : now->services[number].backends) {
      count += candidate->healthy ? 1 : 0;
      if (candidate->id != backend) continue;
      shared.observer.backend_health(number, candidate->name, healthy);
    }
    counts.push_back(count);
  }
  if (!healthy) post_to_all([backend](Worker& worker) { worker.backend_changed(backend); });
  on_backends(std::move(counts));
}

void DataPlane::State::worker_ended() {
  const std::scoped_lock lock(mutex);
  ended_changed.notify_all();
}

}  // namespace regent

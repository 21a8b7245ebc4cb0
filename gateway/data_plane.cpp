#include "gateway/data_plane.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "gateway/health_prober.h"
#include "gateway/http_session.h"
#include "gateway/session.h"
#include "region/clock.h"
#include "region/listener.h"
#include "region/log.h"
#include "region/peer_policy.h"
#include "security/server_certificates.h"

namespace regent {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(100);
// Held requests are placed when the route changes; this catches what changes without it, such as a
// gateway of the primary region that refused a moment ago.
constexpr Duration kHeldTick = std::chrono::milliseconds(20);
constexpr Duration kResolveInterval = std::chrono::seconds(30);

}  // namespace

struct DataPlane::State {
  State(const Topology& model, GatewayId own, const RouteCell& route, WritesInFlight& writes,
        Credentials& creds, RequestObserver& watcher, ProxyLimits limits)
      : topology(model),
        self(own),
        credentials(creds),
        observer(watcher),
        policy(model, own),
        pool(loop, model, own, creds),
        context(loop, model, own, route, writes, pool, watcher, limits),
        sessions(loop, watcher),
        prober(loop, pool, model,
               [this](std::uint32_t backend, bool healthy) { health_changed(backend, healthy); }) {
    context.connect_failed = [this](std::uint32_t backend) { prober.connect_failed(backend); };
    context.held_added = [this] { arm_held_timer(); };
    make_status();
  }

  Status listen();
  Status listen_service(std::uint32_t service);
  Status listen_forward();
  void accept(Poco::Net::StreamSocket socket, HttpSession::Entry entry,
              std::optional<Stream::Tls> tls);
  Status judge_peer(const Identity& peer) const;
  void begin();
  void tick();
  void arm_held_timer();
  void retry_held(bool route_changed);
  void health_changed(std::uint32_t backend, bool healthy);
  void make_status();

  const Topology& topology;
  const GatewayId self;
  Credentials& credentials;
  RequestObserver& observer;
  const PeerPolicy policy;
  EventLoop loop{"data plane"};
  BackendPool pool;
  ProxyContext context;
  SessionSet sessions;
  HealthProber prober;
  std::vector<std::unique_ptr<Listener>> listeners;
  const std::shared_ptr<TicketKeys> tickets = std::make_shared<TicketKeys>(boot_now());
  std::vector<std::unique_ptr<ServerCertificates>> service_tls;  // by service; null: plain
  OnBackends on_backends = [](std::vector<std::uint32_t>) {};
  bool held_timer = false;
  Instant resolve_at{};
  bool running = false;

  mutable std::mutex mutex;  // guards status and ended
  std::vector<ServiceStatus> status;
  std::condition_variable ended_changed;
  bool ended = false;  // no session left while stopping
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
  if (Status status = state_->listen(); !status) {
    state_->listeners.clear();
    return status;
  }
  state_->running = true;
  // Before the first connection, whose time limits count from it.
  state_->context.tick_now = boot_now();
  state_->loop.post([state = state_.get()] { state->begin(); });
  state_->loop.start();
  return Done{};
}

void DataPlane::stop() {
  State& state = *state_;
  if (!std::exchange(state.running, false)) return;
  state.loop.run_and_wait([&state] {
    state.context.stopping = true;
    state.listeners.clear();
    state.sessions.for_each([](Session& session) { session.wind_down(); });
  });
  {
    std::unique_lock lock(state.mutex);
    state.ended_changed.wait_for(lock, kStopLimit, [&state] { return state.ended; });
  }
  state.loop.run_and_wait([&state] {
    state.sessions.for_each([](Session& session) { session.cut_off(); });
    state.pool.close_idle();
  });
  state.loop.stop();
  state.sessions.clear();
}

void DataPlane::route_changed() {
  state_->loop.post([state = state_.get()] {
    state->context.tick_now = boot_now();
    state->sessions.for_each([state](Session& session) {
      session.route_changed();
      session.tick(state->context.tick_now);
    });
    state->retry_held(true);
  });
}

std::vector<ServiceStatus> DataPlane::backend_status() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->status;
}

Status DataPlane::State::listen() {
  service_tls.resize(topology.services.size());
  for (std::uint32_t service = 0; service < topology.services.size(); ++service) {
    if (Status listening = listen_service(service); !listening) return listening;
  }
  return listen_forward();
}

Status DataPlane::State::listen_service(std::uint32_t index) {
  const Service& service = topology.services[index];
  if (service.protocol == Protocol::tcp) {
    log_event(LogLevel::error, "service is not served",
              {{"service", service.name}, {"reason", "this version serves http services only"}});
    return Done{};
  }
  if (!service.tls_cert.empty()) {
    auto tls = ServerCertificates::load({{service.tls_cert, service.tls_key}},
                                        {service.name, {"http/1.1"}, tickets});
    if (!tls) return tls.error();
    service_tls[index] = std::move(*tls);
  }
  auto address = resolve({topology.gateway(self).host, service.port});
  if (!address) return address.error();
  auto listener = Listener::open(loop, *address, [this, index](Poco::Net::StreamSocket socket) {
    const auto& tls = service_tls[index];
    std::optional<Stream::Tls> stream_tls;
    if (tls) stream_tls = Stream::Tls{tls->context(), {}, ""};
    accept(std::move(socket), {index, tls != nullptr}, std::move(stream_tls));
  });
  if (!listener) {
    return Error{listener.error().code,
                 "service " + service.name + ": " + listener.error().message};
  }
  listeners.push_back(std::move(*listener));
  return Done{};
}

Status DataPlane::State::listen_forward() {
  const TopologyGateway& own = topology.gateway(self);
  auto address = resolve({own.host, own.forward_port});
  if (!address) return address.error();
  auto listener = Listener::open(loop, *address, [this](Poco::Net::StreamSocket socket) {
    auto check = [this](const Identity& peer) { return judge_peer(peer); };
    accept(std::move(socket), {std::nullopt, true},
           Stream::Tls{credentials.current()->server, std::move(check), ""});
  });
  if (!listener) return Error{listener.error().code, "forward port: " + listener.error().message};
  listeners.push_back(std::move(*listener));
  return Done{};
}

Status DataPlane::State::judge_peer(const Identity& peer) const {
  const auto known = policy.may_connect(peer);
  if (!known) return known.error();
  return Done{};
}

void DataPlane::State::accept(Poco::Net::StreamSocket socket, HttpSession::Entry entry,
                              std::optional<Stream::Tls> tls) {
  // At the limit a connection is closed as soon as it is accepted.
  if (sessions.size() >= context.limits.max_clients) return;
  auto session = std::make_unique<HttpSession>(context, sessions, entry);
  HttpSession& opened = *session;
  sessions.add(std::move(session));
  opened.open(std::move(socket), std::move(tls));
}

void DataPlane::State::begin() {
  for (std::uint32_t service = 0; service < topology.services.size(); ++service) {
    for (const std::uint32_t backend : pool.backends(service)) {
      observer.backend_health(service, pool.destination(backend).name, false);
    }
  }
  tick();
  prober.start();
}

void DataPlane::State::tick() {
  const Instant now = boot_now();
  context.tick_now = now;
  sessions.for_each([now](Session& session) { session.tick(now); });
  pool.expire_idle(now);
  if (now >= resolve_at) {
    resolve_at = now + kResolveInterval;
    pool.resolve_names();
  }
  if (context.stopping && sessions.size() == 0) {
    const std::scoped_lock lock(mutex);
    ended = true;
    ended_changed.notify_all();
  }
  loop.after(kTick, [this] { tick(); });
}

void DataPlane::State::arm_held_timer() {
  if (std::exchange(held_timer, true)) return;
  loop.after(kHeldTick, [this] {
    held_timer = false;
    retry_held(false);
    if (!context.held.empty()) arm_held_timer();
  });
}

void DataPlane::State::retry_held(bool route_changed) {
  if (context.held.empty()) return;
  const Instant now = boot_now();
  // An exchange that ends in here is destroyed by a later event, so the pointers stay good.
  for (HttpExchange* exchange : context.held.all()) {
    exchange->retry(now, route_changed);
  }
}

void DataPlane::State::health_changed(std::uint32_t backend, bool healthy) {
  const auto& destination = pool.destination(backend);
  observer.backend_health(destination.service, destination.name, healthy);
  make_status();
  std::vector<std::uint32_t> counts;
  for (std::uint32_t service = 0; service < topology.services.size(); ++service) {
    counts.push_back(pool.healthy_count(service));
  }
  on_backends(std::move(counts));
}

void DataPlane::State::make_status() {
  std::vector<ServiceStatus> next;
  for (std::uint32_t service = 0; service < topology.services.size(); ++service) {
    ServiceStatus about;
    about.name = topology.services[service].name;
    about.healthy = pool.healthy_count(service);
    for (const std::uint32_t backend : pool.backends(service)) {
      const auto& destination = pool.destination(backend);
      about.backends.push_back({destination.name, destination.healthy});
    }
    next.push_back(std::move(about));
  }
  const std::scoped_lock lock(mutex);
  status = std::move(next);
}

}  // namespace regent

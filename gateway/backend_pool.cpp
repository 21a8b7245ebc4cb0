#include "gateway/backend_pool.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "region/clock.h"
#include "region/log.h"
#include "region/resolver.h"

namespace regent {
namespace {

constexpr std::size_t kOpenAtOnce = 4;
// A connection that is to stand ready: how long it may take, and how long to wait after a failure.
constexpr Duration kOpenLimit = std::chrono::seconds(3);
constexpr Duration kOpenAgain = std::chrono::seconds(1);

}  // namespace

BackendPool::BackendPool(EventLoop& loop, const Topology& topology, GatewayId self,
                         const Credentials& credentials, std::size_t thread, Wake wake)
    : loop_(loop),
      policy_(topology, self),
      credentials_(credentials),
      source_(literal_address(topology.gateway(self).host, 0)),
      thread_(thread),
      wake_(std::move(wake)) {
  for (std::uint16_t id = 0; id < topology.gateways.size(); ++id) {
    const bool primary = topology.region(topology.gateways[id].region).may_be_primary();
    if (primary && id != self.value) may_be_primary_.push_back(gateway(GatewayId{id}));
  }
}

void BackendPool::set_table(const ServiceTable& table) {
  destinations_.resize(table.next_destination);
  for (const auto& destination : destinations_) {
    if (destination) destination->removed = true;
  }
  const auto take_in = [this](const std::shared_ptr<DestinationState>& state) {
    std::unique_ptr<Destination>& destination = destinations_[state->id];
    if (!destination) {
      destination = std::make_unique<Destination>();
      destination->state = state;
      destination->address = literal_address(state->target.host, state->target.port);
    }
    destination->removed = false;
  };
  for (const auto& gateway : table.gateways) take_in(gateway);
  by_service_.assign(table.services.size(), {});
  for (std::uint32_t service = 0; service < table.services.size(); ++service) {
    const ServiceEntry& entry = table.services[service];
    if (service == queues_.size()) {
      queues_.push_back(std::make_unique<BackendQueue>(entry.state, thread_));
    }
    for (const auto& backend : entry.backends) {
      take_in(backend);
      backend->limit = entry.settings->backend_limits.connections;
      backend->eject_after = entry.settings->ejection.failures;
      by_service_[service].push_back(backend->id);
    }
  }
  for (std::uint32_t id = 0; id < destinations_.size(); ++id) forget_if_over(id);
}

void BackendPool::forget_if_over(std::uint32_t id) {
  std::unique_ptr<Destination>& destination = destinations_[id];
  if (!destination || !destination->removed) return;
  destination->idle.clear();
  destination->opening.clear();
  if (destination->own == 0) destination.reset();
}

void BackendPool::set_address(std::uint32_t id, const Poco::Net::SocketAddress& address) {
  if (id < destinations_.size() && destinations_[id]) destinations_[id]->address = address;
}

BackendPool::Choice BackendPool::pick(std::uint32_t service, const Turn& turn) {
  const std::vector<std::uint32_t>& candidates = by_service_[service];
  const DestinationState* best = nullptr;
  // Those that are set aside come last, rather than nobody; before them the one that failed.
  int best_rank = 0;
  std::uint32_t fewest = 0;
  ++turn_;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const DestinationState& candidate =
        *destinations_[candidates[(i + turn_) % candidates.size()]]->state;
    if (!candidate.healthy) continue;
    const int rank = candidate.ejected ? 2 : candidate.id == turn.failed ? 1 : 0;
    const std::uint32_t under_way = candidate.in_use;
    if (best && (rank > best_rank || (rank == best_rank && under_way >= fewest))) continue;
    best = &candidate;
    best_rank = rank;
    fewest = under_way;
  }
  if (!best) return {{}, any_hopeful(service)};
  if (fewest >= best->limit || (turn.ticket == 0 && queues_[service]->anybody())) return {{}, true};
  return {best->id, false};
}

bool BackendPool::any_hopeful(std::uint32_t service) const {
  return std::ranges::any_of(by_service_[service], [this](std::uint32_t id) {
    const DestinationState& backend = *destinations_[id]->state;
    return !backend.checked || backend.healthy;
  });
}

Stream::Tls BackendPool::tls_for(GatewayId id) const {
  auto check = [this, id](const Identity& peer) -> Status {
    Status verdict = policy_.must_be(id, peer);
    if (!verdict && refusals_.pass(peer.uri() + verdict.error().message, boot_now())) {
      log_event(LogLevel::warning, "peer refused",
                {{"address", destination(id.value).state->name},
                 {"identity", peer.uri()},
                 {"reason", verdict.error().message}});
    }
    return verdict;
  };
  return {credentials_.current()->client, std::move(check), ""};
}

Result<std::unique_ptr<Upstream>> BackendPool::connect(const Destination& destination,
                                                       UpstreamUser& user) {
  const DestinationState& state = *destination.state;
  if (!destination.address) {
    return Error{ErrorCode::unavailable, "the address of " + state.name + " is not known"};
  }
  if (!destination.is_gateway()) return connect_backend(loop_, *destination.address, user);
  return connect_gateway(loop_, *destination.address, source_, tls_for(state.gateway), user);
}

Result<std::unique_ptr<Upstream>> BackendPool::take(std::uint32_t id, bool probe,
                                                    UpstreamUser& user, SendGate* gate) {
  Destination& destination = *destinations_[id];
  DestinationState& state = *destination.state;
  if (state.in_use.fetch_add(1) >= state.limit) {
    state.in_use.fetch_sub(1);
    return Error{ErrorCode::refused, "too many requests are under way to " + state.name};
  }
  ++destination.own;
  traffic_ = true;
  while (!destination.idle.empty()) {
    std::unique_ptr<Upstream> connection = std::move(destination.idle.back());
    destination.idle.pop_back();
    if (probe && connection->looks_dead()) continue;
    connection->used_before = true;
    connection->begin(user, gate);
    return connection;
  }
  auto connection = take_new(destination, user);
  if (!connection) {
    state.in_use.fetch_sub(1);
    --destination.own;
    return connection.error();
  }
  (*connection)->destination = id;
  (*connection)->begin(user, gate);
  return std::move(*connection);
}

Result<std::unique_ptr<Upstream>> BackendPool::take_new(Destination& destination,
                                                        UpstreamUser& user) {
  if (!destination.is_gateway()) return connect(destination, user);
  if (destination.refuses) {
    const Instant now = boot_now();
    if (now < destination.dial_at) {
      return Error{ErrorCode::unavailable, destination.state->name + " has just refused us"};
    }
    destination.dial_at = now + kRefusalPause;
  }
  auto& connecting = destination.connecting;
  std::erase_if(connecting, [](const Upstream* made) { return made->connected(); });
  if (connecting.size() >= kMaxConnecting) {
    return Error{ErrorCode::unavailable,
                 "many connections to " + destination.state->name + " are being made already"};
  }
  if (!destination.opening.empty()) {
    std::unique_ptr<Upstream> begun = std::move(destination.opening.front());
    destination.opening.erase(destination.opening.begin());
    connecting.push_back(begun.get());
    return begun;
  }
  auto connection = connect(destination, user);
  if (connection) connecting.push_back(connection->get());
  return connection;
}

void BackendPool::give_back(std::unique_ptr<Upstream> connection, bool reusable, Instant now) {
  const std::uint32_t id = connection->destination;
  Destination& destination = *destinations_[id];
  std::erase(destination.connecting, connection.get());
  CHECK(destination.own > 0);
  --destination.own;
  destination.state->in_use.fetch_sub(1);
  if (!destination.is_gateway()) wake_first(destination.state->service);
  if (destination.removed) return forget_if_over(id);
  if (!reusable || destination.idle.size() >= kMaxIdlePerDestination) return;
  if (!destination.is_gateway() && !destination.state->healthy) return;
  connection->rest(*this);
  connection->idle_since = now;
  destination.idle.push_back(std::move(connection));
}

void BackendPool::succeeded(std::uint32_t id) {
  destinations_[id]->refuses = false;
  DestinationState& state = *destinations_[id]->state;
  if (state.failures.load(std::memory_order_relaxed) > 0) state.failures = 0;
}

bool BackendPool::failed(std::uint32_t id) {
  DestinationState& state = *destinations_[id]->state;
  const std::uint32_t limit = state.eject_after;
  return limit > 0 && state.failures.fetch_add(1) + 1 >= limit && !state.ejected;
}

void BackendPool::refused(std::uint32_t id) {
  destinations_[id]->refuses = true;
}

bool BackendPool::wait(std::uint32_t service, BackendWaiter& waiter, Turn& turn,
                       const BackendLimits& limits) {
  const Instant now = boot_now();
  if (turn.waits_until == kNever) turn.waits_until = now + limits.queue_wait;
  if (now >= turn.waits_until) return false;
  const std::uint64_t places = std::uint64_t{limits.queue} * by_service_[service].size();
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  if (!queues_[service]->join(waiter, turn.ticket, std::min(places, kMost))) return false;
  if (!pick(service, {{}, turn.ticket, {}}).all_busy) wake_first(service);
  return true;
}

void BackendPool::stop_waiting(std::uint32_t service, const Turn& turn) {
  queues_[service]->leave(turn.ticket);
}

void BackendPool::wake_first(std::uint32_t service) {
  const BackendQueue& queue = *queues_[service];
  if (!queue.anybody()) return;
  if (const auto thread = queue.first_thread()) wake_(*thread, service);
}

void BackendPool::serve_waiting(std::uint32_t service) {
  BackendQueue& queue = *queues_[service];
  while (queue.anybody()) {
    const std::uint64_t first = queue.first_ticket();
    // With no healthy backend left they are let go, too, to be told so.
    if (pick(service, {{}, first, {}}).all_busy) return;
    const auto thread = queue.first_thread();
    if (!thread) return;
    if (*thread != thread_) return wake_(*thread, service);
    queue.pop()->on_backend_room();
    if (queue.first_ticket() == first) return;  // the room was gone before it got there
  }
}

void BackendPool::serve_waiting() {
  for (std::uint32_t service = 0; service < queues_.size(); ++service) {
    if (!queues_[service]->empty()) serve_waiting(service);
  }
}

void BackendPool::drop_idle(const Upstream& connection) {
  Destination& destination = *destinations_[connection.destination];
  const auto is_it = [&](const auto& it) { return it.get() == &connection; };
  // Other threads or the links find out what is wrong; here it is only not tried again at once.
  if (!connection.connected()) destination.open_at = boot_now() + kOpenAgain;
  std::erase_if(destination.opening, is_it);
  std::erase_if(destination.idle, is_it);
}

void BackendPool::expire_idle(Instant now) {
  for (const auto& destination : destinations_) {
    if (!destination) continue;
    const Duration limit = destination->is_gateway() ? kGatewayIdleLimit : kIdleLimit;
    auto& idle = destination->idle;
    const auto fresh = std::find_if(idle.begin(), idle.end(), [&](const auto& connection) {
      return now - connection->idle_since < limit;
    });
    idle.erase(idle.begin(), fresh);
  }
}

void BackendPool::keep_ready(Instant now, const std::vector<GatewayId>& lost) {
  const std::size_t wanted = ready_wanted(now);
  for (const std::uint32_t id : may_be_primary_) {
    if (!destinations_[id]) continue;
    if (std::ranges::count(lost, destinations_[id]->state->gateway) > 0) {
      close_idle(id);
    } else {
      open_ready(id, wanted, now);
    }
  }
}

std::size_t BackendPool::ready_wanted(Instant now) {
  if (std::exchange(traffic_, false)) traffic_until_ = now + kReadyFor;
  std::size_t most = 0;
  for (const std::uint32_t id : may_be_primary_) {
    if (destinations_[id]) most = std::max<std::size_t>(most, destinations_[id]->own);
  }
  if (most >= peak_ || now >= peak_until_) {
    peak_ = most;
    peak_until_ = now + kReadyFor;
  }
  return now < traffic_until_ ? std::clamp(peak_, kMinReady, kMaxReady) : 0;
}

void BackendPool::open_ready(std::uint32_t id, std::size_t wanted, Instant now) {
  Destination& destination = *destinations_[id];
  auto& opening = destination.opening;
  for (auto& connection : opening) {
    if (!connection->connected()) continue;
    connection->idle_since = now;
    destination.idle.push_back(std::move(connection));
  }
  std::erase(opening, nullptr);
  std::erase_if(opening, [&](const auto& begun) { return now - begun->idle_since >= kOpenLimit; });
  const std::size_t have = destination.own + destination.idle.size() + opening.size();
  for (std::size_t i = have; i < std::min(wanted, have + kOpenAtOnce); ++i) {
    if (now < destination.open_at || opening.size() >= kMaxConnecting) return;
    auto connection = connect(destination, *this);
    if (!connection) return;
    (*connection)->destination = id;
    (*connection)->idle_since = now;
    opening.push_back(std::move(*connection));
  }
}

void BackendPool::close_idle(std::uint32_t id) {
  if (id >= destinations_.size() || !destinations_[id]) return;
  destinations_[id]->idle.clear();
  destinations_[id]->opening.clear();
}

void BackendPool::close_idle() {
  for (std::uint32_t id = 0; id < destinations_.size(); ++id) close_idle(id);
}

}  // namespace regent

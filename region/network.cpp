#include "region/network.h"

#include <atomic>
#include <functional>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "region/acceptor.h"
#include "region/clock.h"
#include "region/codec.h"
#include "region/dialled.h"
#include "region/log.h"
#include "region/log_limiter.h"
#include "region/proofs.h"

namespace regent {
namespace {

constexpr Duration kReloadEvery = std::chrono::seconds(1);
constexpr Duration kLogRepeat = std::chrono::seconds(10);

std::uint64_t random_seed() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

// Dialled connections get numbers that no accepted one has.
constexpr std::uint64_t kDialledBit = std::uint64_t{1} << 63;

// A drill must not cut what may have to end it.
bool outlasts_faults(const PeerMessage& message) {
  return std::holds_alternative<DrillNotice>(message);
}

}  // namespace

struct Network::State : Dialled::Owner, Acceptor::Owner {
  State(const Topology& the_topology, Endpoint self, Credentials& the_credentials,
        Handler& the_handler, const LinkFaults* the_faults)
      : topology(the_topology),
        credentials(the_credentials),
        handler(the_handler),
        faults(the_faults),
        policy(topology, self),
        codec(topology),
        proofs(topology, policy, credentials.current()),
        context{loop,
                resolver,
                policy,
                credentials,
                literal_address(policy.address_of(self).host, 0),
                patience()},
        acceptor(std::make_unique<Acceptor>(
            loop, policy, credentials,
            Acceptor::Limits{.idle = idle_limit(), .unacknowledged = patience()}, *this)) {}

  // Sent bytes unacknowledged for this long mean that the path is gone.
  Duration patience() const {
    return std::max<Duration>(4 * topology.timing.heartbeat, std::chrono::seconds(1));
  }
  // Everybody we accept speaks at least each heartbeat or each lease.
  Duration idle_limit() const {
    return std::max<Duration>(std::chrono::seconds(10),
                              2 * std::max(topology.timing.lease, 2 * topology.timing.heartbeat));
  }

  void on_dialled_open(Dialled& dialled) override;
  void on_dialled_frame(Dialled& dialled, std::span<const std::byte> body) override;
  void on_dialled_closed(Dialled& dialled, const Error& reason) override;
  void on_accepted_frame(std::uint64_t connection, const Endpoint& peer,
                         std::span<const std::byte> body) override;

  Status received(const From& from, std::span<const std::byte> body, bool& certificate_missing);
  Status may_say(const Endpoint& peer, const PeerMessage& message) const;
  std::vector<std::string> encode(PeerMessage message, Proofs::Carried& carried) const;
  // Through the faults of a drill, and then away.
  void depart(const Endpoint& to, std::function<void()> send);
  void send(const Endpoint& target, PeerMessage message);
  void reply(std::uint64_t connection, PeerMessage message);
  std::optional<Endpoint> peer_at(std::uint64_t connection) const;
  bool cut_off(const Endpoint& peer) const;
  void count_sent(const std::string& body);
  void reload();

  const Topology& topology;
  Credentials& credentials;
  Handler& handler;
  const LinkFaults* const faults;
  const PeerPolicy policy;
  const Codec codec;
  EventLoop loop{"network"};
  Resolver resolver{loop};
  Proofs proofs;
  const Dialled::Context context;
  std::map<Endpoint, std::unique_ptr<Dialled>> dialled;
  std::vector<Endpoint> dialled_order;  // connection number of a dialled one: its place here
  std::unique_ptr<Acceptor> acceptor;
  LogLimiter limiter{kLogRepeat};
  std::size_t delayed = 0;  // messages held back for a drill
  std::atomic<std::uint64_t> messages_sent = 0;
  std::atomic<std::uint64_t> messages_received = 0;
  std::atomic<std::uint64_t> bytes_sent = 0;
  std::atomic<std::uint64_t> bytes_received = 0;
};

void Network::State::on_dialled_open(Dialled& opened) {
  log_event(LogLevel::info, "connected",
            {{"peer", policy.describe(opened.target())}, {"address", opened.address()}});
  handler.on_connection(opened.target(), true, nullptr);
}

void Network::State::on_dialled_closed(Dialled& closed, const Error& reason) {
  const std::string peer = policy.describe(closed.target());
  if (const auto suppressed = limiter.pass(peer + reason.message, boot_now())) {
    log_event(LogLevel::warning,
              reason.code == ErrorCode::refused ? "peer refused" : "not connected",
              {{"peer", peer},
               {"address", closed.address()},
               {"reason", reason.message},
               {"repeated", std::to_string(*suppressed)}});
  }
  handler.on_connection(closed.target(), false, &reason);
}

void Network::State::on_dialled_frame(Dialled& source, std::span<const std::byte> body) {
  const Endpoint& peer = source.target();
  const auto place = std::find(dialled_order.begin(), dialled_order.end(), peer);
  const auto number = static_cast<std::uint64_t>(place - dialled_order.begin());
  const From from{peer, policy.region_of(peer), kDialledBit | number};
  bool certificate_missing = false;
  const Status done = received(from, body, certificate_missing);
  if (!done.ok()) return source.drop(done.error());
  if (certificate_missing) {
    source.drop({ErrorCode::unavailable, "opened anew to get a node's certificate again"});
  }
}

void Network::State::on_accepted_frame(std::uint64_t connection, const Endpoint& peer,
                                       std::span<const std::byte> body) {
  const From from{peer, policy.region_of(peer), connection};
  bool certificate_missing = false;
  const Status done = received(from, body, certificate_missing);
  if (!done.ok()) return acceptor->close(connection, done.error());
  if (certificate_missing) {
    acceptor->close(connection, {ErrorCode::unavailable, "to get a node's certificate again"});
  }
}

Status Network::State::received(const From& from, std::span<const std::byte> body,
                                bool& certificate_missing) {
  const Instant now = boot_now();
  messages_received.fetch_add(1, std::memory_order_relaxed);
  bytes_received.fetch_add(body.size(), std::memory_order_relaxed);
  const bool lost = faults != nullptr && (faults->drops_from(from.region) || cut_off(from.peer));
  auto message = codec.decode(body);
  if (lost && !(message.ok() && outlasts_faults(*message))) return Done{};
  if (!message.ok()) {
    return Error{ErrorCode::invalid, "malformed message: " + message.error().message};
  }
  const Status allowed = may_say(from.peer, *message);
  if (!allowed.ok()) return allowed;
  if (auto* tally = std::get_if<TallyMessage>(&*message)) {
    certificate_missing = proofs.admit(from.peer, *tally, now);
    if (tally->answers.empty()) return Done{};
  }
  handler.on_message(from, std::move(message).value(), now);
  return Done{};
}

Status Network::State::may_say(const Endpoint& peer, const PeerMessage& message) const {
  if (std::holds_alternative<NodeId>(peer) && !std::holds_alternative<TallyMessage>(message)) {
    return Error{ErrorCode::invalid, "a node may say nothing but answers"};
  }
  if (std::holds_alternative<NodeId>(policy.self()) &&
      !std::holds_alternative<RoundMessage>(message)) {
    return Error{ErrorCode::invalid, "a node may be told nothing but questions"};
  }
  return Done{};
}

std::vector<std::string> Network::State::encode(PeerMessage message,
                                                Proofs::Carried& carried) const {
  std::vector<std::string> bodies;
  auto* tally = std::get_if<TallyMessage>(&message);
  if (tally == nullptr) {
    bodies.push_back(codec.encode(message));
    return bodies;
  }
  proofs.attach(*tally, carried);
  for (std::size_t first = 0; first < tally->answers.size(); first += Codec::kMaxAnswers) {
    const std::size_t last = std::min(first + Codec::kMaxAnswers, tally->answers.size());
    const auto begin = tally->answers.begin();
    bodies.push_back(codec.encode(TallyMessage{
        .round = tally->round,
        .answers = {std::make_move_iterator(begin + static_cast<std::ptrdiff_t>(first)),
                    std::make_move_iterator(begin + static_cast<std::ptrdiff_t>(last))}}));
  }
  return bodies;
}

void Network::State::count_sent(const std::string& body) {
  messages_sent.fetch_add(1, std::memory_order_relaxed);
  bytes_sent.fetch_add(body.size(), std::memory_order_relaxed);
}

// A node that a drill takes away, from a process that has faults.
bool Network::State::cut_off(const Endpoint& peer) const {
  const auto* node = std::get_if<NodeId>(&peer);
  return node != nullptr && faults->drops_node(*node);
}

void Network::State::depart(const Endpoint& to, std::function<void()> send) {
  if (faults == nullptr) return send();
  const RegionId region = policy.region_of(to);
  if (faults->drops_to(region) || cut_off(to)) return;
  const Duration delay = faults->delay_to(region);
  if (delay == Duration::zero()) return send();
  if (delayed >= kMaxDelayed) return;
  ++delayed;
  loop.after(delay, [this, late = std::move(send)] {
    --delayed;
    late();
  });
}

// nullopt when the connection is gone.
std::optional<Endpoint> Network::State::peer_at(std::uint64_t connection) const {
  if ((connection & kDialledBit) != 0) return dialled_order.at(connection & ~kDialledBit);
  return acceptor->peer(connection);
}

void Network::State::send(const Endpoint& target, PeerMessage message) {
  const auto found = dialled.find(target);
  CHECK(found != dialled.end());
  Dialled& to = *found->second;
  if (!to.open()) return;
  for (const std::string& body : encode(std::move(message), to.carried())) {
    if (to.send(body)) count_sent(body);
  }
}

void Network::State::reply(std::uint64_t connection, PeerMessage message) {
  if ((connection & kDialledBit) != 0) {
    return send(dialled_order.at(connection & ~kDialledBit), std::move(message));
  }
  Proofs::Carried* carried = acceptor->carried(connection);
  if (carried == nullptr) return;
  for (const std::string& body : encode(std::move(message), *carried)) {
    if (acceptor->send(connection, body)) count_sent(body);
  }
}

void Network::State::reload() {
  loop.after(kReloadEvery, [this] { reload(); });
  const auto reloaded = credentials.reload_if_changed();
  if (!reloaded.ok()) {
    if (limiter.pass(reloaded.error().message, boot_now())) {
      log_event(LogLevel::error, "certificate not reloaded, the old one stays in use",
                {{"reason", reloaded.error().message}});
    }
  } else if (*reloaded) {
    proofs.set_credentials(credentials.current());
    log_event(LogLevel::info, "certificate reloaded",
              {{"identity", credentials.current()->identity.uri()}});
  }
}

Network::Network(const Topology& topology, Endpoint self, Credentials& credentials,
                 Handler& handler, const LinkFaults* faults)
    : state_(std::make_unique<State>(topology, self, credentials, handler, faults)) {}

Network::~Network() {
  stop();
}

Status Network::start() {
  State& state = *state_;
  const auto address = resolve(state.policy.address_of(state.policy.self()));
  if (!address.ok()) return address.error();
  const Status listening = state.acceptor->listen(*address);
  if (!listening.ok()) return listening;
  std::uint64_t seed = random_seed();
  state.dialled_order = state.policy.targets();
  for (const Endpoint& target : state.dialled_order) {
    state.dialled.emplace(target,
                          std::make_unique<Dialled>(state.context, target, ++seed, *state_));
  }
  state.loop.start();
  state.loop.post([&state] {
    for (const auto& [target, dialled] : state.dialled) dialled->start();
    state.reload();
  });
  return Done{};
}

void Network::stop() {
  state_->loop.stop();
  state_->dialled.clear();
  state_->acceptor.reset();
}

void Network::send(const Endpoint& target, PeerMessage message) {
  state_->loop.post([state = state_.get(), target, carried = std::move(message)]() mutable {
    if (outlasts_faults(carried)) return state->send(target, std::move(carried));
    state->depart(target, [state, target, left = std::move(carried)]() mutable {
      state->send(target, std::move(left));
    });
  });
}

void Network::reply(std::uint64_t connection, PeerMessage message) {
  state_->loop.post([state = state_.get(), connection, carried = std::move(message)]() mutable {
    const auto to = state->peer_at(connection);
    if (!to) return;
    state->depart(*to, [state, connection, left = std::move(carried)]() mutable {
      state->reply(connection, std::move(left));
    });
  });
}

void Network::reconnect(const Endpoint& target) {
  state_->loop.post([state = state_.get(), target] {
    const auto found = state->dialled.find(target);
    CHECK(found != state->dialled.end());
    found->second->reconnect();
  });
}

Network::Counters Network::counters() const {
  return {.messages_sent = state_->messages_sent,
          .messages_received = state_->messages_received,
          .bytes_sent = state_->bytes_sent,
          .bytes_received = state_->bytes_received};
}

}  // namespace regent

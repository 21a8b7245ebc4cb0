#include "region/simulation/rehearsal_clients.h"

#include <algorithm>

namespace regent::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// What a backend and the ways inside a region take.
constexpr Duration kLeastService = microseconds(500);
constexpr Duration kServiceSpread = milliseconds(3);
// Between two looks of a gateway that holds a write.
constexpr Duration kRetry = milliseconds(2);
constexpr Duration kAfterRefusal = milliseconds(20);
// Until a gateway tries anew where it was cut off, with what its timer adds to that.
constexpr Duration kAfterCut = milliseconds(60);
// A connection and its TLS, behind which the request is sent, and which the refusal ends.
constexpr int kRefusalWays = 6;

}  // namespace

RehearsalClients::RehearsalClients(World& world, Processes& processes,
                                   const RehearsalOptions& options, Way way)
    : world_(world), processes_(processes), options_(options), way_(std::move(way)) {
  const Topology& topology = world.topology;
  for (std::uint16_t i = 0; i < topology.gateways.size(); ++i) {
    clients_.push_back({{},
                        0,
                        {topology.gateways.size(), GatewayId{i}, topology.timing.heartbeat,
                         DriftBound{topology.timing.clock_drift_ppm}, topology.quorum_hash}});
  }
}

void RehearsalClients::begin() {
  for (std::uint16_t i = 0; i < clients_.size(); ++i) {
    world_.schedule.after(world_.up_to(options_.write_every), [this, i] { send(GatewayId{i}); });
  }
}

void RehearsalClients::record(std::vector<RehearsedWrite>& writes) {
  writes_ = &writes;
  zero_ = world_.schedule.now();
}

void RehearsalClients::send(GatewayId client) {
  clients_[client.value].sent = world_.schedule.now();
  clients_[client.value].attempts = 0;
  attempt(client);
}

void RehearsalClients::heard(GatewayId by, GatewayId from, const Heartbeat& heartbeat) {
  clients_[by.value].links.heard(from, heartbeat, clock());
}

bool RehearsalClients::makes_cut(GatewayId gateway, GatewayId towards) const {
  return std::ranges::count(cuts_, std::pair(region(gateway), region(towards))) > 0;
}

bool RehearsalClients::knows_no_way(GatewayId client, GatewayId leader) const {
  return makes_cut(client, leader) ||
         clients_[client.value].links.state(leader, clock()) == LinkState::down;
}

void RehearsalClients::attempt(GatewayId client) {
  if (!processes_.gateways[client.value]->alive()) return answered(client, {.no_answer = true});
  if (taken_by(client)) {
    const Duration service = kLeastService + world_.up_to(kServiceSpread);
    const Epoch epoch = world_.checker.holder(world_.schedule.now())->epoch;
    return world_.schedule.after(service, [this, client, epoch] {
      answered(client, {.taken = true, .by = region(client), .epoch = epoch});
    });
  }
  const auto holder = world_.checker.holder(world_.schedule.now());
  if (!holder || holder->gateway == client || knows_no_way(client, holder->gateway)) {
    return retry(client, kRetry);
  }
  const GatewayId leader = holder->gateway;
  const Duration way = way_(region(client), region(leader));
  if (makes_cut(leader, client)) {
    const Duration refusal = kRefusalWays / 2 * (way + way_(region(leader), region(client)));
    return world_.schedule.after(refusal, [this, client] { retry(client, kAfterCut); });
  }
  world_.schedule.after(way, [this, client, leader] { arrive(client, leader); });
}

// At the gateway that led when the write was sent there.
void RehearsalClients::arrive(GatewayId client, GatewayId leader) {
  if (cut_between(client, leader)) return cut_off(client, makes_cut(client, leader));
  if (!taken_by(leader)) return retry(client, kRetry);
  const Epoch epoch = world_.checker.holder(world_.schedule.now())->epoch;
  const Duration service = kLeastService + world_.up_to(kServiceSpread);
  world_.schedule.after(service + way_(region(leader), region(client)),
                        [this, client, leader, epoch] {
                          if (cut_between(client, leader))
                            return cut_off(client, makes_cut(client, leader));
                          answered(client, {.taken = true, .by = region(leader), .epoch = epoch});
                        });
}

// The write carries a key, so it may be sent again. A gateway that has made the cut `by_itself`
// knows better than to try.
void RehearsalClients::cut_off(GatewayId client, bool by_itself) {
  if (++clients_[client.value].attempts >= options_.attempts) {
    return answered(client, {.unknown = true});
  }
  retry(client, by_itself ? kRetry : kAfterCut);
}

void RehearsalClients::retry(GatewayId client, Duration pause) {
  const Client& waiting = clients_[client.value];
  if (world_.schedule.now() - waiting.sent >= options_.hold) {
    return answered(client, {.unknown = waiting.attempts > 0});
  }
  world_.schedule.after(pause, [this, client] { attempt(client); });
}

bool RehearsalClients::taken_by(GatewayId gateway) {
  const auto later = world_.checker.holder(world_.schedule.now() + options_.serve_margin);
  if (!later || region(later->gateway) != region(gateway)) return false;
  const std::uint64_t before = world_.checker.writes();
  processes_.gateways[gateway.value]->write(kLeastService);
  return world_.checker.writes() > before && world_.checker.holder(world_.schedule.now());
}

void RehearsalClients::answered(GatewayId client, RehearsedWrite write) {
  const TrueInstant now = world_.schedule.now();
  if (writes_ != nullptr) {
    write.sent = clients_[client.value].sent - zero_;
    write.answered = now - zero_;
    write.through = client;
    writes_->push_back(write);
  }
  const Duration pause = write.no_answer ? kAfterRefusal : Duration{};
  world_.schedule.after(options_.write_every + pause, [this, client] { send(client); });
}

}  // namespace regent::simulation

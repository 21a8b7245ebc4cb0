#include "region/simulation/rehearsal_clients.h"

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

}  // namespace

RehearsalClients::RehearsalClients(World& world, Processes& processes,
                                   const RehearsalOptions& options, Way way)
    : world_(world),
      processes_(processes),
      options_(options),
      way_(std::move(way)),
      clients_(world.topology.gateways.size()) {}

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
  attempt(client);
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
  if (!holder || holder->gateway == client || cut(client, holder->gateway)) return retry(client);
  world_.schedule.after(way_(region(client), region(holder->gateway)),
                        [this, client, leader = holder->gateway] { arrive(client, leader); });
}

// At the gateway that led when the write was sent there.
void RehearsalClients::arrive(GatewayId client, GatewayId leader) {
  if (!taken_by(leader)) return retry(client);
  const Epoch epoch = world_.checker.holder(world_.schedule.now())->epoch;
  const Duration service = kLeastService + world_.up_to(kServiceSpread);
  world_.schedule.after(
      service + way_(region(leader), region(client)), [this, client, leader, epoch] {
        // The answer is lost with the link; the write carries a key, so it may be sent again.
        if (cut(leader, client)) return retry(client);
        answered(client, {.taken = true, .by = region(leader), .epoch = epoch});
      });
}

void RehearsalClients::retry(GatewayId client) {
  const TrueInstant now = world_.schedule.now();
  if (now - clients_[client.value].sent >= options_.hold) return answered(client, {});
  world_.schedule.after(kRetry, [this, client] { attempt(client); });
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

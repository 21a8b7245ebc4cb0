#include "gateway/client/route_finder.h"

#include <algorithm>
#include <random>

#include "region/clock.h"

namespace regent::client {
namespace {

// The clock does not stand still in a suspended machine, but poll(2) does.
constexpr Duration kLongestSleep = std::chrono::seconds(1);

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

int poll_timeout_ms(Instant now, Instant next) {
  const Duration wait = std::clamp(next - now, Duration{}, kLongestSleep);
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(wait).count());
}

}  // namespace

RouteFinder::RouteFinder(const FinderOptions& options, RouteCell& cell, Report report)
    : redis_timeout_(options.redis_timeout),
      cell_(cell),
      report_(std::move(report)),
      random_(random_seed()),
      gateways_(options.gateways, options.cluster, options.ca_file, options.gateway_timeout,
                keeper_, random_),
      missing_since_(boot_now()) {
  const std::string key = "regent:{" + options.cluster + "}:route";
  for (const Endpoint& redis : options.redis) {
    redis_.emplace_back(redis, key, options.redis_timeout, keeper_, random_);
  }
}

void RouteFinder::run(int stop_fd) {
  std::vector<pollfd> wanted;
  while (true) {
    const Instant now = boot_now();
    const Instant next = tick(now);
    const bool changed = publish(now);
    report_(changed, state());
    wanted.assign(1, {stop_fd, POLLIN, 0});
    for (const RedisSource& redis : redis_) redis.add_wants(wanted);
    gateways_.add_wants(wanted);
    if (poll(wanted.data(), wanted.size(), poll_timeout_ms(boot_now(), next)) <= 0) continue;
    if (wanted.front().revents != 0) return;
    const Instant woken = boot_now();
    for (std::size_t i = 1; i < wanted.size(); ++i) {
      if (wanted[i].revents == 0) continue;
      for (RedisSource& redis : redis_) redis.move(wanted[i], woken);
      gateways_.move(wanted[i], woken);
    }
  }
}

// When Redis should have shown a longer lease by now; without a route, when Redis has had its
// chance.
bool RouteFinder::gateways_needed(Instant now) const {
  if (const auto& current = keeper_.current()) {
    return now >= current->asked + (current->ends - current->asked) * 2 / 3;
  }
  return now >= missing_since_ + redis_timeout_ ||
         std::all_of(redis_.begin(), redis_.end(),
                     [](const RedisSource& redis) { return redis.useless(); });
}

// Does what is due; returns when to do so next.
Instant RouteFinder::tick(Instant now) {
  keeper_.expire(now);
  Instant next = kNever;
  for (RedisSource& redis : redis_) next = std::min(next, redis.tick(now));
  const bool needed = gateways_needed(now);
  next = std::min(next, gateways_.tick(needed, now));
  if (const auto& current = keeper_.current()) {
    next = std::min(next, current->ends);
    if (!needed) next = std::min(next, current->asked + (current->ends - current->asked) * 2 / 3);
  } else if (!needed) {
    next = std::min(next, missing_since_ + redis_timeout_);
  }
  return next;
}

// Whether the cell shows another route than before.
bool RouteFinder::publish(Instant now) {
  const auto& current = keeper_.current();
  if (keeper_.version() == published_) {
    if (current && current->ends != published_ends_) {
      cell_.extend(current->ends);
      published_ends_ = current->ends;
    }
    return false;
  }
  crowded_ = current && !cell_.publish(current->route, current->ends);
  if (!current) {
    cell_.clear();
    missing_since_ = now;
  }
  // Without room, the next turn tries again.
  if (crowded_) return false;
  published_ = keeper_.version();
  published_ends_ = current ? current->ends : Instant::min();
  return true;
}

RouteClientState RouteFinder::state() const {
  RouteClientState state;
  state.highest = keeper_.highest();
  for (const RedisSource& redis : redis_) {
    state.sources.push_back({"redis " + redis.redis().text(), redis.problem()});
  }
  for (const GatewaySource::Gateway& gateway : gateways_.gateways()) {
    state.sources.push_back({"gateway " + gateway.address.text(), gateway.problem});
  }
  if (crowded_) {
    state.sources.push_back({"this process", "holds " + std::to_string(RouteCell::kMaxSlots) +
                                                 " routes in views; let go of them"});
  }
  return state;
}

}  // namespace regent::client

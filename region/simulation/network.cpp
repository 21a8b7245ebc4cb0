#include "region/simulation/network.h"

#include <algorithm>

#include "quorum/check.h"

namespace regent::simulation {
namespace {

constexpr std::int64_t kMillion = 1'000'000;

}  // namespace

Instant Clock::at(TrueInstant now) const {
  return reading_ + (now - base_) * (kMillion + rate_ppm_) / kMillion;
}

TrueInstant Clock::when(Instant reading) const {
  if (reading == kNever) return TrueInstant::max();
  if (reading <= reading_) return base_;
  const std::int64_t rate = kMillion + rate_ppm_;
  return base_ + Duration(((reading - reading_).count() * kMillion + rate - 1) / rate);
}

void Clock::set_rate(TrueInstant now, std::int64_t rate_ppm) {
  reading_ = at(now);
  base_ = now;
  rate_ppm_ = rate_ppm;
}

bool Schedule::is_later(const Event& a, const Event& b) {
  return a.when != b.when ? a.when > b.when : a.order > b.order;
}

void Schedule::at(TrueInstant when, Action action) {
  CHECK(when >= now_);
  events_.push_back({when, scheduled_++, std::move(action)});
  std::push_heap(events_.begin(), events_.end(), is_later);
}

bool Schedule::step(TrueInstant end) {
  if (events_.empty() || events_.front().when >= end) {
    now_ = std::max(now_, end);
    return false;
  }
  std::pop_heap(events_.begin(), events_.end(), is_later);
  const Event event = std::move(events_.back());
  events_.pop_back();
  now_ = event.when;
  event.action();
  return true;
}

Network::Network(Schedule& schedule, Random& random, std::size_t processes)
    : schedule_(schedule), random_(random), processes_(processes), paths_(processes * processes) {}

void Network::set_distance(ProcessId from, ProcessId to, Duration least) {
  path(from, to).least = std::max<Duration>(least, std::chrono::microseconds(1));
}

void Network::set_cut(ProcessId from, ProcessId to, bool cut) {
  unsigned& cuts = path(from, to).cuts;
  if (cut) {
    ++cuts;
  } else if (cuts > 0) {
    --cuts;
  }
}

void Network::heal() {
  for (Path& path : paths_) path.cuts = 0;
}

Duration Network::delay(const Path& path) {
  const auto up_to = [&](Duration bound) {
    return Duration(random_.below(static_cast<std::uint64_t>(bound.count())));
  };
  Duration delay = path.least + up_to(conditions_.jitter);
  if (random_.below(1000) < conditions_.straggler_permille) {
    delay += up_to(conditions_.straggler_delay);
  }
  return delay;
}

void Network::send(ProcessId from, ProcessId to, const Schedule::Action& deliver) {
  const Path& path = this->path(from, to);
  if (path.cuts > 0 || random_.below(1000) < conditions_.loss_permille) return;
  schedule_.after(delay(path), deliver);
  while (random_.below(1000) < conditions_.duplicate_permille) {
    schedule_.after(delay(path), deliver);
  }
}

}  // namespace regent::simulation

#include "gateway/serving_right.h"

#include <algorithm>

#include "quorum/check.h"
#include "region/clock.h"
#include "region/log.h"

namespace regent {

bool ServingRight::holds(const Route& route, Instant now) const {
  if (local()) return route.epoch == epoch && route.serves_writes(now);
  return route.epoch <= epoch && route.primary == primary && route.knows_primary(now) &&
         std::ranges::count(route.lost, through) == 0;
}

Instant ServingRight::until(const Route& route) const {
  return local() ? route.serve_until : route.known_until;
}

void RightWatch::add(Holder& holder) {
  holder.place_ = holders_.size();
  holders_.push_back(&holder);
  arm(holder.right_.until(route_.get()));
}

void RightWatch::remove(Holder& holder) {
  const std::size_t place = holder.place_;
  CHECK(place < holders_.size() && holders_[place] == &holder);
  holders_[place] = holders_.back();
  holders_[place]->place_ = place;
  holders_.pop_back();
}

bool RightWatch::holds(const ServingRight& right) {
  const Route& route = route_.get();
  return right.holds(route, boot_now());
}

void RightWatch::check() {
  const Route route = route_.get();  // a copy: holders look at the route, too
  const Instant now = boot_now();
  std::size_t ended = 0;
  Instant next = kNever;
  for (std::size_t i = holders_.size(); i-- > 0;) {
    Holder& holder = *holders_[i];
    if (holder.right_.holds(route, now)) {
      next = std::min(next, holder.right_.until(route));
    } else {
      ++ended;
      holder.right_ended();
    }
  }
  arm(next);
  if (ended == 0) return;
  log_event(LogLevel::info, "connections cut: the right to serve them has ended",
            {{"connections", std::to_string(ended)}, {"epoch", std::to_string(route.epoch.value)}});
}

// A renewed lease moves the end; the timer then finds out that it is early.
void RightWatch::arm(Instant at) {
  if (at >= armed_) return;
  loop_.cancel(timer_);
  armed_ = at;
  const Instant now = boot_now();
  timer_ = loop_.after(std::max(at, now) - now, [this] {
    timer_ = 0;
    armed_ = kNever;
    check();
  });
}

}  // namespace regent

#include "region/simulation/schedule.h"

#include <algorithm>
#include <utility>

#include "quorum/check.h"

namespace regent::simulation {

void Schedule::add(TrueInstant when, Target* target, std::uint32_t what, std::uint32_t detail) {
  CHECK(when >= now_);
  events_.push_back({when, scheduled_++, target, what, detail});
  std::push_heap(events_.begin(), events_.end(), is_later);
}

void Schedule::at(TrueInstant when, Target& target, std::uint32_t what, std::uint32_t detail) {
  add(when, &target, what, detail);
}

void Schedule::after(Duration delay, Action action) {
  std::uint32_t place = static_cast<std::uint32_t>(actions_.size());
  if (free_actions_.empty()) {
    actions_.push_back(std::move(action));
  } else {
    place = free_actions_.back();
    free_actions_.pop_back();
    actions_[place] = std::move(action);
  }
  add(now_ + delay, nullptr, 0, place);
}

bool Schedule::step(TrueInstant end) {
  if (events_.empty() || events_.front().when >= end) {
    now_ = std::max(now_, end);
    return false;
  }
  std::pop_heap(events_.begin(), events_.end(), is_later);
  const Event event = events_.back();
  events_.pop_back();
  now_ = event.when;
  ++steps_;
  if (event.target != nullptr) {
    event.target->due(event.what, event.detail);
    return true;
  }
  const Action action = std::exchange(actions_[event.detail], nullptr);
  free_actions_.push_back(event.detail);
  action();
  return true;
}

}  // namespace regent::simulation

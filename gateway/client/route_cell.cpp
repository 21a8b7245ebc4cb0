#include "gateway/client/route_cell.h"

#include <algorithm>

namespace regent::client {

RouteCell::~RouteCell() {
  for (const auto& slot : slots_) CHECK(!slot->pinned());
}

bool RouteCell::Slot::pinned() const {
  return std::any_of(pins.begin(), pins.end(), [](const Pins& stripe) {
    return stripe.count.load(std::memory_order_seq_cst) != 0;
  });
}

RouteCell::Slot* RouteCell::free_slot() {
  const Slot* current = current_.load(std::memory_order_relaxed);
  const auto found = std::find_if(slots_.begin(), slots_.end(), [&](const auto& slot) {
    return slot.get() != current && !slot->pinned();
  });
  if (found != slots_.end()) return found->get();
  if (slots_.size() >= kMaxSlots) return nullptr;
  return slots_.emplace_back(std::make_unique<Slot>()).get();
}

bool RouteCell::publish(const Route& route, Instant ends) {
  Slot* slot = free_slot();
  if (slot != nullptr) {
    slot->route = route;
    slot->ends.store(ends.time_since_epoch().count(), std::memory_order_relaxed);
  }
  current_.store(slot, std::memory_order_seq_cst);
  return slot != nullptr;
}

void RouteCell::extend(Instant ends) {
  Slot* slot = current_.load(std::memory_order_relaxed);
  CHECK(slot != nullptr);
  slot->ends.store(ends.time_since_epoch().count(), std::memory_order_relaxed);
}

void RouteCell::clear() {
  current_.store(nullptr, std::memory_order_seq_cst);
}

}  // namespace regent::client
